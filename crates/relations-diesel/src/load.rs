//! Loading of included relations, with one statement for each relation and [`CHUNK`] of keys.
//!
//! A page with included relations needs 1 + Σ relations × ⌈keys ÷ chunk⌉ statements.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;

use recto_relations::{
    Adjacency, AnyEntities, Counted, Edge, Entities, Entity, Filter, Include, IncludedRelation,
    Many, One, Optional, Relation, RelationInfo, Seek, ToMany,
};

use crate::association::{
    Association, ToManyAssociation, ToOneAssociation, check_declared, first_per_parent,
};
use crate::connection::Connection;
use crate::mapping::{Mapping, Stored, columns, key_list};
use crate::query::{Children, Correlation, ResolvedFilter, SortColumns};
use crate::resolve::{CHUNK, distinct};
use crate::siblings::{Grouped, group_many_parents, group_one_parent};
use crate::sql::Sql;

/// A direction of a relation with the association that stores it.
///
/// Implemented by [`map_relations!`](crate::map_relations).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not mapped in `{M}`",
    note = "add a line for it to `map_relations!`"
)]
pub trait Mapped<M: Mapping>: Relation {
    /// The association.
    type Association;
}

/// A line of [`map_relations!`](crate::map_relations). The bound checks it against the declaration.
#[doc(hidden)]
pub trait MappedLine<M: Mapping>: Relation {
    type Association: Association<Self>;
}

/// Checks at compile time what the bound of a line cannot.
///
/// # Panics
/// If the mapping differs from the declaration.
#[doc(hidden)]
pub const fn check_line<M: Mapping, R: MappedLine<M>>() {
    check_declared::<R, R::Association>();
}

/// A mapping with a list of its relations.
///
/// Implemented by [`map_relations!`](crate::map_relations).
pub trait MappedRelations: Mapping {
    /// Returns both directions of every mapped relation.
    fn edges() -> &'static [&'static dyn AnyEdge<Self>];
}

/// A mapped to-many relation.
pub trait MappedMany<M: Mapping>:
    ToMany<From: Stored<M>, To: Stored<M>> + Mapped<M, Association: ToManyAssociation<M, Self>>
{
}

impl<M: Mapping, R> MappedMany<M> for R where
    R: ToMany<From: Stored<M>, To: Stored<M>> + Mapped<M, Association: ToManyAssociation<M, R>>
{
}

/// A mapped to-one relation.
pub trait MappedOne<M: Mapping>:
    Relation<From: Stored<M>, To: Stored<M>> + Mapped<M, Association: ToOneAssociation<M, Self>>
{
}

impl<M: Mapping, R> MappedOne<M> for R where
    R: Relation<From: Stored<M>, To: Stored<M>> + Mapped<M, Association: ToOneAssociation<M, R>>
{
}

/// A direction of a relation, without its type.
pub trait AnyEdge<M: Mapping>: Sync {
    /// Returns the description of the relation.
    fn info(&self) -> &'static RelationInfo;

    /// Loads the relation from `parents`, and the nested relations.
    #[doc(hidden)]
    fn load(
        &self,
        conn: &mut Connection<M>,
        parents: &dyn AnyEntities,
        included: &IncludedRelation,
    ) -> Result<Edge, M::Error>;

    /// Counts the entities that the relation leads to from each of `parents`.
    #[doc(hidden)]
    fn count(
        &self,
        conn: &mut Connection<M>,
        parents: &dyn AnyEntities,
    ) -> Result<Counted, M::Error>;

    /// Returns the tables and columns of the relation.
    #[doc(hidden)]
    fn correlation(&self) -> Correlation;
}

/// A direction of a relation as a value of size zero.
struct TypedEdge<R>(PhantomData<fn() -> R>);

#[doc(hidden)]
pub const fn edge<M: MappedRelations, R: Mapped<M>>() -> &'static dyn AnyEdge<M>
where
    R::Cardinality: Load<M, R>,
{
    &TypedEdge::<R>(PhantomData)
}

/// Loading of relations of a [`CardinalityType`](recto_relations::CardinalityType).
#[doc(hidden)]
pub trait Load<M: Mapping, R: Relation> {
    fn load(
        conn: &mut Connection<M>,
        parents: &Entities<R::From>,
        included: &IncludedRelation,
    ) -> Result<Edge, M::Error>;

    fn count(conn: &mut Connection<M>, parents: &[R::From]) -> Result<Vec<u64>, M::Error>;

    fn correlation() -> Correlation;
}

impl<M: Mapping, R: Mapped<M, Cardinality: Load<M, R>>> AnyEdge<M> for TypedEdge<R> {
    fn info(&self) -> &'static RelationInfo {
        R::INFO
    }

    fn load(
        &self,
        conn: &mut Connection<M>,
        parents: &dyn AnyEntities,
        included: &IncludedRelation,
    ) -> Result<Edge, M::Error> {
        R::Cardinality::load(conn, downcast::<R>(parents), included)
    }

    fn count(
        &self,
        conn: &mut Connection<M>,
        parents: &dyn AnyEntities,
    ) -> Result<Counted, M::Error> {
        let numbers = R::Cardinality::count(conn, downcast::<R>(parents).as_slice())?;
        Ok(Counted { relation: R::INFO, numbers })
    }

    fn correlation(&self) -> Correlation {
        R::Cardinality::correlation()
    }
}

