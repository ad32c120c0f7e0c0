//! Loading include trees: one statement an edge for each chunk of keys.
//!
//! A page with the relations it includes costs 1 + Σ edges × ⌈keys ÷ chunk⌉
//! statements, however many entities there are.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;

use recto_domain::relation::{
    AnyLevel, Cardinality, Counted, Edge, Entity, Include, Level, Links, Relation, RelationInfo,
    Requested, Span, Storage, ToOne, children_per_parent,
};

use super::{MappedMany, Page, Stored, Window};
use crate::query::Keys;
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
        parents: &dyn AnyLevel,
        requested: &Requested,
    ) -> Result<Edge, Error>;

    /// Counts what it leads to.
    #[doc(hidden)]
    fn count(&self, conn: &mut Connection, parents: &dyn AnyLevel) -> Result<Counted, Error>;
}

/// A to-many direction.
#[derive(Debug)]
pub(crate) struct Many<R>(PhantomData<fn() -> R>);

/// A to-one direction.
#[derive(Debug)]
pub(crate) struct One<R>(PhantomData<fn() -> R>);

impl<R> Many<R> {
    pub(crate) const EDGE: Self = Self(PhantomData);
}

impl<R> One<R> {
    pub(crate) const EDGE: Self = Self(PhantomData);
}

/// Puts entities on a level and loads what is included from there.
pub(super) fn level<E: Stored>(
    conn: &mut Connection,
    entities: Vec<E>,
    include: &Include,
) -> Result<Level<E>, Error> {
    let mut level = Level::root(entities);
    follow(conn, &mut level, include)?;
    Ok(level)
}

/// Cuts off the one more that was asked for and loads the rest as a level.
pub(super) fn page<E: Stored>(
    conn: &mut Connection,
    mut entities: Vec<E>,
    window: &Window<E::Key>,
    include: &Include,
) -> Result<Page<E>, Error> {
    let more = entities.len() > window.limit as usize;
    entities.truncate(window.limit as usize);
    Ok(Page { level: level(conn, entities, include)?, more })
}

fn follow<E: Stored>(
    conn: &mut Connection,
    level: &mut Level<E>,
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
    E::edges()
        .iter()
        .copied()
        .find(|edge| edge.info() == relation)
        .expect("every relation of the domain is mapped, which a test holds")
}

fn typed<R: Relation>(parents: &dyn AnyLevel) -> &Level<R::From> {
    (parents.as_any() as &dyn Any)
        .downcast_ref()
        .expect("a level is followed by the edges of its own entity only")
}

impl<R: MappedMany> AnyEdge for Many<R> {
    fn info(&self) -> &'static RelationInfo {
        R::INFO
    }

    fn load(
        &self,
        conn: &mut Connection,
        parents: &dyn AnyLevel,
        requested: &Requested,
    ) -> Result<Edge, Error> {
        let occurrences = parents.occurrences().iter().sum();
        let limit = children_per_parent(requested.limit, occurrences);
        let from = typed::<R>(parents);
        let (children, links) = match from.entities() {
            [parent] => of_one::<R>(conn, parent.key(), requested, limit)?,
            several => of_each::<R>(conn, several, requested, limit)?,
        };
        let mut target = Level::reached(children, parents, &links);
        follow(conn, &mut target, &requested.nested)?;
        Ok(Edge::new(R::INFO, (limit, requested.sort.clone()), links, Box::new(target)))
    }

    fn count(&self, conn: &mut Connection, parents: &dyn AnyLevel) -> Result<Counted, Error> {
        let from = typed::<R>(parents).entities();
        let mut counts = HashMap::with_capacity(from.len());
        for chunk in distinct(from.iter().map(Entity::key)).chunks(CHUNK) {
            counts.extend(R::counts(conn, &Keys::new(chunk))?);
        }
        let number = |parent: &R::From| counts.get(&parent.key()).copied().unwrap_or(0);
        let numbers = from.iter().map(|parent| number(parent).unsigned_abs()).collect();
        Ok(Counted { relation: R::INFO, numbers })
    }
}

fn of_one<R: MappedMany>(
    conn: &mut Connection,
    parent: <R::From as Entity>::Key,
    requested: &Requested,
    limit: u32,
) -> Result<(Vec<R::To>, Links), Error> {
    let window = Window { limit, sort: requested.sort.clone(), after: None };
    let mut children = R::of_one(conn, parent, &window)?;
    let more = children.len() > limit as usize;
    children.truncate(limit as usize);
    let span = Span { start: 0, end: index(children.len()), more };
    Ok((children, Links::Many(vec![span])))
}

