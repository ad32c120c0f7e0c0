//! The first few children of each of many parents, in one statement.
//!
//! Diesel's `belonging_to` fetches all children of all parents, or the first
//! few of one parent; what is needed here is the first few of each. Numbering
//! them by a window would still read them all: a hundred popular tags have
//! three hundred thousand books. A subquery for each parent that stops at the
//! limit reads an index just as far as it must. PostgreSQL says this by
//! `LATERAL`, SQLite by a correlated `IN`.

use diesel::QueryResult;
use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::expression::Expression;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, HasSqlType, Text};
use diesel::sqlite::Sqlite;

use super::limited::{push_limit_postgres, push_limit_sqlite};
use super::{Keys, OrderBy, SqlKey};

/// Where the children of a relation are found: all names are quoted.
#[derive(Debug, Clone, Copy)]
pub struct Children {
    /// The table of the children: `"tags"`.
    pub table: &'static str,
    /// The column that holds the parent's key: `"book_tags"."book_id"`.
    pub parent_key: &'static str,
    /// The way to them.
    pub way: Way,
}

/// How children hang on their parent.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// By a key of their own.
    Direct,
    /// By a link table. What is counted off are links, so a child has one for
    /// each parent, and the link's own key gives the order.
    Link(Join),
    /// By a key to something that has a key to the parent.
    Through(Join),
}

/// How the table on the way is joined to the children.
#[derive(Debug, Clone, Copy)]
pub struct Join {
    /// The table on the way: `"book_tags"`.
    pub table: &'static str,
    /// Its column that leads on: `"book_tags"."tag_id"`.
    pub from: &'static str,
    /// The column of the children that it leads to: `"tags"."uid"`.
    pub to: &'static str,
}

/// The first `limit` children of each parent.
#[derive(Debug)]
pub struct PerParent<'q, S, K: SqlKey> {
    pub select: S,
    pub children: Children,
    pub parents: &'q Keys<K>,
    pub order: OrderBy<'q>,
    pub limit: i64,
}

impl<S, K: SqlKey> PerParent<'_, S, K> {
    /// The table whose rows are counted off.
    fn limited(&self) -> &'static str {
        match self.children.way {
            Way::Direct | Way::Through(_) => self.children.table,
            Way::Link(join) => join.table,
        }
    }

    /// ` FROM "book_tags" INNER JOIN "tags" ON … WHERE "book_tags"."book_id" = parent ORDER BY `
    fn push_inner<DB: Backend>(&self, parent: &str, out: &mut AstPass<'_, '_, DB>) {
        out.push_sql(" FROM ");
        match self.children.way {
            Way::Direct => out.push_sql(self.children.table),
            // The link's key orders links; the children are needed for theirs only.
            Way::Link(join) if self.order.sort.terms().is_empty() => out.push_sql(join.table),
            Way::Link(join) | Way::Through(join) => {
                out.push_sql(join.table);
                out.push_sql(" INNER JOIN ");
                push_children(self.children, join, out);
            }
        }
        out.push_sql(" WHERE ");
        out.push_sql(self.children.parent_key);
        out.push_sql(" = ");
        out.push_sql(parent);
        out.push_sql(" ORDER BY ");
    }
}

/// `"tags" ON "tags"."uid" = "book_tags"."tag_id"`
fn push_children<DB: Backend>(children: Children, join: Join, out: &mut AstPass<'_, '_, DB>) {
    for part in [children.table, " ON ", join.to, " = ", join.from] {
        out.push_sql(part);
    }
}

impl<S: QueryFragment<Pg>, K: SqlKey> QueryFragment<Pg> for PerParent<'_, S, K>
where
    Pg: HasSqlType<K::SqlType>,
    Vec<K::Value>: ToSql<Array<K::SqlType>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        if let Way::Through(_) = self.children.way {
            out.push_sql("parent.key, ");
        }
        self.select.walk_ast(out.reborrow())?;
        out.push_sql(" FROM unnest(");
        out.push_bind_param::<Array<K::SqlType>, _>(self.parents.values())?;
        out.push_sql(") AS parent(key) CROSS JOIN LATERAL (SELECT ");
        out.push_sql(self.limited());
        out.push_sql(".*");
        self.push_inner("parent.key", &mut out);
        self.order.walk_ast(out.reborrow())?;
        push_limit_postgres(&mut out, &self.limit)?;
        out.push_sql(") AS ");
        out.push_sql(self.limited());
        if let Way::Link(join) = self.children.way {
            out.push_sql(" INNER JOIN ");
            push_children(self.children, join, &mut out);
        }
        Ok(())
    }
}