fn downcast<R: Relation>(parents: &dyn AnyEntities) -> &Entities<R::From> {
    (parents.as_any() as &dyn Any)
        .downcast_ref()
        .expect("a relation is loaded from the entities that it starts at")
}

impl<M: MappedRelations, R: MappedMany<M>> Load<M, R> for Many {
    fn load(
        conn: &mut Connection<M>,
        parents: &Entities<R::From>,
        included: &IncludedRelation,
    ) -> Result<Edge, M::Error> {
        let limit = included.per_parent(parents.occurrences().iter().sum());
        let Grouped { children, link_data, adjacency } = match parents.as_slice() {
            [parent] => {
                let (parent, first) = (parent.key().into(), Seek::first(limit + 1));
                let found = R::Association::page_for_parent(conn, parent, &included.sort, &first)?;
                group_one_parent(found, limit)
            }
            several => {
                let keys = distinct(several.iter().map(Entity::key));
                let mut found = Vec::with_capacity(keys.len());
                for chunk in keys.chunks(CHUNK) {
                    let query = first_per_parent::<M, R, R::Association>(
                        chunk,
                        &included.sort,
                        i64::from(limit) + 1,
                    );
                    found.extend(R::Association::first_per_parent(conn, query)?);
                }
                group_many_parents(several, found, included, limit)
            }
        };
        let mut target = Entities::reached(children, parents, &adjacency);
        target.attach_link_data::<R::Data>(link_data);
        load_included(conn, &mut target, &included.nested)?;
        Ok(Edge::new(R::INFO, (limit, included.sort.clone()), adjacency, Box::new(target)))
    }

    fn count(conn: &mut Connection<M>, parents: &[R::From]) -> Result<Vec<u64>, M::Error> {
        let mut counts = HashMap::with_capacity(parents.len());
        for chunk in distinct(parents.iter().map(Entity::key)).chunks(CHUNK) {
            counts.extend(R::Association::counts(conn, key_list::<M, R::From>(chunk))?);
        }
        let number = |parent: &R::From| counts.get(&parent.key().into()).copied().unwrap_or(0);
        Ok(parents.iter().map(|parent| number(parent).unsigned_abs()).collect())
    }

    fn correlation() -> Correlation {
        correlation::<M, R>(R::Association::children(), columns::<M, R::From>().key)
    }
}

macro_rules! load_to_one {
    ($($kind:ty),*) => {$(
        impl<M: MappedRelations, R: MappedOne<M>> Load<M, R> for $kind {
            fn load(
                conn: &mut Connection<M>,
                parents: &Entities<R::From>,
                included: &IncludedRelation,
            ) -> Result<Edge, M::Error> {
                load_one::<M, R>(conn, parents, included)
            }

            fn count(conn: &mut Connection<M>, parents: &[R::From]) -> Result<Vec<u64>, M::Error> {
                count_one::<M, R>(conn, parents)
            }

            fn correlation() -> Correlation {
                correlation_one::<M, R>()
            }
        }
    )*};
}

load_to_one!(One, Optional);

fn load_one<M: MappedRelations, R: MappedOne<M>>(
    conn: &mut Connection<M>,
    children: &Entities<R::From>,
    included: &IncludedRelation,
) -> Result<Edge, M::Error> {
    let (found, links) = R::Association::resolve_parents(conn, children.as_slice())?;
    let adjacency = Adjacency::One(links);
    let mut target = Entities::reached(found, children, &adjacency);
    load_included(conn, &mut target, &included.nested)?;
    let shape = (included.limit, included.sort.clone());
    Ok(Edge::new(R::INFO, shape, adjacency, Box::new(target)))
}

fn count_one<M: MappedRelations, R: MappedOne<M>>(
    conn: &mut Connection<M>,
    children: &[R::From],
) -> Result<Vec<u64>, M::Error> {
    let (_, links) = R::Association::resolve_parents(conn, children)?;
    Ok(links.iter().map(|link| u64::from(link.is_some())).collect())
}

fn correlation_one<M: MappedRelations, R: MappedOne<M>>() -> Correlation {
    let (parents, child_key) = R::Association::parents();
    correlation::<M, R>(parents, child_key)
}

fn correlation<M: Mapping, R: Relation<To: Stored<M>>>(
    children: Children,
    anchor: &'static dyn Sql,
) -> Correlation {
    let to_itself = R::INFO.from == R::INFO.to;
    Correlation { children, anchor, columns: columns::<M, R::To>(), to_itself }
}

