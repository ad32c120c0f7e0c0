//! The mapping of entities to rows.

use std::fmt::Display;

use diesel::associations::HasTable;
use diesel::query_source::Table;
use recto_relations::{Cost, Entity, SortField, same};

use crate::bounds::{HasId, Record, Row};
use crate::key::Keys;
use crate::query::{Conditions, SortColumn, SortColumns};
use crate::sql::sql;

/// A mapping of entities and relations to tables.
///
/// [`map_relations!`](crate::map_relations) implements it for a type of the mapping crate. Because
/// [`Stored`] has this type as a parameter, the orphan rule allows the crate to map entities of
/// other crates.
pub trait Mapping: Sized + 'static {
    /// The error of reading and writing the tables.
    type Error: From<diesel::result::Error> + From<Corrupt>;
}

/// An entity that is stored in a table.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
/// # fn main() {
/// use recto_relations_diesel::Stored;
///
/// fn is_stored<E: Stored<Library>>() {}
/// is_stored::<Author>();
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not stored in `{M}`",
    note = "implement `Stored<{M}>` for it"
)]
pub trait Stored<M: Mapping>: Entity + TryFrom<Self::Row, Error = M::Error> {
    /// The row.
    type Row: Row<Id: From<Self::Key> + TryInto<Self::Key, Error: Display>>;

    /// A filter for pages with conditions on the table; `()` for none.
    type Filter: Send + 'static;

    /// The columns of [`EntityInfo::sorts`](recto_relations::EntityInfo::sorts), without fields
    /// that follow the key.
    const SORTS: &'static [SortColumn];

    /// Adds the conditions of a filter to `conditions`.
    fn apply_filter(
        filter: &Self::Filter,
        conditions: &mut Conditions<<Self::Row as HasTable>::Table>,
    ) {
        let _ = (filter, conditions);
    }

    /// Returns the cost of the conditions of a filter.
    fn filter_cost(filter: &Self::Filter) -> Cost {
        let _ = filter;
        Cost::default()
    }
}

/// An entity that can be inserted, updated and deleted.
pub trait Writable<M: Mapping>: Stored<M> {
    /// The columns to write: all of them, without the key if the database generates keys.
    type Record<'a>: Record<'a, Self::Row> + From<&'a Self>;
}

/// The type of an entity's key in the database.
pub(crate) type IdOf<M, E> = <<E as Stored<M>>::Row as HasId>::Id;

/// A stored value that is not valid for its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("corrupt data in {table}.{column} of row {row}: {reason}")]
pub struct Corrupt {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The key of the row.
    pub row: String,
    /// The violated rule.
    pub reason: String,
}

pub(crate) fn entity<M: Mapping, E: Stored<M>>(row: E::Row) -> Result<E, M::Error> {
    E::try_from(row)
}

pub(crate) fn columns<M: Mapping, E: Stored<M>>() -> SortColumns {
    const { check_sorts(E::INFO.sorts, E::SORTS) };
    SortColumns {
        fields: E::SORTS,
        key: sql::<<<E::Row as HasTable>::Table as Table>::PrimaryKey>(),
        link_order: None,
    }
}

/// Converts keys of entities to a list of stored keys.
pub(crate) fn key_list<M: Mapping, E: Stored<M>>(keys: &[E::Key]) -> Keys<IdOf<M, E>> {
    keys.iter().map(|key| (*key).into()).collect()
}

/// Checks at compile time that every sort field has a column.
const fn check_sorts(fields: &[SortField], columns: &[SortColumn]) {
    let mut index = 0;
    while index < fields.len() {
        assert!(
            fields[index].follows_key() || has_column(columns, fields[index].name),
            "a field of `EntityInfo::sorts` has no column in `Stored::SORTS`"
        );
        index += 1;
    }
}

const fn has_column(columns: &[SortColumn], field: &str) -> bool {
    let mut index = 0;
    while index < columns.len() {
        if same(columns[index].field, field) {
            return true;
        }
        index += 1;
    }
    false
}
