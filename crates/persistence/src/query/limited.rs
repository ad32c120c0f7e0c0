//! A limit that SQLite does not have to plan for again.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};

/// A query and how many rows of it are wanted.
///
/// SQLite compiles a statement again whenever the value of a bound `LIMIT`
/// changes hands, which costs more than running a short query. The limits that
/// requests have unless they say otherwise are therefore written out; the rest
/// are bound, so that the number of statements to keep prepared stays small.
#[derive(Debug, Clone, Copy)]
pub struct Limited<Q> {
    pub query: Q,
    pub limit: i64,
}

impl<Q: Query> Query for Limited<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Limited<Q> {}

impl<Q> QueryId for Limited<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Limited<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        push_limit_postgres(&mut out, &self.limit)
    }
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Limited<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        push_limit_sqlite(&mut out, &self.limit)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is bound by reference")]
pub(super) fn push_limit_postgres<'b>(
    out: &mut AstPass<'_, 'b, Pg>,
    limit: &'b i64,
) -> QueryResult<()> {
    out.push_sql(" LIMIT ");
    out.push_bind_param::<BigInt, _>(limit)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is bound by reference")]
pub(super) fn push_limit_sqlite<'b>(
    out: &mut AstPass<'_, 'b, Sqlite>,
    limit: &'b i64,
) -> QueryResult<()> {
    match limit {
        // One more than the default and the largest, to see whether there are more.
        21 => out.push_sql(" LIMIT 21"),
        101 => out.push_sql(" LIMIT 101"),
        _ => {
            out.push_sql(" LIMIT ");
            out.push_bind_param::<BigInt, _>(limit)?;
        }
    }
    Ok(())
}
