//! Selections, limits and locks.

use std::marker::PhantomData;

use diesel::expression::Expression;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{SingleValue, SqlType};
use diesel::{QueryResult, RunQueryDsl};

use super::expression;
use crate::key::{KeyOn, KeyValue};
use crate::sql::{Dialect, Sql};

/// `SELECT`, a selection, and the rest of a query.
///
/// The type does not depend on the rest, so that one bound on `Select<S>` covers all queries with
/// the same selection.
pub(crate) struct Select<S> {
    pub(crate) selection: S,
    pub(crate) rest: Box<dyn Sql>,
}

impl<S: Expression> Query for Select<S> {
    type SqlType = S::SqlType;
}

impl<S, C> RunQueryDsl<C> for Select<S> {}

impl<S> QueryId for Select<S> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: QueryFragment<DB>, DB: Dialect> QueryFragment<DB> for Select<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.selection.walk_ast(out.reborrow())?;
        DB::walk(&*self.rest, out)
    }
}

/// A query with a `LIMIT`.
pub(crate) struct Limited<Q> {
    pub(crate) query: Q,
    pub(crate) limit: i64,
}

impl<Q: Query> Query for Limited<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Limited<Q> {}

impl<Q> QueryId for Limited<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<DB>, DB: Dialect> QueryFragment<DB> for Limited<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        DB::push_limit(&mut out, &self.limit)
    }
}

/// A row lock of PostgreSQL, held until the transaction ends.
///
/// On SQLite it has no effect, since a writing transaction locks the whole database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// `FOR UPDATE`: other transactions cannot change or delete the row, or insert rows that refer
    /// to it.
    Update,
    /// `FOR UPDATE SKIP LOCKED`: like `FOR UPDATE`, but omits rows that are already locked.
    UpdateSkipLocked,
    /// `FOR NO KEY UPDATE`: other transactions cannot change or delete the row, but can insert rows
    /// that refer to it.
    NoKeyUpdate,
    /// `FOR KEY SHARE`: other transactions cannot delete the row.
    KeyShare,
}

impl Lock {
    const fn clause(self) -> &'static str {
        match self {
            Self::Update => " FOR UPDATE",
            Self::UpdateSkipLocked => " FOR UPDATE SKIP LOCKED",
            Self::NoKeyUpdate => " FOR NO KEY UPDATE",
            Self::KeyShare => " FOR KEY SHARE",
        }
    }
}

/// A query that locks its rows until the transaction ends.
#[derive(Debug, Clone, Copy)]
pub struct Locked<Q> {
    query: Q,
    lock: Lock,
}

impl<Q> Locked<Q> {
    /// Returns `query` with its rows locked.
    pub fn new(query: Q, lock: Lock) -> Self {
        Self { query, lock }
    }
}

impl<Q: Query> Query for Locked<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Locked<Q> {}

impl<Q> QueryId for Locked<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<DB>, DB: Dialect> QueryFragment<DB> for Locked<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        DB::push_lock(&mut out, self.lock.clause());
        Ok(())
    }
}

/// An expression with the SQL type `ST`.
pub(crate) struct Typed<ST> {
    sql: &'static dyn Sql,
    sql_type: PhantomData<fn() -> ST>,
}

impl<ST> Typed<ST> {
    pub(crate) fn new(sql: &'static dyn Sql) -> Self {
        Self { sql, sql_type: PhantomData }
    }
}

expression!([ST: SqlType + SingleValue,] Typed<ST>: ST);

impl<DB: Dialect, ST> QueryFragment<DB> for Typed<ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        DB::walk(self.sql, out)
    }
}

/// The key of the parent of a row of [`FirstPerParent`](super::FirstPerParent).
pub(crate) struct ParentKey<V>(PhantomData<fn() -> V>);

impl<V> ParentKey<V> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

expression!([V: KeyValue,] ParentKey<V>: V::SqlType);

impl<DB: Dialect, V: KeyOn<DB>> QueryFragment<DB> for ParentKey<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(V::PARENT);
        Ok(())
    }
}

pub(crate) struct Count;

impl<DB: Dialect> QueryFragment<DB> for Count {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("count(*)");
        Ok(())
    }
}
