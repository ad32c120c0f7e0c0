//! Queries for children and parents over tables between them, and for counts.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sqlite::Sqlite;

use super::{Conditions, OrderBy};
use crate::key::{KeyOn, KeyValue, Keys};
use crate::sql::{Dialect, Sql};

/// The tables and columns of the entities that a relation leads to.
#[derive(Clone, Copy)]
pub struct Children {
    pub(crate) table: &'static dyn Sql,
    /// The column with the key of the parent.
    pub(crate) parent_key: &'static dyn Sql,
    /// The location of that column.
    pub(crate) via: Via,
}

/// The location of the column with the key of the parent.
#[derive(Clone, Copy)]
pub(crate) enum Via {
    /// In the table of the children.
    ForeignKey,
    /// In a link table. Limits for each parent apply to links, so that columns of the link table
    /// can determine the order.
    Link(Join),
    /// In a table that the children refer to.
    Through(Join),
}

/// The join of an intermediate table with the children.
#[derive(Clone, Copy)]
pub(crate) struct Join {
    pub(crate) table: &'static dyn Sql,
    /// A column of the intermediate table.
    pub(crate) from: &'static dyn Sql,
    /// The column of the children that equals it.
    pub(crate) to: &'static dyn Sql,
}

/// Appends a table or column, for passes of any lifetime.
fn walk<DB: Dialect>(sql: &'static dyn Sql, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    DB::walk(sql, out.reborrow())
}

impl Children {
    /// Appends ` INNER JOIN "tags" ON "tags"."uid" = "book_tags"."tag_id"`.
    fn push_join<DB: Dialect>(
        self,
        kind: &str,
        join: Join,
        out: &mut AstPass<'_, '_, DB>,
    ) -> QueryResult<()> {
        out.push_sql(kind);
        walk(self.table, out)?;
        out.push_sql(" ON ");
        walk(join.to, out)?;
        out.push_sql(" = ");
        walk(join.from, out)
    }

    /// Appends ` FROM "book_tags" INNER JOIN "tags" ON …`, optionally without the join.
    fn push_from<DB: Dialect>(
        self,
        links_alone: bool,
        out: &mut AstPass<'_, '_, DB>,
    ) -> QueryResult<()> {
        out.push_sql(" FROM ");
        match self.via {
            Via::ForeignKey => walk(self.table, out),
            Via::Link(join) if links_alone => walk(join.table, out),
            Via::Link(join) | Via::Through(join) => {
                walk(join.table, out)?;
                self.push_join(" INNER JOIN ", join, out)
            }
        }
    }

    /// Appends ` FROM … WHERE` and the column with the key of the parent.
    pub(super) fn push_from_where<DB: Dialect>(
        self,
        links_alone: bool,
        out: &mut AstPass<'_, '_, DB>,
    ) -> QueryResult<()> {
        self.push_from(links_alone, out)?;
        out.push_sql(" WHERE ");
        walk(self.parent_key, out)
    }
}

/// A page of the children of one parent over an intermediate table:
/// ` FROM … WHERE parent = ? AND … ORDER BY … LIMIT …`.
pub(crate) struct OfOneParent<V, T> {
    pub(crate) children: Children,
    pub(crate) parent: V,
    pub(crate) conditions: Conditions<T>,
    pub(crate) order: OrderBy,
    pub(crate) limit: i64,
}

impl<DB: Dialect, V: KeyOn<DB>, T> QueryFragment<DB> for OfOneParent<V, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.children.push_from_where(false, &mut out)?;
        out.push_sql(" = ");
        self.parent.push(&mut out)?;
        out.push_sql(" AND ");
        self.conditions.walk_ast(out.reborrow())?;
        out.push_sql(" ORDER BY ");
        self.order.walk_ast(out.reborrow())?;
        DB::push_limit(&mut out, &self.limit)
    }
}

/// The first `limit` children of each parent, in no particular order.
///
/// PostgreSQL finds the children of each parent in a lateral join. SQLite, which has none, finds
/// their row ids, or their links, in a correlated subquery.
pub struct FirstPerParent<V> {
    pub(crate) children: Children,
    pub(crate) parents: Keys<V>,
    pub(crate) order: OrderBy,
    pub(crate) limit: i64,
}

impl<V: KeyValue> FirstPerParent<V> {
    /// Returns the table whose rows are limited for each parent.
    fn limited(&self) -> &'static dyn Sql {
        match self.children.via {
            Via::ForeignKey | Via::Through(_) => self.children.table,
            Via::Link(join) => join.table,
        }
    }

    /// Appends ` FROM … WHERE … = parent_key.key ORDER BY … LIMIT …`.
    fn push_of_one<'b, DB: Dialect>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        V: KeyOn<DB>,
    {
        // The children are not joined if only columns of the link table determine the order.
        let links_alone = self.order.sort.terms().iter().all(|term| term.field.of_link);
        self.children.push_from_where(links_alone, out)?;
        out.push_sql(" = ");
        out.push_sql(V::PARENT);
        out.push_sql(" ORDER BY ");
        self.order.walk_ast(out.reborrow())?;
        DB::push_limit(out, &self.limit)
    }
}

