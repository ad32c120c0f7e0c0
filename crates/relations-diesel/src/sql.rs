//! SQL that both engines understand, and where they differ.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;

/// A piece of SQL for both engines. Every table and every column of `table!` is one.
pub trait Sql: QueryFragment<Sqlite> + QueryFragment<Pg> + Send + Sync {}

impl<T: QueryFragment<Sqlite> + QueryFragment<Pg> + Send + Sync + ?Sized> Sql for T {}

/// Returns a table or a column by its type.
pub(crate) fn sql<T: Sql + Default + 'static>() -> &'static dyn Sql {
    const { assert!(size_of::<T>() == 0, "a table or a column") }
    // A value without a size is not allocated, so that nothing leaks.
    Box::leak(Box::<T>::default())
}

/// One of the two engines: what they spell differently.
#[expect(
    clippy::ptr_arg,
    clippy::trivially_copy_pass_by_ref,
    reason = "values are bound by reference, as the types that Diesel can bind"
)]
pub trait Dialect: Backend {
    /// Appends SQL that both engines understand.
    fn walk<'b>(sql: &'b dyn Sql, out: AstPass<'_, 'b, Self>) -> QueryResult<()>;
    /// Binds a text.
    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b String) -> QueryResult<()>;
    /// Binds a whole number.
    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b i64) -> QueryResult<()>;
    /// Appends ` LIMIT …`.
    fn push_limit<'b>(out: &mut AstPass<'_, 'b, Self>, limit: &'b i64) -> QueryResult<()>;
    /// Appends a locking clause. SQLite has one writer, which needs none.
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

    /// SQLite compiles a statement again whenever a bound `LIMIT` gets another value, which costs
    /// more than running a short query. So the limits of pages that ask for the default or the
    /// most are written out (one more is read, to see whether there is a next page), and others
    /// are bound, so that the number of prepared statements stays small.
    fn push_limit<'b>(out: &mut AstPass<'_, 'b, Self>, limit: &'b i64) -> QueryResult<()> {
        match limit {
            21 => out.push_sql(" LIMIT 21"),
            101 => out.push_sql(" LIMIT 101"),
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
