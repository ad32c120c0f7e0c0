//! Which rows are behind which entities.

use std::fmt::Display;

use diesel::associations::HasTable;
use diesel::query_source::Table;
use recto_relations::{Entity, SortField, same};

use crate::bounds::{HasId, Record, Row};
use crate::key::Keys;
use crate::query::{Conditions, SortColumn, SortColumns};
use crate::sql::sql;

/// A set of tables whose entities and relations are mapped.
///
/// A unit type of the crate that maps them, which is what lets that crate map the entities of
/// another. [`map_relations!`](crate::map_relations) implements it.
pub trait Mapping: Sized + 'static {
    /// The error of everything that reads and writes them.
    type Error: From<diesel::result::Error> + From<Corrupt>;
}

/// An entity that is stored in a table.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
/// # fn main() {
/// use recto_relations_diesel::Stored;
///
/// // As for every entity of the examples: the row, and the columns to sort by.
/// fn is_stored<E: Stored<Library>>() {}
/// is_stored::<Author>();
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not stored in `{M}`",
    note = "implement `Stored<{M}>` for it, with its row and the columns to sort by"
)]
pub trait Stored<M: Mapping>: Entity + TryFrom<Self::Row, Error = M::Error> {
    /// The row it is read from.
    type Row: Row<Id: From<Self::Key> + TryInto<Self::Key, Error: Display>>;

    /// The conditions on its own fields that pages can be narrowed by; `()` for none.
    type Filter: Send + 'static;

    /// The columns behind [`EntityInfo::sorts`](recto_relations::EntityInfo::sorts), without
    /// fields that follow the key.
    const SORTS: &'static [SortColumn];

    /// Adds the conditions of a filter.
    fn apply_filter(
        filter: &Self::Filter,
        conditions: &mut Conditions<<Self::Row as HasTable>::Table>,
    ) {
        let _ = (filter, conditions);
    }
}

/// An entity that can be inserted, updated and deleted.
pub trait Writable<M: Mapping>: Stored<M> {
    /// What is written of it: every column but the key where the database makes keys.
    type Record<'a>: Record<'a, Self::Row> + From<&'a Self>;
}

/// The value of an entity's key in the database.
pub(crate) type IdOf<M, E> = <<E as Stored<M>>::Row as HasId>::Id;

/// A stored value that breaks the rule of its type, so something else wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("corrupt data in {table}.{column} of row {row}: {reason}")]
pub struct Corrupt {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The key of the row.
    pub row: String,
    /// The rule that is broken.
    pub reason: String,
}

/// Turns a row into its entity.
pub(crate) fn entity<M: Mapping, E: Stored<M>>(row: E::Row) -> Result<E, M::Error> {
    E::try_from(row)
}

/// Returns the columns that the entities of a type are sorted by.
pub(crate) fn columns<M: Mapping, E: Stored<M>>() -> SortColumns {
    const { check_sorts(E::INFO.sorts, E::SORTS) };
    SortColumns {
        fields: E::SORTS,
        key: sql::<<<E::Row as HasTable>::Table as Table>::PrimaryKey>(),
        link_order: None,
    }
}

/// Returns the list of the keys of some entities.
pub(crate) fn key_list<M: Mapping, E: Stored<M>>(keys: &[E::Key]) -> Keys<IdOf<M, E>> {
    keys.iter().map(|key| (*key).into()).collect()
}

/// Checks at compile time that every field to sort by has a column.
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
