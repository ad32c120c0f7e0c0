//! From rows to entities: what every row has to do.

use std::fmt::Display;

use recto_domain::Invalid;

use crate::Error;

/// Names the row whose values are being read, for the error when one is corrupt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'r, K> {
    pub(crate) table: &'static str,
    pub(crate) row: &'r K,
}

impl<K: Display> Reading<'_, K> {
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
        Error::Corrupt {
            table: self.table,
            column,
            row: self.row.to_string(),
            reason: reason.to_string(),
        }
    }
}

/// The error that a key which was read on the way is no key.
pub fn corrupt_key(table: &'static str, column: &'static str, reason: &Invalid) -> Error {
    Error::Corrupt { table, column, row: "unknown".to_owned(), reason: reason.to_string() }
}