impl<S: QueryFragment<Sqlite>, K: SqlKey> QueryFragment<Sqlite> for PerParent<'_, S, K> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        if let Way::Through(_) = self.children.way {
            out.push_sql(K::FROM_JSON);
            out.push_sql(", ");
        }
        self.select.walk_ast(out.reborrow())?;
        out.push_sql(" FROM json_each(");
        out.push_bind_param::<Text, _>(self.parents.json())?;
        // CROSS JOIN keeps SQLite from turning the loops inside out.
        out.push_sql(") AS parent CROSS JOIN ");
        out.push_sql(self.limited());
        out.push_sql(" ON ");
        match self.children.way {
            Way::Direct | Way::Through(_) => {
                let table = self.children.table;
                for part in [table, ".rowid IN (SELECT ", table, ".rowid"] {
                    out.push_sql(part);
                }
            }
            Way::Link(join) => {
                let (key, value) = (self.children.parent_key, K::FROM_JSON);
                for part in [key, " = ", value, " AND ", join.from, " IN (SELECT ", join.from] {
                    out.push_sql(part);
                }
            }
        }
        self.push_inner(K::FROM_JSON, &mut out);
        self.order.walk_ast(out.reborrow())?;
        push_limit_sqlite(&mut out, &self.limit)?;
        out.push_sql(")");
        if let Way::Link(join) = self.children.way {
            out.push_sql(" CROSS JOIN ");
            push_children(self.children, join, &mut out);
        }
        Ok(())
    }
}

/// `SELECT child…`, or `SELECT link…, child…`: what says by itself whose it is.
#[derive(Debug)]
pub struct Telling<'q, S, K: SqlKey>(pub PerParent<'q, S, K>);

/// `SELECT parent key, child…`: what is reached through something else.
#[derive(Debug)]
pub struct Keyed<'q, S, K: SqlKey>(pub PerParent<'q, S, K>);

impl<S: Expression, K: SqlKey> Query for Telling<'_, S, K> {
    type SqlType = S::SqlType;
}

impl<S: Expression, K: SqlKey> Query for Keyed<'_, S, K> {
    type SqlType = (K::SqlType, S::SqlType);
}

/// How many children each of many parents has: `SELECT parent key, count`.
/// Parents without children have no row.
#[derive(Debug)]
pub struct CountPerParent<'q, K: SqlKey> {
    pub children: Children,
    pub parents: &'q Keys<K>,
}

impl<K: SqlKey> CountPerParent<'_, K> {
    fn push_select<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        for part in ["SELECT ", self.children.parent_key, ", count(*) FROM "] {
            out.push_sql(part);
        }
        match self.children.way {
            Way::Direct => out.push_sql(self.children.table),
            Way::Link(join) => out.push_sql(join.table),
            Way::Through(join) => {
                out.push_sql(join.table);
                out.push_sql(" INNER JOIN ");
                push_children(self.children, join, out);
            }
        }
        out.push_sql(" WHERE ");
        out.push_sql(self.children.parent_key);
    }

    fn push_group<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        out.push_sql(" GROUP BY ");
        out.push_sql(self.children.parent_key);
    }
}

impl<K: SqlKey> QueryFragment<Pg> for CountPerParent<'_, K>
where
    Pg: HasSqlType<K::SqlType>,
    Vec<K::Value>: ToSql<Array<K::SqlType>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.push_select(&mut out);
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<K::SqlType>, _>(self.parents.values())?;
        out.push_sql(")");
        self.push_group(&mut out);
        Ok(())
    }
}

impl<K: SqlKey> QueryFragment<Sqlite> for CountPerParent<'_, K> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.push_select(&mut out);
        out.push_sql(" IN (SELECT ");
        out.push_sql(K::FROM_JSON);
        out.push_sql(" FROM json_each(");
        out.push_bind_param::<Text, _>(self.parents.json())?;
        out.push_sql(") AS parent)");
        self.push_group(&mut out);
        Ok(())
    }
}

impl<K: SqlKey> Query for CountPerParent<'_, K> {
    type SqlType = (K::SqlType, BigInt);
}

impl<K: SqlKey, C> RunQueryDsl<C> for CountPerParent<'_, K> {}

impl<K: SqlKey> QueryId for CountPerParent<'_, K> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

macro_rules! per_parent_query {
    ($($query:ident),*) => {$(
        impl<S, K: SqlKey, DB: Backend> QueryFragment<DB> for $query<'_, S, K>
        where
            for<'q> PerParent<'q, S, K>: QueryFragment<DB>,
        {
            fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                self.0.walk_ast(out)
            }
        }

        impl<S, K: SqlKey, C> RunQueryDsl<C> for $query<'_, S, K> {}

        impl<S, K: SqlKey> QueryId for $query<'_, S, K> {
            type QueryId = ();

            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )*};
}

per_parent_query!(Telling, Keyed);
