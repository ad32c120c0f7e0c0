//! Loading include trees: one statement an edge for each chunk of keys.
//!
//! A page with the relations it includes costs 1 + Σ edges × ⌈keys ÷ chunk⌉
//! statements, however many entities there are.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;

use recto_relations::{
    Adjacency, AnyEntities, Cardinality, Counted, Edge, Entities, Entity, Filter, Include,
    LinkData, Relation, RelationInfo, Requested, SortValue, Span, Storage, ToOne,
};

use super::{FromKey, MappedMany, MappedOne, Page, PageRequest, Stored, ToKey};
use crate::query::{Children, Correlation, Keys, Resolved, SortColumns};
use crate::{Connection, Error};

/// How many keys one statement looks for.
///
/// No relation reaches more than 10,000 entities, so more than two statements
/// an edge do not happen.
pub const CHUNK: usize = 5_000;

/// A direction of a relation that can be followed without knowing its types.
pub trait AnyEdge: Sync {
    /// Which one.
    fn info(&self) -> &'static RelationInfo;

    /// Loads it, and what is asked for behind it.
    #[doc(hidden)]
    fn load(
        &self,
        conn: &mut Connection,
        parents: &dyn AnyEntities,
        requested: &Requested,
    ) -> Result<Edge, Error>;

    /// Where what it leads to is found.
    #[doc(hidden)]
    fn correlation(&self) -> Correlation;

    /// Counts what it leads to.
    #[doc(hidden)]
    fn count(&self, conn: &mut Connection, parents: &dyn AnyEntities) -> Result<Counted, Error>;
}

/// A to-many direction.
#[derive(Debug)]
#[doc(hidden)]
pub struct Many<R>(PhantomData<fn() -> R>);

/// A to-one direction.
#[derive(Debug)]
#[doc(hidden)]
pub struct One<R>(PhantomData<fn() -> R>);

impl<R> Many<R> {
    #[doc(hidden)]
    pub const EDGE: Self = Self(PhantomData);
}

impl<R> One<R> {
    #[doc(hidden)]
    pub const EDGE: Self = Self(PhantomData);
}

/// Puts entities on a level and loads what is included from there.
pub(super) fn level<E: Stored>(
    conn: &mut Connection,
    entities: Vec<E>,
    include: &Include,
) -> Result<Entities<E>, Error> {
    let mut level = Entities::new(entities);
    follow(conn, &mut level, include)?;
    Ok(level)
}

/// Cuts off the one more that was asked for and loads the rest as a level.
pub(super) fn page<E: Stored>(
    conn: &mut Connection,
    mut entities: Vec<E>,
    window: &PageRequest<E::Key>,
    include: &Include,
) -> Result<Page<E>, Error> {
    let more = entities.len() > window.limit as usize;
    entities.truncate(window.limit as usize);
    Ok(Page { entities: level(conn, entities, include)?, more })
}

/// A page of children and what their links say.
pub(super) fn linked_page<E: Stored, D: LinkData>(
    conn: &mut Connection,
    mut children: Vec<(E, D)>,
    window: &PageRequest<E::Key>,
    include: &Include,
) -> Result<Page<E>, Error> {
    let more = children.len() > window.limit as usize;
    children.truncate(window.limit as usize);
    let (entities, links) = children.into_iter().unzip();
    let mut level = level(conn, entities, include)?;
    level.attach_link_data::<D>(links);
    Ok(Page { entities: level, more })
}

fn follow<E: Stored>(
    conn: &mut Connection,
    level: &mut Entities<E>,
    include: &Include,
) -> Result<(), Error> {
    for requested in include.edges() {
        let edge = mapped::<E>(requested.relation).load(conn, level, requested)?;
        level.attach(edge);
    }
    for relation in include.counts() {
        let counted = mapped::<E>(relation).count(conn, level)?;
        level.attach_counts(counted);
    }
    Ok(())
}

fn mapped<E: Stored>(relation: &RelationInfo) -> &'static dyn AnyEdge {
    mapped_in(E::edges(), relation)
}

