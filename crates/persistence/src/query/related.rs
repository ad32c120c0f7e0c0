//! Conditions on what an entity is related to.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Text};
use recto_domain::relation::{Condition, Matching, Quantifier, RelationFilter};

use super::order::LAST_ASCENDING;
use super::{Children, SortColumns, Way};

/// Where what a relation leads to is found, seen from where it starts.
#[derive(Debug, Clone, Copy)]
pub struct Correlation {
    /// The tables it leads over, and the column that tells whose the rows are.
    pub children: Children,
    /// The column that this is compared with: `"books"."uid"`.
    pub anchor: &'static str,
    /// The columns of what it leads to.
    pub columns: SortColumns,
    /// Whether it leads to the table it starts from.
    pub to_itself: bool,
}

/// Some, none or only such as meet the conditions are related.
///
/// For some of a certain text the related are looked for first (`IN`): a tag of
/// that name is in an index, and has its books in another. Otherwise each
/// entity of the page is asked whether there is one (`EXISTS`), which stops at
/// the first, where a list of all would be made for each request.
#[derive(Debug, Clone)]
pub struct Related {
    pub correlation: Correlation,
    pub filter: RelationFilter,
}

impl Related {
    /// ` FROM "book_tags" INNER JOIN "tags" ON … WHERE `
    fn push_from<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        let children = self.correlation.children;
        let parts = match children.way {
            Way::Direct => vec![" FROM ", children.table],
            Way::Link(join) | Way::Through(join) => vec![
                " FROM ",
                join.table,
                " INNER JOIN ",
                children.table,
                " ON ",
                join.to,
                " = ",
                join.from,
            ],
        };
        for part in parts.into_iter().chain([" WHERE ", children.parent_key]) {
            out.push_sql(part);
        }
    }
}

impl<DB> QueryFragment<DB> for Related
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Correlation { children, anchor, to_itself, .. } = self.correlation;
        let negated = self.filter.quantifier != Quantifier::Some;
        let is_text = |condition: &Condition| matches!(condition.matching, Matching::Text(_));
        let from_index = !negated && self.filter.conditions.iter().any(is_text);
        if !from_index && !to_itself {
            out.push_sql(if negated { "NOT EXISTS (SELECT 1" } else { "EXISTS (SELECT 1" });
            self.push_from(&mut out);
            out.push_sql(" = ");
            out.push_sql(anchor);
            self.push_conditions(&mut out)?;
            out.push_sql(")");
            return Ok(());
        }
        // An empty key is nobody's; compared with NULL, NOT IN would be neither
        // true nor false.
        for part in
            ["(", anchor, if negated { " IS NULL OR " } else { " IS NOT NULL AND " }, anchor]
        {
            out.push_sql(part);
        }
        out.push_sql(if negated { " NOT IN (SELECT " } else { " IN (SELECT " });
        out.push_sql(children.parent_key);
        self.push_from(&mut out);
        out.push_sql(" IS NOT NULL");
        self.push_conditions(&mut out)?;
        out.push_sql("))");
        Ok(())
    }
}

impl Related {
    fn push_conditions<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
    {
        if self.filter.conditions.is_empty() {
            return Ok(());
        }
        // Only such as meet them: none that does not, an empty value included.
        let only = self.filter.quantifier == Quantifier::Only;
        out.push_sql(if only { " AND NOT COALESCE(" } else { " AND " });
        for (index, condition) in self.filter.conditions.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { " AND " });
            self.push_condition(condition, out)?;
        }
        out.push_sql(if only { "), FALSE)" } else { ")" });
        Ok(())
    }

    fn push_condition<'b, DB>(
        &'b self,
        condition: &'b Condition,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
    {
        let column = self.correlation.columns.plain(condition.field);
        match &condition.matching {
            Matching::Text(key) => {
                out.push_sql(column);
                out.push_sql(" = ");
                out.push_bind_param::<Text, _>(key)?;
            }
            Matching::Range(from, to) => {
                // In the columns to sort by, a number beyond all others stands for no value.
                let last = condition.field.nullable.then_some(LAST_ASCENDING);
                let ends = [(" >= ", from.as_ref()), (" <= ", to.as_ref()), (" < ", last)];
                let given = ends.into_iter().filter_map(|(sign, end)| Some((sign, end?)));
                for (index, (sign, end)) in given.enumerate() {
                    out.push_sql(if index == 0 { "" } else { " AND " });
                    out.push_sql(column);
                    out.push_sql(sign);
                    out.push_bind_param::<BigInt, _>(end)?;
                }
            }
        }
        Ok(())
    }
}

impl Expression for Related {
    type SqlType = Bool;
}

impl ValidGrouping<()> for Related {
    type IsAggregate = is_aggregate::No;
}

impl<T> AppearsOnTable<T> for Related {}

impl<T> SelectableExpression<T> for Related {}

impl QueryId for Related {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}
