//! The associations that store relations, in terms of Diesel's.

#![expect(clippy::type_complexity, reason = "associations have as many parameters as rows")]

mod has_many;
mod has_many_through;
mod many_to_many;

pub use has_many::{BelongsToOne, HasMany};
pub use has_many_through::{BelongsToOneThrough, HasManyThrough};
pub use many_to_many::ManyToMany;

use diesel::associations::HasTable;
use diesel::query_source::Table;
use diesel::sql_types::BigInt;
use recto_relations::{Entity, Relation, Seek, Sort, Storage, same};

use crate::bounds::{BelongsToParent, Rows};
use crate::connection::Connection;
use crate::key::{Id, KeyValue, Keys};
use crate::mapping::{Corrupt, IdOf, Mapping, Stored, columns, key_list};
use crate::query::{
    Children, Conditions, Count, CountPerParent, FirstPerParent, FromPosition, OrderBy, Select,
    SortColumns, Typed,
};
use crate::resolve::Resolved;
use crate::sql::Sql;

/// An association that can store the relation `R`. Its bounds are the requirements on the schema.
#[diagnostic::on_unimplemented(
    message = "`{R}` cannot be stored as `{Self}`",
    label = "does not store `{R}`"
)]
pub trait Association<R: Relation> {
    /// The foreign-key column, if there is one.
    const COLUMN: Option<&'static str> = None;
    /// The foreign keys of the link table to the start and to the end of the relation, if there is
    /// a link table.
    const LINK: Option<(&'static str, &'static str)> = None;
    /// The column that orders the links, if there is one.
    const LINK_ORDER: Option<&'static str> = None;
}

/// An association with an opposite direction.
pub trait Invert {
    /// The association in the opposite direction.
    type Inverse;
}

/// Checks at compile time that a relation is mapped to the columns and the order that it declares.
/// The bounds of [`Association`] check everything that types can express.
///
/// # Panics
/// If the mapping differs from the declaration.
pub(crate) const fn check_declared<R: Relation, A: Association<R>>() {
    if let (Storage::ForeignKey { column, .. }, Some(mapped)) = (R::INFO.storage, A::COLUMN) {
        assert!(
            same(mapped, column),
            "the row belongs to its parent by another foreign key than the relation declares; \
             each of several foreign keys to one parent needs a parent struct of its own"
        );
    }
    if let (Storage::Link { from, to, .. }, Some(mapped)) = (R::INFO.storage, A::LINK) {
        assert!(
            same(mapped.0, from) && same(mapped.1, to),
            "the foreign keys of the link table differ from those that the relation declares"
        );
    }
    match (R::INFO.order, A::LINK_ORDER) {
        (None, None) => {}
        (Some(field), Some(column)) if same(field.name, column) => {}
        (Some(_), _) => panic!(
            "the relation is declared `Many by …`: map it in the same order, as \
             `ManyToMany<_, _, _, table::column>`"
        ),
        (None, _) => panic!(
            "the mapping orders the links by a column: declare the relation `Many by` that column"
        ),
    }
}

type TableOf<R> = <R as HasTable>::Table;
type PrimaryKey<R> = <TableOf<R> as Table>::PrimaryKey;
type ForeignKey<C, P> = <C as BelongsToParent<P>>::Key;
type RowOf<M, E> = <E as Stored<M>>::Row;
type FromKey<R> = <<R as Relation>::From as Entity>::Key;
type ToKey<R> = <<R as Relation>::To as Entity>::Key;
type Counts<V> = Select<(Typed<<V as KeyValue>::SqlType>, Typed<BigInt>)>;

/// Children with the data of their links.
pub(crate) type LinkedChildren<R> = Vec<(<R as Relation>::To, <R as Relation>::Data)>;

/// Children with the key of their parent and the data of their links.
pub(crate) type ChildrenWithParent<R> =
    Vec<(FromKey<R>, <R as Relation>::To, <R as Relation>::Data)>;