fn mapped_in<'e>(edges: &[&'e dyn AnyEdge], relation: &RelationInfo) -> &'e dyn AnyEdge {
    edges
        .iter()
        .copied()
        .find(|edge| edge.info() == relation)
        .expect("every relation of the domain is mapped, which a test holds")
}

/// A filter with its relations and fields resolved to columns.
pub fn resolve<E: Stored>(filter: &Filter) -> Resolved {
    resolve_in(E::edges(), E::SORT_COLUMNS, filter)
}

fn resolve_in(edges: &[&dyn AnyEdge], columns: SortColumns, filter: &Filter) -> Resolved {
    let each = |filters: &[Filter]| {
        filters.iter().map(|filter| resolve_in(edges, columns, filter)).collect()
    };
    match filter {
        Filter::And(all) => Resolved::And(each(all)),
        Filter::Or(any) => Resolved::Or(each(any)),
        Filter::Not(inner) => Resolved::Not(Box::new(resolve_in(edges, columns, inner))),
        Filter::Compare(comparison) => {
            Resolved::Compare(columns.plain(comparison.field), comparison.clone())
        }
        Filter::Related { relation, filter } => {
            let correlation = mapped_in(edges, relation).correlation();
            let filter = resolve_in(edges, correlation.columns, filter);
            Resolved::Related(correlation, Box::new(filter))
        }
    }
}

fn correlation<R: Relation<To: Stored>>(children: Children, anchor: &'static str) -> Correlation {
    let to_itself = R::INFO.from == R::INFO.to;
    Correlation { children, anchor, columns: R::To::SORT_COLUMNS, to_itself }
}

fn typed<R: Relation>(parents: &dyn AnyEntities) -> &Entities<R::From> {
    (parents.as_any() as &dyn Any)
        .downcast_ref()
        .expect("a level is followed by the edges of its own entity only")
}

impl<R: MappedMany> AnyEdge for Many<R> {
    fn info(&self) -> &'static RelationInfo {
        R::INFO
    }

    fn correlation(&self) -> Correlation {
        correlation::<R>(R::CHILDREN, R::From::SORT_COLUMNS.key)
    }

    fn load(
        &self,
        conn: &mut Connection,
        parents: &dyn AnyEntities,
        requested: &Requested,
    ) -> Result<Edge, Error> {
        let occurrences = parents.occurrences().iter().sum();
        let limit = requested.per_parent(occurrences);
        let from = typed::<R>(parents);
        let Reached { entities, said, links } = match from.as_slice() {
            [parent] => of_one::<R>(conn, parent.key(), requested, limit)?,
            several => of_each::<R>(conn, several, requested, limit)?,
        };
        let mut target = Entities::reached(entities, parents, &links);
        target.attach_link_data::<R::Data>(said);
        follow(conn, &mut target, &requested.nested)?;
        Ok(Edge::new(R::INFO, (limit, requested.sort.clone()), links, Box::new(target)))
    }

    fn count(&self, conn: &mut Connection, parents: &dyn AnyEntities) -> Result<Counted, Error> {
        let from = typed::<R>(parents).as_slice();
        let mut counts = HashMap::with_capacity(from.len());
        for chunk in distinct(from.iter().map(Entity::key)).chunks(CHUNK) {
            counts.extend(R::counts(conn, &Keys::new(chunk))?);
        }
        let number = |parent: &R::From| counts.get(&parent.key()).copied().unwrap_or(0);
        let numbers = from.iter().map(|parent| number(parent).unsigned_abs()).collect();
        Ok(Counted { relation: R::INFO, numbers })
    }
}

/// What a to-many direction leads to from the entities of a level.
struct Reached<E, D> {
    entities: Vec<E>,
    /// What the link to each says.
    said: Vec<D>,
    links: Adjacency,
}