pub(crate) fn load_included<M: MappedRelations, E: Entity>(
    conn: &mut Connection<M>,
    entities: &mut Entities<E>,
    include: &Include,
) -> Result<(), M::Error> {
    for included in include.relations() {
        let edge = edge_of::<M>(included.relation).load(conn, entities, included)?;
        entities.attach(edge);
    }
    for relation in include.counts() {
        let counted = edge_of::<M>(relation).count(conn, entities)?;
        entities.attach_counts(counted);
    }
    Ok(())
}

/// Returns a direction of a relation.
///
/// # Panics
/// If the relation is not mapped. [`unmapped`] finds such relations in a test.
pub(crate) fn edge_of<M: MappedRelations>(relation: &RelationInfo) -> &'static dyn AnyEdge<M> {
    M::edges()
        .iter()
        .copied()
        .find(|edge| edge.info() == relation)
        .expect("every relation is mapped, as checked by `unmapped` in a test")
}

/// Returns the relations of some modules that are not mapped.
///
/// Loading such a relation panics, so a test should check that there are none.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
/// # fn main() {
/// assert!(recto_relations_diesel::unmapped::<Library>(&[&LIBRARY]).is_empty());
/// # }
/// ```
pub fn unmapped<M: MappedRelations>(
    modules: &[&'static recto_relations::Module],
) -> Vec<&'static RelationInfo> {
    let is_mapped = |relation: &RelationInfo| M::edges().iter().any(|edge| edge.info() == relation);
    let declared = modules.iter().flat_map(|module| module.relations.iter().copied());
    declared.filter(|relation| !is_mapped(relation)).collect()
}

/// Resolves the relations and the fields of a filter to columns.
pub(crate) fn resolve_filter<M: MappedRelations>(
    columns: SortColumns,
    filter: &Filter,
) -> ResolvedFilter {
    let each =
        |filters: &[Filter]| filters.iter().map(|f| resolve_filter::<M>(columns, f)).collect();
    match filter {
        Filter::And(all) => ResolvedFilter::And(each(all)),
        Filter::Or(any) => ResolvedFilter::Or(each(any)),
        Filter::Not(inner) => ResolvedFilter::Not(Box::new(resolve_filter::<M>(columns, inner))),
        Filter::Compare(comparison) => {
            ResolvedFilter::Compare(columns.filter_column(comparison.field), comparison.clone())
        }
        Filter::Related { relation, filter } => {
            let correlation = edge_of::<M>(relation).correlation();
            let filter = resolve_filter::<M>(correlation.columns, filter);
            ResolvedFilter::Related(correlation, Box::new(filter))
        }
    }
}

/// Maps relations to the associations that store them.
///
/// The first line names the [`Mapping`] and its error. Each of the other lines maps both directions
/// of a relation:
///
/// ```text
/// map_relations! { Library, Error;
///     AuthorBooks <=> BookAuthor: HasMany<AuthorRow, BookRow>;
///     BookReaders <=> ReaderBooks: ManyToMany<BookRow, LoanRow, ReaderRow, loans::turn>;
///     ReaderGuests <=> ReaderHost: HasMany<ReaderRow, ReaderRow, SameTable>;
///     AuthorReviews <=> ReviewAuthor: HasManyThrough<AuthorRow, BookRow, ReviewRow>;
/// }
/// ```
///
/// A line does not compile if the schema does not match the declared relation: a foreign key with
/// another type or nullability, a missing `belongs_to` or `joinable!`, a link table whose primary
/// key is not the pair of its foreign keys, or a different order.
///
/// Diesel supports one foreign key for each pair of structs, so a second foreign key to the same
/// parent needs a parent struct of its own:
///
/// ```text
/// /// A reader who recommends a book.
/// #[derive(Identifiable)]
/// #[diesel(table_name = readers)]
/// struct Recommender { id: i64 }
///
/// #[diesel(belongs_to(ReaderRow, foreign_key = borrower_id))]
/// #[diesel(belongs_to(Recommender, foreign_key = recommender_id))]
/// ```
///
/// The example `lending` maps every kind of relation.
#[macro_export]
macro_rules! map_relations {
    ($mapping:ty, $error:ty; $($there:ident <=> $back:ident: $association:ty;)*) => {
        $(
            impl $crate::MappedLine<$mapping> for $there {
                type Association = $association;
            }
            impl $crate::Mapped<$mapping> for $there {
                type Association = $association;
            }
            impl $crate::Mapped<$mapping> for $back {
                type Association = <$association as $crate::Invert>::Inverse;
            }
            const _: () = $crate::check_line::<$mapping, $there>();
        )*
        impl $crate::Mapping for $mapping {
            type Error = $error;
        }
        impl $crate::MappedRelations for $mapping {
            fn edges() -> &'static [&'static dyn $crate::AnyEdge<Self>] {
                const { &[$($crate::edge::<$mapping, $there>(), $crate::edge::<$mapping, $back>()),*] }
            }
        }
    };
}