impl<V: KeyOn<Pg>> QueryFragment<Pg> for FirstPerParent<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" FROM ");
        V::push_parents(&self.parents, &mut out)?;
        out.push_sql(" CROSS JOIN LATERAL (SELECT ");
        walk(self.limited(), &mut out)?;
        out.push_sql(".*");
        self.push_of_one(&mut out)?;
        out.push_sql(") AS ");
        walk(self.limited(), &mut out)?;
        match self.children.via {
            Via::Link(join) => self.children.push_join(" INNER JOIN ", join, &mut out),
            Via::ForeignKey | Via::Through(_) => Ok(()),
        }
    }
}

impl<V: KeyOn<Sqlite>> QueryFragment<Sqlite> for FirstPerParent<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(" FROM ");
        V::push_parents(&self.parents, &mut out)?;
        // With CROSS JOIN, SQLite does not reorder the loops.
        out.push_sql(" CROSS JOIN ");
        walk(self.limited(), &mut out)?;
        out.push_sql(" ON ");
        match self.children.via {
            Via::ForeignKey | Via::Through(_) => {
                walk(self.children.table, &mut out)?;
                out.push_sql(".rowid IN (SELECT ");
                walk(self.children.table, &mut out)?;
                out.push_sql(".rowid");
            }
            Via::Link(join) => {
                walk(self.children.parent_key, &mut out)?;
                out.push_sql(" = ");
                out.push_sql(V::PARENT);
                out.push_sql(" AND ");
                walk(join.from, &mut out)?;
                out.push_sql(" IN (SELECT ");
                walk(join.from, &mut out)?;
            }
        }
        self.push_of_one(&mut out)?;
        out.push_sql(")");
        match self.children.via {
            Via::Link(join) => self.children.push_join(" CROSS JOIN ", join, &mut out),
            Via::ForeignKey | Via::Through(_) => Ok(()),
        }
    }
}

/// The number of children of each parent, omitting parents without children:
/// ` FROM … WHERE parent IN … GROUP BY parent`.
pub(crate) struct CountPerParent<V> {
    pub(crate) children: Children,
    pub(crate) parents: Keys<V>,
}

impl<V: KeyOn<DB>, DB: Dialect> QueryFragment<DB> for CountPerParent<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.children.push_from_where(true, &mut out)?;
        V::push_is_one_of(&self.parents, &mut out)?;
        out.push_sql(" GROUP BY ");
        walk(self.children.parent_key, &mut out)
    }
}

/// Rows to count, up to a limit: ` FROM (SELECT 1 FROM … WHERE … LIMIT …) AS counted`.
pub(crate) struct CountedRows<S> {
    /// ` FROM … WHERE …`
    pub(crate) source: S,
    pub(crate) limit: i64,
}

impl<S: QueryFragment<DB>, DB: Dialect> QueryFragment<DB> for CountedRows<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(" FROM (SELECT 1");
        self.source.walk_ast(out.reborrow())?;
        DB::push_limit(&mut out, &self.limit)?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

/// The rows of a table that match conditions: ` FROM … WHERE …`.
pub(crate) struct Matching<T> {
    pub(crate) table: &'static dyn Sql,
    pub(crate) conditions: Conditions<T>,
}

impl<DB: Dialect, T> QueryFragment<DB> for Matching<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(" FROM ");
        walk(self.table, &mut out)?;
        out.push_sql(" WHERE ");
        self.conditions.walk_ast(out)
    }
}

/// The children of one parent, or their links: ` FROM … WHERE parent = ?`.
pub(crate) struct ChildrenOf<V> {
    pub(crate) children: Children,
    pub(crate) parent: V,
}

impl<DB: Dialect, V: KeyOn<DB>> QueryFragment<DB> for ChildrenOf<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.children.push_from_where(true, &mut out)?;
        out.push_sql(" = ");
        self.parent.push(&mut out)
    }
}

/// The parents of children over an intermediate table:
/// ` FROM intermediate JOIN parents JOIN children WHERE child IN …`.
pub(crate) struct ParentsOf<V> {
    pub(crate) parents: Children,
    pub(crate) child: &'static dyn Sql,
    /// The foreign key of the children.
    pub(crate) child_key: &'static dyn Sql,
    /// The primary key of the children.
    pub(crate) child_id: &'static dyn Sql,
    pub(crate) keys: Keys<V>,
}

impl<V: KeyOn<DB>, DB: Dialect> QueryFragment<DB> for ParentsOf<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.parents.push_from(false, &mut out)?;
        out.push_sql(" INNER JOIN ");
        walk(self.child, &mut out)?;
        out.push_sql(" ON ");
        walk(self.child_key, &mut out)?;
        out.push_sql(" = ");
        walk(self.parents.parent_key, &mut out)?;
        out.push_sql(" WHERE ");
        walk(self.child_id, &mut out)?;
        V::push_is_one_of(&self.keys, &mut out)
    }
}