fn of_one<R: MappedMany>(
    conn: &mut Connection,
    parent: FromKey<R>,
    requested: &Requested,
    limit: u32,
) -> Result<Reached<R::To, R::Data>, Error> {
    let window = PageRequest { limit, sort: requested.sort.clone(), after: None };
    let mut children = R::of_one(conn, parent, &window)?;
    let more = children.len() > limit as usize;
    children.truncate(limit as usize);
    let span = Span { start: 0, end: index(children.len()), more };
    let (entities, said) = children.into_iter().unzip();
    Ok(Reached { entities, said, links: Adjacency::Many(vec![span]) })
}

fn of_each<R: MappedMany>(
    conn: &mut Connection,
    parents: &[R::From],
    requested: &Requested,
    limit: u32,
) -> Result<Reached<R::To, R::Data>, Error> {
    let keys = distinct(parents.iter().map(Entity::key));
    let sort = &requested.sort;
    let mut found = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        found.extend(R::of_each(conn, &Keys::new(chunk), sort, i64::from(limit) + 1)?);
    }
    // Which children there are was decided in SQL. A join promises no order,
    // so it is established here, by the very values that SQL compared.
    if sort.terms().is_empty() {
        found.sort_unstable_by(|(a_parent, a, _), (b_parent, b, _)| {
            let (a, b) = (a.key(), b.key());
            let by_key = if sort.key_ascending() { a.cmp(&b) } else { b.cmp(&a) };
            a_parent.cmp(b_parent).then(by_key)
        });
    } else {
        found.sort_by_cached_key(|(parent, child, link)| {
            (*parent, Rank::of(child, link, requested))
        });
    }
    Ok(group(parents, found, limit))
}

/// Cuts children that are sorted by parent into a run for each parent.
fn group<P: Stored, C, D>(parents: &[P], found: Vec<(P::Key, C, D)>, limit: u32) -> Reached<C, D> {
    let mut runs: HashMap<P::Key, Span> = HashMap::with_capacity(parents.len());
    let mut entities: Vec<C> = Vec::with_capacity(found.len());
    let mut said: Vec<D> = Vec::with_capacity(found.len());
    let mut current: Option<(P::Key, Span)> = None;
    for (parent, child, link) in found {
        if current.is_none_or(|(key, _)| key != parent) {
            runs.extend(current);
            let start = index(entities.len());
            current = Some((parent, Span { start, end: start, more: false }));
        }
        if let Some((_, span)) = &mut current {
            if span.end - span.start == limit {
                span.more = true;
            } else {
                span.end += 1;
                entities.push(child);
                said.push(link);
            }
        }
    }
    runs.extend(current);
    let run = |parent: &P| runs.get(&parent.key()).copied().unwrap_or_default();
    Reached { entities, said, links: Adjacency::Many(parents.iter().map(run).collect()) }
}

impl<R: MappedOne> AnyEdge for One<R> {
    fn info(&self) -> &'static RelationInfo {
        R::INFO
    }

    fn correlation(&self) -> Correlation {
        correlation::<R>(R::PARENT.0, R::PARENT.1)
    }

    fn load(
        &self,
        conn: &mut Connection,
        parents: &dyn AnyEntities,
        requested: &Requested,
    ) -> Result<Edge, Error> {
        let (found, links) = R::of_all(conn, typed::<R>(parents).as_slice())?;
        let links = Adjacency::One(links);
        let mut target = Entities::reached(found, parents, &links);
        follow(conn, &mut target, &requested.nested)?;
        let shape = (requested.limit, requested.sort.clone());
        Ok(Edge::new(R::INFO, shape, links, Box::new(target)))
    }

    fn count(&self, conn: &mut Connection, parents: &dyn AnyEntities) -> Result<Counted, Error> {
        let (_, links) = R::of_all(conn, typed::<R>(parents).as_slice())?;
        let numbers = links.iter().map(|link| u64::from(link.is_some())).collect();
        Ok(Counted { relation: R::INFO, numbers })
    }
}

