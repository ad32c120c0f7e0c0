//! The first few children of each of many parents, in one statement.
//!
//! Diesel's `belonging_to` fetches all children of all parents, or the first
//! few of one parent; what is needed here is the first few of each. Numbering
//! them by a window would still read them all: a hundred popular tags have
//! three hundred thousand books. A subquery for each parent that stops at the
//! limit reads an index just as far as it must. PostgreSQL says this by
//! `LATERAL`, SQLite by a correlated `IN`.

use diesel::expression::Expression;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, HasSqlType, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};

use super::limited::{push_limit_postgres, push_limit_sqlite};
use super::{Keys, OrderBy, SqlKey};

/// Where the children of a relation are found: all names are quoted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Children {
    /// The table of the children: `"tags"`.
    pub(crate) table: &'static str,
    /// The column that holds the parent's key: `"book_tags"."book_id"`.
    pub(crate) parent_key: &'static str,
    /// The way through a link table.
    pub(crate) link: Option<Link>,
}

/// A link table between parents and children.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// The table: `"book_tags"`.
    pub(crate) table: &'static str,
    /// Its key to the child: `"book_tags"."tag_id"`.
    pub(crate) child_key: &'static str,
    /// The child's own key: `"tags"."uid"`.
    pub(crate) target: &'static str,
}

/// The children of many parents: `SELECT child…`.
#[derive(Debug)]
pub(crate) struct Child<'q, S, K: SqlKey>(pub(crate) PerParent<'q, S, K>);

/// The children of many parents through a link table: `SELECT parent key, child…`.
#[derive(Debug)]
pub(crate) struct Linked<'q, S, K: SqlKey>(pub(crate) PerParent<'q, S, K>);

/// The first `limit` children of each parent.
#[derive(Debug)]
pub(crate) struct PerParent<'q, S, K: SqlKey> {
    pub(crate) select: S,
    pub(crate) children: Children,
    pub(crate) parents: &'q Keys<K>,
    pub(crate) order: OrderBy<'q>,
    pub(crate) limit: i64,
}

impl<S, K: SqlKey> PerParent<'_, S, K> {
    /// ` FROM "book_tags" INNER JOIN "tags" ON … WHERE "book_tags"."book_id" = parent`
    fn push_inner<DB: diesel::backend::Backend>(
        &self,
        join: bool,
        parent: &str,
        out: &mut AstPass<'_, '_, DB>,
    ) {
        out.push_sql(" FROM ");
        match self.children.link {
            None => out.push_sql(self.children.table),
            Some(link) => {
                out.push_sql(link.table);
                if join {
                    out.push_sql(" INNER JOIN ");
                    push_target(self.children, link, out);
                }
            }
        }
        out.push_sql(" WHERE ");
        out.push_sql(self.children.parent_key);
        out.push_sql(" = ");
        out.push_sql(parent);
        out.push_sql(" ORDER BY ");
    }
}

fn push_target<DB: diesel::backend::Backend>(
    children: Children,
    link: Link,
    out: &mut AstPass<'_, '_, DB>,
) {
    out.push_sql(children.table);
    out.push_sql(" ON ");
    out.push_sql(link.target);
    out.push_sql(" = ");
    out.push_sql(link.child_key);
}

impl<S: QueryFragment<Pg>, K: SqlKey> QueryFragment<Pg> for PerParent<'_, S, K>
where
    Pg: HasSqlType<K::SqlType>,
    Vec<K::Value>: ToSql<Array<K::SqlType>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        if self.children.link.is_some() {
            out.push_sql("parent.key, ");
        }
        self.select.walk_ast(out.reborrow())?;
        out.push_sql(" FROM unnest(");
        out.push_bind_param::<Array<K::SqlType>, _>(self.parents.values())?;
        out.push_sql(") AS parent(key) CROSS JOIN LATERAL (SELECT ");
        out.push_sql(self.children.table);
        out.push_sql(".*");
        self.push_inner(true, "parent.key", &mut out);
        self.order.walk_ast(out.reborrow())?;
        push_limit_postgres(&mut out, &self.limit)?;
        out.push_sql(") AS ");
        out.push_sql(self.children.table);
        Ok(())
    }
}

impl<S: QueryFragment<Sqlite>, K: SqlKey> QueryFragment<Sqlite> for PerParent<'_, S, K> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        if self.children.link.is_some() {
            out.push_sql(self.children.parent_key);
            out.push_sql(", ");
        }
        self.select.walk_ast(out.reborrow())?;
        out.push_sql(" FROM json_each(");
        out.push_bind_param::<Text, _>(self.parents.json())?;
        // CROSS JOIN keeps SQLite from turning the loops inside out.
        out.push_sql(") AS parent CROSS JOIN ");
        let (table, key, join) = match self.children.link {
            None => (self.children.table, "rowid", false),
            Some(link) => (link.table, link.child_key, !self.order.sort.terms().is_empty()),
        };
        out.push_sql(table);
        out.push_sql(" ON ");
        if self.children.link.is_some() {
            out.push_sql(self.children.parent_key);
            out.push_sql(" = ");
            out.push_sql(K::FROM_JSON);
            out.push_sql(" AND ");
        } else {
            out.push_sql(table);
            out.push_sql(".");
        }
        out.push_sql(key);
        out.push_sql(" IN (SELECT ");
        if self.children.link.is_none() {
            out.push_sql(table);
            out.push_sql(".");
        }
        out.push_sql(key);
        self.push_inner(join, K::FROM_JSON, &mut out);
        self.order.walk_ast(out.reborrow())?;
        push_limit_sqlite(&mut out, &self.limit)?;
        out.push_sql(")");
        if let Some(link) = self.children.link {
            out.push_sql(" CROSS JOIN ");
            push_target(self.children, link, &mut out);
        }
        Ok(())
    }
}

impl<S: Expression, K: SqlKey> Query for Child<'_, S, K> {
    type SqlType = S::SqlType;
}

impl<S: Expression, K: SqlKey> Query for Linked<'_, S, K> {
    type SqlType = (K::SqlType, S::SqlType);
}

/// How many children each of many parents has: `SELECT parent key, count`.
/// Parents without children have no row.
#[derive(Debug)]
pub(crate) struct CountPerParent<'q, K: SqlKey> {
    /// The table that has the parent's key.
    pub(crate) table: &'static str,
    /// The column that holds the parent's key.
    pub(crate) parent_key: &'static str,
    pub(crate) parents: &'q Keys<K>,
}

impl<K: SqlKey> CountPerParent<'_, K> {
    fn push_select<DB: diesel::backend::Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        for part in
            ["SELECT ", self.parent_key, ", count(*) FROM ", self.table, " WHERE ", self.parent_key]
        {
            out.push_sql(part);
        }
    }

    fn push_group<DB: diesel::backend::Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        out.push_sql(" GROUP BY ");
        out.push_sql(self.parent_key);
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
        impl<S, K: SqlKey, DB: diesel::backend::Backend> QueryFragment<DB> for $query<'_, S, K>
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

per_parent_query!(Child, Linked);
