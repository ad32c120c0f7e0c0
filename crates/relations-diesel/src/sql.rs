//! SQL for both engines, and the differences between them.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;

/// SQL for both engines, such as the tables and columns of `table!`.
pub trait Sql: QueryFragment<Sqlite> + QueryFragment<Pg> + Send + Sync {}

impl<T: QueryFragment<Sqlite> + QueryFragment<Pg> + Send + Sync + ?Sized> Sql for T {}

/// Returns the table or column of a type.
pub(crate) fn sql<T: Sql + Default + 'static>() -> &'static dyn Sql {
    const { assert!(size_of::<T>() == 0, "a table or a column") }
    // The value has no size, so nothing is allocated or leaked.
    Box::leak(Box::<T>::default())
}

/// A database engine and its SQL syntax.
#[expect(
    clippy::ptr_arg,
    clippy::trivially_copy_pass_by_ref,
    reason = "Diesel binds references to these types"
)]
pub trait Dialect: Backend {
    /// Appends SQL.
    fn walk<'b>(sql: &'b dyn Sql, out: AstPass<'_, 'b, Self>) -> QueryResult<()>;
    /// Binds a text.
    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b String) -> QueryResult<()>;
    /// Binds an integer.
    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b i64) -> QueryResult<()>;
    /// Appends ` LIMIT …`.
    fn push_limit<'b>(out: &mut AstPass<'_, 'b, Self>, limit: &'b i64) -> QueryResult<()>;
    /// Appends a locking clause, except on SQLite, which has a single writer.
    fn push_lock(out: &mut AstPass<'_, '_, Self>, clause: &str);
}

impl Dialect for Sqlite {
    fn walk<'b>(sql: &'b dyn Sql, out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        <dyn Sql as QueryFragment<Self>>::walk_ast(sql, out)
    }

    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b String) -> QueryResult<()> {
        out.push_bind_param::<Text, _>(value)
    }

    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(value)
    }

    /// SQLite recompiles a statement when the value of a bound `LIMIT` changes, which takes longer
    /// than a short query. Pages of the default and of the maximum size (20 and 100, plus one row,
    /// or two after a position) therefore have literal limits. Other limits are bound, to prepare
    /// few statements.
    fn push_limit<'b>(out: &mut AstPass<'_, 'b, Self>, limit: &'b i64) -> QueryResult<()> {
        match limit {
            21 => out.push_sql(" LIMIT 21"),
            22 => out.push_sql(" LIMIT 22"),
            101 => out.push_sql(" LIMIT 101"),
            102 => out.push_sql(" LIMIT 102"),
            _ => {
                out.push_sql(" LIMIT ");
                out.push_bind_param::<BigInt, _>(limit)?;
            }
        }
        Ok(())
    }

    fn push_lock(_: &mut AstPass<'_, '_, Self>, _: &str) {}
}

impl Dialect for Pg {
    fn walk<'b>(sql: &'b dyn Sql, out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        <dyn Sql as QueryFragment<Self>>::walk_ast(sql, out)
    }

    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b String) -> QueryResult<()> {
        out.push_bind_param::<Text, _>(value)
    }

    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(value)
    }

    fn push_limit<'b>(out: &mut AstPass<'_, 'b, Self>, limit: &'b i64) -> QueryResult<()> {
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(limit)
    }

    fn push_lock(out: &mut AstPass<'_, '_, Self>, clause: &str) {
        out.push_sql(clause);
    }
}