/// What foreign keys lead to.
#[expect(clippy::type_complexity, reason = "parents, and an index for each child")]
#[doc(hidden)]
pub fn by_foreign_key<R: ToOne<From: Stored, To: Stored>>(
    conn: &mut Connection,
    children: &[R::From],
) -> Result<(Vec<R::To>, Vec<Option<u32>>), Error> {
    let keys = distinct(children.iter().filter_map(R::foreign_key));
    let mut found: Vec<R::To> = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        match chunk {
            [key] => found.extend(R::To::by_key(conn, *key)?),
            several => found.extend(R::To::by_keys(conn, &Keys::new(several))?),
        }
    }
    let places = places(&found);
    let link = |entity: &R::From| match R::foreign_key(entity) {
        None => Ok(None),
        Some(key) => {
            places.get(&key).copied().map(Some).ok_or_else(|| dangling::<R>(&entity.key()))
        }
    };
    let links = children.iter().map(link).collect::<Result<_, Error>>()?;
    Ok((found, links))
}

/// What children lead to over something in between: pairs of a child's key and
/// what it leads to, of which each is kept once.
#[expect(clippy::type_complexity, reason = "parents, and an index for each child")]
#[doc(hidden)]
pub fn linked_to<R: Relation<From: Stored, To: Stored>>(
    children: &[R::From],
    pairs: Vec<(FromKey<R>, R::To)>,
) -> Result<(Vec<R::To>, Vec<Option<u32>>), Error> {
    let mut found: Vec<R::To> = Vec::new();
    let mut places: HashMap<ToKey<R>, u32> = HashMap::new();
    let mut links: HashMap<FromKey<R>, u32> = HashMap::with_capacity(pairs.len());
    for (child, entity) in pairs {
        let place = *places.entry(entity.key()).or_insert_with(|| {
            found.push(entity);
            index(found.len() - 1)
        });
        links.insert(child, place);
    }
    let link = |child: &R::From| match links.get(&child.key()).copied() {
        None if R::INFO.cardinality == Cardinality::One => Err(dangling::<R>(&child.key())),
        place => Ok(place),
    };
    let links = children.iter().map(link).collect::<Result<_, Error>>()?;
    Ok((found, links))
}

fn places<E: Entity>(entities: &[E]) -> HashMap<E::Key, u32> {
    entities.iter().enumerate().map(|(place, entity)| (entity.key(), index(place))).collect()
}

/// Within a snapshot a key cannot dangle while foreign keys are enforced, so
/// this was put there by something that does not enforce them.
fn dangling<R: Relation>(row: &FromKey<R>) -> Error {
    let (table, column) = match R::INFO.storage {
        Storage::ForeignKey { table, column } | Storage::Link { table, to: column, .. } => {
            (table, column)
        }
        Storage::Through { first, second } => (first, second),
    };
    let reason = "it points at a row that does not exist".to_owned();
    Error::Corrupt { table, column, row: row.to_string(), reason }
}

/// Where a child stands among its siblings.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<K: Ord> {
    values: Vec<Directed<SortValue>>,
    key: Directed<K>,
}

impl<K: Ord> Rank<K> {
    fn of<E: Entity<Key = K>>(entity: &E, link: &impl LinkData, requested: &Requested) -> Self {
        let sort = &requested.sort;
        let values = sort
            .terms()
            .iter()
            .map(|term| {
                let field = term.field;
                let value =
                    if field.of_link { link.sort_value(field) } else { entity.sort_value(field) };
                Directed::value(value, term.descending)
            })
            .collect();
        Self { values, key: Directed::new(entity.key(), !sort.key_ascending()) }
    }
}

/// A value that sorts up or down; one that is empty sorts last either way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Directed<T> {
    Up(T),
    Down(std::cmp::Reverse<T>),
    Last,
}

impl<T> Directed<T> {
    fn new(value: T, descending: bool) -> Self {
        if descending { Self::Down(std::cmp::Reverse(value)) } else { Self::Up(value) }
    }
}

impl Directed<SortValue> {
    fn value(value: SortValue, descending: bool) -> Self {
        match value {
            SortValue::Empty => Self::Last,
            value => Self::new(value, descending),
        }
    }
}

/// Each key once, in ascending order.
fn distinct<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<K> {
    let mut keys: Vec<K> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("no relation reaches more than 10,000 entities")
}
