//! Conditions on a table.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::expression::{AppearsOnTable, Expression};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Bool, BoolOrNullableBool};

use super::expression;
use crate::key::{KeyOn, KeyValue, Keys};
use crate::sql::{Dialect, Sql};

/// Conditions on the rows of a table, joined by `AND`.
///
/// Unlike Diesel's boxed queries, the conditions work on both engines.
pub struct Conditions<T> {
    all: Vec<Box<dyn Sql>>,
    table: PhantomData<fn() -> T>,
}

impl<T> Conditions<T> {
    /// Returns an empty list, which every row matches.
    pub fn new() -> Self {
        Self { all: Vec::new(), table: PhantomData }
    }

    /// Adds a condition that was built with Diesel's query builder.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use recto_relations_diesel::Conditions;
    ///
    /// diesel::table! { books (id) { id -> BigInt, title -> Text } }
    ///
    /// fn titled(title: String, conditions: &mut Conditions<books::table>) {
    ///     conditions.add(books::title.eq(title));
    /// }
    /// ```
    pub fn add<E>(&mut self, condition: E)
    where
        E: Expression<SqlType: BoolOrNullableBool> + AppearsOnTable<T> + Sql + 'static,
    {
        self.push(condition);
    }

    pub(crate) fn push(&mut self, condition: impl Sql + 'static) {
        self.all.push(Box::new(condition));
    }
}

impl<T> Default for Conditions<T> {
    fn default() -> Self {
        Self::new()
    }
}

expression!([T,] Conditions<T>: Bool);

impl<T, DB: Dialect> QueryFragment<DB> for Conditions<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.all.is_empty() {
            out.push_sql("TRUE");
        }
        for (index, condition) in self.all.iter().enumerate() {
            if index > 0 {
                out.push_sql(" AND ");
            }
            DB::walk(&**condition, out.reborrow())?;
        }
        Ok(())
    }
}

impl<T> std::fmt::Debug for Conditions<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conditions").field("count", &self.all.len()).finish()
    }
}

/// The condition that a column is in a list of keys, which is bound as one value.
pub struct KeyIn<V> {
    column: &'static dyn Sql,
    keys: Keys<V>,
}

impl<V: KeyValue> KeyIn<V> {
    /// Returns the condition that `column` is in `keys`.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use recto_relations_diesel::KeyIn;
    ///
    /// diesel::table! { books (id) { id -> BigInt, title -> Text } }
    ///
    /// let some = books::table.filter(KeyIn::new(books::id, [1_i64, 5, 7]));
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "columns have no size")]
    pub fn new<C>(column: C, keys: impl IntoIterator<Item = V>) -> Self
    where
        C: Expression<SqlType = V::SqlType> + Sql + Default + 'static,
    {
        // The type identifies the column.
        let _ = column;
        Self::of(crate::sql::sql::<C>(), keys.into_iter().collect())
    }

    pub(crate) fn of(column: &'static dyn Sql, keys: Keys<V>) -> Self {
        Self { column, keys }
    }
}

expression!([V: KeyValue,] KeyIn<V>: Bool);

impl<DB: Dialect, V: KeyOn<DB>> QueryFragment<DB> for KeyIn<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        DB::walk(self.column, out.reborrow())?;
        V::push_is_one_of(&self.keys, &mut out)
    }
}

impl<V: KeyValue> std::fmt::Debug for KeyIn<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyIn").field("keys", &self.keys).finish_non_exhaustive()
    }
}
