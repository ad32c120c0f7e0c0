//! Filters as SQL.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use recto_relations::{Comparison, Test};

use super::order::LAST_ASCENDING;
use super::{Children, SortColumns};
use crate::sql::{Dialect, Sql};

/// The tables and columns of a relation, for a condition on the entity it starts at.
#[derive(Clone, Copy)]
pub struct Correlation {
    /// The related entities.
    pub(crate) children: Children,
    /// The column of the starting entity that equals the parent key of the related entities.
    pub(crate) anchor: &'static dyn Sql,
    /// The columns that the related entities are compared by.
    pub(crate) columns: SortColumns,
    /// Whether the relation starts and ends at the same table.
    pub(crate) to_itself: bool,
}

/// A [`Filter`](recto_relations::Filter) with relations and fields resolved to columns.
pub(crate) enum ResolvedFilter {
    And(Vec<ResolvedFilter>),
    Or(Vec<ResolvedFilter>),
    Not(Box<ResolvedFilter>),
    Compare(&'static dyn Sql, Comparison),
    Related(Correlation, Box<ResolvedFilter>),
}

impl ResolvedFilter {
    /// Returns whether the filter compares a text, which an index finds.
    fn compares_text(&self) -> bool {
        match self {
            Self::And(all) => all.iter().any(Self::compares_text),
            Self::Compare(_, comparison) => matches!(comparison.test, Test::Text(_)),
            Self::Or(_) | Self::Not(_) | Self::Related(..) => false,
        }
    }
}

impl<DB: Dialect> QueryFragment<DB> for ResolvedFilter {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let out = &mut out;
        match self {
            Self::And(all) => push_list(all, "TRUE", " AND ", out),
            Self::Or(any) => push_list(any, "FALSE", " OR ", out),
            Self::Compare(column, comparison) => push_comparison(*column, comparison, out),
            Self::Related(correlation, filter) => push_related(correlation, filter, false, out),
            Self::Not(inner) => match &**inner {
                Self::Related(correlation, filter) => push_related(correlation, filter, true, out),
                // A comparison with an empty value is NULL, which counts as false.
                inner => {
                    out.push_sql("NOT COALESCE(");
                    inner.walk_ast(out.reborrow())?;
                    out.push_sql(", FALSE)");
                    Ok(())
                }
            },
        }
    }
}

fn push_list<'b, DB: Dialect>(
    filters: &'b [ResolvedFilter],
    if_empty: &str,
    operator: &str,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    if filters.is_empty() {
        out.push_sql(if_empty);
        return Ok(());
    }
    out.push_sql("(");
    for (index, filter) in filters.iter().enumerate() {
        out.push_sql(if index == 0 { "" } else { operator });
        filter.walk_ast(out.reborrow())?;
    }
    out.push_sql(")");
    Ok(())
}

fn push_comparison<'b, DB: Dialect>(
    column: &'static dyn Sql,
    comparison: &'b Comparison,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    match &comparison.test {
        Test::Text(key) => {
            DB::walk(column, out.reborrow())?;
            out.push_sql(" = ");
            DB::push_text(out, key)
        }
        Test::Range(from, to) => {
            // `LAST_ASCENDING` represents the empty value, which no range matches.
            let last = comparison.field.nullable.then_some(LAST_ASCENDING);
            let ends = [(" >= ", from.as_ref()), (" <= ", to.as_ref()), (" < ", last)];
            out.push_sql("(");
            for (sign, end) in ends {
                let Some(end) = end else { continue };
                DB::walk(column, out.reborrow())?;
                out.push_sql(sign);
                DB::push_integer(out, end)?;
                out.push_sql(" AND ");
            }
            out.push_sql("TRUE)");
            Ok(())
        }
    }
}

/// Appends the condition that a related entity matches `filter`, or that none does.
///
/// If `filter` compares a text, `IN` finds the related entities first, by an index on the text.
/// Otherwise `EXISTS` tests each entity and stops at the first match, while `IN` would list all
/// matches.
fn push_related<'b, DB: Dialect>(
    correlation: &Correlation,
    filter: &'b ResolvedFilter,
    negated: bool,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    let Correlation { children, anchor, to_itself, .. } = *correlation;
    let look_up_first = !negated && filter.compares_text();
    // In a correlated subquery on the same table, the inner name would hide the outer one.
    if !look_up_first && !to_itself {
        out.push_sql(if negated { "NOT EXISTS (SELECT 1" } else { "EXISTS (SELECT 1" });
        children.push_from_where(false, out)?;
        out.push_sql(" = ");
        DB::walk(anchor, out.reborrow())?;
        out.push_sql(" AND ");
        filter.walk_ast(out.reborrow())?;
        out.push_sql(")");
        return Ok(());
    }
    // An empty key has no related entities, and `NULL NOT IN (…)` would be NULL.
    out.push_sql("(");
    DB::walk(anchor, out.reborrow())?;
    out.push_sql(if negated { " IS NULL OR " } else { " IS NOT NULL AND " });
    DB::walk(anchor, out.reborrow())?;
    out.push_sql(if negated { " NOT IN (SELECT " } else { " IN (SELECT " });
    DB::walk(children.parent_key, out.reborrow())?;
    children.push_from_where(false, out)?;
    out.push_sql(" IS NOT NULL AND ");
    filter.walk_ast(out.reborrow())?;
    out.push_sql("))");
    Ok(())
}