/// The association of a to-many relation.
pub trait ToManyAssociation<M: Mapping, R: Relation<From: Stored<M>, To: Stored<M>>> {
    /// Returns the tables and columns of the children.
    fn children() -> Children;

    /// Returns the columns that the children are sorted by.
    fn columns() -> SortColumns {
        columns::<M, R::To>()
    }

    /// Loads a part of the children of one parent.
    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: IdOf<M, R::From>,
        sort: &Sort,
        seek: &Seek<'_, ToKey<R>>,
    ) -> Result<LinkedChildren<R>, M::Error>;

    /// Loads the first children of each of many parents, in no particular order.
    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<IdOf<M, R::From>>,
    ) -> Result<ChildrenWithParent<R>, M::Error>;

    /// Counts the children of each of many parents, omitting parents without children.
    fn counts(
        conn: &mut Connection<M>,
        parents: Keys<IdOf<M, R::From>>,
    ) -> Result<Vec<(IdOf<M, R::From>, i64)>, M::Error>;
}

/// The association of a to-one relation.
pub trait ToOneAssociation<M: Mapping, R: Relation<From: Stored<M>, To: Stored<M>>> {
    /// Returns the tables and columns of the parents, and the column of the children that refers
    /// to them.
    fn parents() -> (Children, &'static dyn Sql);

    /// Loads the parents of some children, each once.
    fn resolve_parents(
        conn: &mut Connection<M>,
        children: &[R::From],
    ) -> Result<Resolved<R::To>, M::Error>;
}

pub(crate) fn first_per_parent<M, R, A>(
    parents: &[FromKey<R>],
    sort: &Sort,
    limit: i64,
) -> FirstPerParent<IdOf<M, R::From>>
where
    M: Mapping,
    R: Relation<From: Stored<M>, To: Stored<M>>,
    A: ToManyAssociation<M, R>,
{
    let order = OrderBy { columns: A::columns(), sort: sort.clone(), backward: false };
    FirstPerParent {
        children: A::children(),
        parents: key_list::<M, R::From>(parents),
        order,
        limit,
    }
}

/// Returns the condition and the order of a part of some entities.
pub(crate) fn conditions_and_order<M: Mapping, E: Stored<M>, T>(
    columns: SortColumns,
    sort: &Sort,
    seek: &Seek<'_, E::Key>,
) -> (Conditions<T>, OrderBy) {
    let mut conditions = Conditions::new();
    if let Some(position) = seek.from {
        conditions.push(FromPosition::<IdOf<M, E>>::new(columns, sort, position, seek.backward));
    }
    (conditions, OrderBy { columns, sort: sort.clone(), backward: seek.backward })
}

fn counts<M: Mapping, V: Id>(
    conn: &mut Connection<M>,
    children: Children,
    parents: Keys<V>,
) -> Result<Vec<(V, i64)>, M::Error>
where
    Counts<V>: Rows<'static, (V, i64)>,
{
    conn.load(Select {
        selection: (Typed::new(children.parent_key), Typed::new(&Count)),
        rest: Box::new(CountPerParent { children, parents }),
    })
}

/// Converts a stored value to a key of the entity that `R` starts at.
fn key_from<M: Mapping, R: Relation<From: Stored<M>>>(
    value: Option<IdOf<M, R::From>>,
) -> Result<FromKey<R>, M::Error> {
    let corrupt = |reason: String| {
        let (table, column) = match R::INFO.storage {
            Storage::ForeignKey { table, column } => (table, column),
            Storage::Link { table, from, .. } => (table, from),
            Storage::Through { .. } => (R::INFO.from.collection, R::INFO.from.key),
        };
        Corrupt { table, column, row: "unknown".to_owned(), reason }
    };
    let value = value.ok_or_else(|| corrupt("it is empty".to_owned()))?;
    Ok(value.try_into().map_err(|reason| corrupt(reason.to_string()))?)
}