fn of_each<R: MappedMany>(
    conn: &mut Connection,
    parents: &[R::From],
    requested: &Requested,
    limit: u32,
) -> Result<(Vec<R::To>, Links), Error> {
    let keys = distinct(parents.iter().map(Entity::key));
    let mut pairs = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        pairs.extend(R::of_each(conn, &Keys::new(chunk), &requested.sort, i64::from(limit) + 1)?);
    }
    // Which children there are was decided in SQL. A join promises no order,
    // so it is established here, by the very values that SQL compared.
    if requested.sort.terms().is_empty() {
        pairs.sort_unstable_by(|(a_parent, a), (b_parent, b)| {
            let by_key = if requested.sort.key_ascending() {
                a.key().cmp(&b.key())
            } else {
                b.key().cmp(&a.key())
            };
            a_parent.cmp(b_parent).then(by_key)
        });
    } else {
        pairs.sort_by_cached_key(|(parent, child)| (*parent, Rank::of(child, requested)));
    }
    Ok(group(&keys, parents, pairs, limit))
}

/// Cuts pairs that are sorted by parent into a run for each parent.
fn group<P: Stored, C>(
    keys: &[P::Key],
    parents: &[P],
    pairs: Vec<(P::Key, C)>,
    limit: u32,
) -> (Vec<C>, Links) {
    let mut runs: HashMap<P::Key, Span> = HashMap::with_capacity(keys.len());
    let mut children: Vec<C> = Vec::with_capacity(pairs.len());
    let mut current: Option<(P::Key, Span)> = None;
    for (parent, child) in pairs {
        if current.is_none_or(|(key, _)| key != parent) {
            runs.extend(current);
            let start = index(children.len());
            current = Some((parent, Span { start, end: start, more: false }));
        }
        if let Some((_, span)) = &mut current {
            if span.end - span.start == limit {
                span.more = true;
            } else {
                span.end += 1;
                children.push(child);
            }
        }
    }
    runs.extend(current);
    let run = |parent: &P| runs.get(&parent.key()).copied().unwrap_or_default();
    (children, Links::Many(parents.iter().map(run).collect()))
}

impl<R: ToOne<From: Stored, To: Stored>> AnyEdge for One<R> {
    fn info(&self) -> &'static RelationInfo {
        R::INFO
    }

    fn load(
        &self,
        conn: &mut Connection,
        parents: &dyn AnyLevel,
        requested: &Requested,
    ) -> Result<Edge, Error> {
        let from = typed::<R>(parents).entities();
        let keys = distinct(from.iter().filter_map(R::foreign_key));
        let mut found: Vec<R::To> = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(CHUNK) {
            match chunk {
                [key] => found.extend(R::To::by_key(conn, *key)?),
                several => found.extend(R::To::by_keys(conn, &Keys::new(several))?),
            }
        }
        let places: HashMap<_, _> =
            found.iter().enumerate().map(|(place, entity)| (entity.key(), index(place))).collect();
        let link = |entity: &R::From| match R::foreign_key(entity) {
            None => Ok(None),
            Some(key) => places.get(&key).copied().map(Some).ok_or_else(dangling::<R>),
        };
        let links = Links::One(from.iter().map(link).collect::<Result<_, Error>>()?);
        let mut target = Level::reached(found, parents, &links);
        follow(conn, &mut target, &requested.nested)?;
        let shape = (requested.limit, requested.sort.clone());
        Ok(Edge::new(R::INFO, shape, links, Box::new(target)))
    }

    fn count(&self, _: &mut Connection, parents: &dyn AnyLevel) -> Result<Counted, Error> {
        // Counting is offered for to-many relations only.
        debug_assert_eq!(R::INFO.cardinality, Cardinality::Many);
        let number = |entity| u64::from(R::foreign_key(entity).is_some());
        let numbers = typed::<R>(parents).entities().iter().map(number).collect();
        Ok(Counted { relation: R::INFO, numbers })
    }
}

/// Within a snapshot a key cannot dangle while foreign keys are enforced.
fn dangling<R: Relation>() -> Error {
    let (Storage::ForeignKey { table, column } | Storage::Link { table, to: column, .. }) =
        R::INFO.storage;
    Error::Dangling { key: format!("{table}.{column}") }
}

/// Where a child stands among its siblings.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<K: Ord> {
    values: Vec<Directed<recto_domain::relation::SortValue>>,
    key: Directed<K>,
}

impl<K: Ord> Rank<K> {
    fn of<E: Entity<Key = K>>(entity: &E, requested: &Requested) -> Self {
        let sort = &requested.sort;
        let values = sort
            .terms()
            .iter()
            .map(|term| Directed::value(entity.sort_value(term.field), term.descending))
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

impl Directed<recto_domain::relation::SortValue> {
    fn value(value: recto_domain::relation::SortValue, descending: bool) -> Self {
        match value {
            recto_domain::relation::SortValue::Empty => Self::Last,
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
