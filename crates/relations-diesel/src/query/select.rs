//! Queries around parts of SQL: what is selected, limited and locked.

use std::marker::PhantomData;

use diesel::expression::Expression;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{SingleValue, SqlType};
use diesel::{QueryResult, RunQueryDsl};

use super::expression;
use crate::key::{KeyOn, KeyValue};
use crate::sql::{Dialect, Sql};

/// `SELECT` a selection, and then the rest of the query.
///
/// The rest has no type, so that one bound on `Select<S>` covers every query that reads rows of a
/// type.
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

/// A query of which at most so many rows are read.
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

/// How rows are locked until the transaction ends, in PostgreSQL's words.
///
/// SQLite has one writer, whose transaction has the write lock from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// `FOR UPDATE`: others cannot change or delete the row, nor insert rows that refer to it.
    Update,
    /// `FOR UPDATE SKIP LOCKED`: the same, without the rows that others have locked.
    UpdateSkipLocked,
    /// `FOR NO KEY UPDATE`: others cannot change or delete the row, but can refer to it.
    NoKeyUpdate,
    /// `FOR KEY SHARE`: others cannot delete the row.
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

/// A query whose rows are locked until the transaction ends.
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

/// SQL that has the type `ST`.
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

/// The key of the parent that a row of [`FirstPerParent`](super::FirstPerParent) was found for.
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

/// `count(*)`
pub(crate) struct Count;

impl<DB: Dialect> QueryFragment<DB> for Count {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("count(*)");
        Ok(())
    }
}
