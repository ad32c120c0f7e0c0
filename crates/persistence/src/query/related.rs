//! Conditions on what an entity is related to.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Text};
use recto_relations::{Comparison, Test};

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

/// A [`Filter`](recto_relations::Filter) whose relations and fields are resolved to columns.
#[derive(Debug, Clone)]
pub enum Resolved {
    /// All of them hold.
    And(Vec<Resolved>),
    /// At least one of them holds.
    Or(Vec<Resolved>),
    /// It does not hold.
    Not(Box<Resolved>),
    /// A column has a value.
    Compare(&'static str, Comparison),
    /// At least one related row meets the condition.
    Related(Correlation, Box<Resolved>),
}

impl Resolved {
    /// Whether a text is compared, which an index finds at once.
    fn looks_up_text(&self) -> bool {
        match self {
            Self::And(all) => all.iter().any(Self::looks_up_text),
            Self::Compare(_, Comparison { test, .. }) => matches!(test, Test::Text(_)),
            Self::Or(_) | Self::Not(_) | Self::Related(..) => false,
        }
    }
}

impl<DB> QueryFragment<DB> for Resolved
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match self {
            Self::And(all) => push_list(all, "TRUE", " AND ", &mut out),
            Self::Or(any) => push_list(any, "FALSE", " OR ", &mut out),
            Self::Not(inner) => match &**inner {
                Self::Related(correlation, filter) => {
                    push_related(correlation, filter, true, &mut out)
                }
                // A comparison with an empty value is NULL, which counts as false.
                inner => {
                    out.push_sql("NOT COALESCE(");
                    inner.walk_ast(out.reborrow())?;
                    out.push_sql(", FALSE)");
                    Ok(())
                }
            },
            Self::Compare(column, comparison) => push_comparison(column, comparison, &mut out),
            Self::Related(correlation, filter) => {
                push_related(correlation, filter, false, &mut out)
            }
        }
    }
}

fn push_list<'b, DB>(
    filters: &'b [Resolved],
    empty: &str,
    joint: &str,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    if filters.is_empty() {
        out.push_sql(empty);
        return Ok(());
    }
    out.push_sql("(");
    for (index, filter) in filters.iter().enumerate() {
        out.push_sql(if index == 0 { "" } else { joint });
        filter.walk_ast(out.reborrow())?;
    }
    out.push_sql(")");
    Ok(())
}

fn push_comparison<'b, DB>(
    column: &str,
    comparison: &'b Comparison,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    match &comparison.test {
        Test::Text(key) => {
            out.push_sql(column);
            out.push_sql(" = ");
            out.push_bind_param::<Text, _>(key)?;
        }
        Test::Range(from, to) => {
            // In the columns to sort by, a number beyond all others stands for no value.
            let last = comparison.field.nullable.then_some(LAST_ASCENDING);
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

/// At least one related row meets the condition, or none does.
///
/// For some of a certain text the related are looked for first (`IN`): a tag of
/// that name is in an index, and has its books in another. Otherwise each
/// entity of the page is asked whether there is one (`EXISTS`), which stops at
/// the first, where a list of all would be made for each request.
fn push_related<'b, DB>(
    correlation: &Correlation,
    filter: &'b Resolved,
    negated: bool,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    let Correlation { children, anchor, to_itself, .. } = *correlation;
    let from_index = !negated && filter.looks_up_text();
    if !from_index && !to_itself {
        out.push_sql(if negated { "NOT EXISTS (SELECT 1" } else { "EXISTS (SELECT 1" });
        push_from(children, out);
        out.push_sql(" = ");
        out.push_sql(anchor);
        out.push_sql(" AND ");
        filter.walk_ast(out.reborrow())?;
        out.push_sql(")");
        return Ok(());
    }
    // An empty key is nobody's; compared with NULL, NOT IN would be neither
    // true nor false.
    for part in ["(", anchor, if negated { " IS NULL OR " } else { " IS NOT NULL AND " }, anchor] {
        out.push_sql(part);
    }
    out.push_sql(if negated { " NOT IN (SELECT " } else { " IN (SELECT " });
    out.push_sql(children.parent_key);
    push_from(children, out);
    out.push_sql(" IS NOT NULL AND ");
    filter.walk_ast(out.reborrow())?;
    out.push_sql("))");
    Ok(())
}

/// ` FROM "book_tags" INNER JOIN "tags" ON … WHERE `
fn push_from<DB: Backend>(children: Children, out: &mut AstPass<'_, '_, DB>) {
    let parts = match children.way {
        Way::Direct => vec![" FROM ", children.table],
        Way::Link(join) | Way::Through(join) => {
            vec![
                " FROM ",
                join.table,
                " INNER JOIN ",
                children.table,
                " ON ",
                join.to,
                " = ",
                join.from,
            ]
        }
    };
    for part in parts.into_iter().chain([" WHERE ", children.parent_key]) {
        out.push_sql(part);
    }
}

impl Expression for Resolved {
    type SqlType = Bool;
}

impl ValidGrouping<()> for Resolved {
    type IsAggregate = is_aggregate::No;
}

impl<T> AppearsOnTable<T> for Resolved {}

impl<T> SelectableExpression<T> for Resolved {}

impl QueryId for Resolved {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}
