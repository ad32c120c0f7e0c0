//! Conversion of rows to entities.

use std::fmt::Display;

use recto_domain::Invalid;
use recto_relations_diesel::Corrupt;

use crate::Error;

/// The row that is converted, for errors about corrupt values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowContext<'r, K> {
    pub(crate) table: &'static str,
    pub(crate) row: &'r K,
}

impl<K: Display> RowContext<'_, K> {
    /// Validates the value of a column.
    pub(crate) fn column<V, T>(&self, column: &'static str, value: V) -> Result<T, Error>
    where
        T: TryFrom<V, Error = Invalid>,
    {
        T::try_from(value).map_err(|reason| self.corrupt(column, &reason))
    }

    /// Validates the value of a nullable column.
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

    /// Returns the error for a corrupt value.
    pub(crate) fn corrupt(&self, column: &'static str, reason: &dyn Display) -> Error {
        let (row, reason) = (self.row.to_string(), reason.to_string());
        Corrupt { table: self.table, column, row, reason }.into()
    }
}
