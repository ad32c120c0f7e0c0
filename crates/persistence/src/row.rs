//! From rows to entities.

use std::fmt::Display;

use recto_domain::Invalid;
use recto_relations_diesel::Corrupt;

use crate::Error;

/// The row whose values are read, for the error when one is corrupt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowContext<'r, K> {
    pub(crate) table: &'static str,
    pub(crate) row: &'r K,
}

impl<K: Display> RowContext<'_, K> {
    /// The value of a column, by the rule of its type.
    pub(crate) fn column<V, T>(&self, column: &'static str, value: V) -> Result<T, Error>
    where
        T: TryFrom<V, Error = Invalid>,
    {
        T::try_from(value).map_err(|reason| self.corrupt(column, &reason))
    }

    /// The value of a column that may be empty.
    pub(crate) fn optional<V, T>(
        &self,
        column: &'static str,
        value: Option<V>,
    ) -> Result<Option<T>, Error>
    where
        T: TryFrom<V, Error = Invalid>,
    {
        value.map(|value| self.column(column, value)).transpose()
    }

    /// The error that a column's value is corrupt.
    pub(crate) fn corrupt(&self, column: &'static str, reason: &dyn Display) -> Error {
        let (row, reason) = (self.row.to_string(), reason.to_string());
        Corrupt { table: self.table, column, row, reason }.into()
    }
}
