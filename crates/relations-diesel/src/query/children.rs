//! Children of one parent, of many, and how many there are.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sqlite::Sqlite;

use super::{Conditions, OrderBy};
use crate::key::{KeyOn, KeyValue, Keys};
use crate::sql::{Dialect, Sql};

/// Where the entities are that a relation leads to.
#[derive(Clone, Copy)]
pub struct Children {
    /// Their table.
    pub(crate) table: &'static dyn Sql,
    /// The column that holds the parent's key.
    pub(crate) parent_key: &'static dyn Sql,
    /// How they are joined to that column.
    pub(crate) via: Via,
}

/// How children are joined to the column that holds their parent's key.
#[derive(Clone, Copy)]
pub(crate) enum Via {
    /// It is a column of theirs.
    ForeignKey,
    /// It is in a link table. What is counted off for each parent are links, so that the link's
    /// columns can give the order.
    Link(Join),
    /// It is in a table that they refer to.
    Through(Join),
}

/// How the table between is joined to the children.
#[derive(Clone, Copy)]
pub(crate) struct Join {
    /// The table between.
    pub(crate) table: &'static dyn Sql,
    /// Its column.
    pub(crate) from: &'static dyn Sql,
    /// The column of the children that is equal to it.
    pub(crate) to: &'static dyn Sql,
}

/// Tables and columns live forever, so they fit into any pass.
fn walk<DB: Dialect>(sql: &'static dyn Sql, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    DB::walk(sql, out.reborrow())
}

impl Children {
    /// ` INNER JOIN "tags" ON "tags"."uid" = "book_tags"."tag_id"`
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

    /// ` FROM "book_tags" INNER JOIN "tags" ON …`, or without the children of links.
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

    /// ` FROM … WHERE` the column that holds the parent's key.
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

/// Children of one parent that are joined to its key over a table between:
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
/// PostgreSQL looks for the children of each parent in a lateral join. SQLite has none, but lets a
/// subquery for each parent find the row ids, or the links.
pub struct FirstPerParent<V> {
    pub(crate) children: Children,
    pub(crate) parents: Keys<V>,
    pub(crate) order: OrderBy,
    pub(crate) limit: i64,
}

impl<V: KeyValue> FirstPerParent<V> {
    /// The table whose rows are counted off.
    fn counted(&self) -> &'static dyn Sql {
        match self.children.via {
            Via::ForeignKey | Via::Through(_) => self.children.table,
            Via::Link(join) => join.table,
        }
    }

    /// ` FROM … WHERE … = parent_key.key ORDER BY … LIMIT …`
    fn push_of_one<'b, DB: Dialect>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        V: KeyOn<DB>,
    {
        // Links that are sorted by their own columns need not be joined to the children.
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
        walk(self.counted(), &mut out)?;
        out.push_sql(".*");
        self.push_of_one(&mut out)?;
        out.push_sql(") AS ");
        walk(self.counted(), &mut out)?;
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
        // CROSS JOIN keeps SQLite from exchanging the loops.
        out.push_sql(" CROSS JOIN ");
        walk(self.counted(), &mut out)?;
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

/// How many children each parent has, without the parents that have none:
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

/// The entities that children refer to over a table between:
/// ` FROM between JOIN parents JOIN children WHERE child IN …`.
pub(crate) struct ParentsOf<V> {
    /// The parents, seen from the key that children hold.
    pub(crate) parents: Children,
    /// The table of the children.
    pub(crate) child: &'static dyn Sql,
    /// Their foreign key.
    pub(crate) child_key: &'static dyn Sql,
    /// Their primary key.
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
