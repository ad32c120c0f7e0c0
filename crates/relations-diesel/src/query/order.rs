//! The order of a page and the position where it begins.

use diesel::QueryResult;
use diesel::expression::expression_types::NotSelectable;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::query_source::Column;
use recto_relations::{KeysetPosition, Seek, Sort, SortField, SortTerm, SortValue};

use super::{Conditions, expression};
use crate::key::{Id, KeyOn, KeyValue};
use crate::sql::{Dialect, Sql, sql};

/// The columns of a sort field.
///
/// Text is sorted by a column with its [text key](recto_relations::text_key), which needs
/// `COLLATE "C"` on PostgreSQL; otherwise the order depends on the locale and differs from SQLite.
///
/// A field that may be empty needs two generated columns, which represent empty values by
/// `2147483647` in ascending and `-2147483648` in descending order. Empty values are thus last in
/// both directions, and an index finds the start of a page. For `NULLS LAST`, SQLite would sort all
/// rows.
///
/// ```
/// use recto_relations_diesel::SortColumn;
///
/// diesel::table! {
///     books (id) { id -> BigInt, title_key -> Text, pages_asc -> Integer, pages_desc -> Integer }
/// }
///
/// const SORTS: &[SortColumn] = &[
///     SortColumn::new("title", &books::title_key),
///     SortColumn::nullable("pages", &books::pages_asc, &books::pages_desc),
/// ];
/// ```
#[derive(Clone, Copy)]
pub struct SortColumn {
    pub(crate) field: &'static str,
    ascending: &'static dyn Sql,
    descending: &'static dyn Sql,
}

impl SortColumn {
    /// Returns the column of a field that always has a value.
    pub const fn new(field: &'static str, column: &'static dyn Sql) -> Self {
        Self { field, ascending: column, descending: column }
    }

    /// Returns the columns of a field that may be empty, one for each direction.
    pub const fn nullable(
        field: &'static str,
        ascending: &'static dyn Sql,
        descending: &'static dyn Sql,
    ) -> Self {
        Self { field, ascending, descending }
    }
}

impl std::fmt::Debug for SortColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SortColumn").field("field", &self.field).finish_non_exhaustive()
    }
}

/// The columns of an order.
#[derive(Clone, Copy)]
pub struct SortColumns {
    pub(crate) fields: &'static [SortColumn],
    /// The key, as a tie-breaker.
    pub(crate) key: &'static dyn Sql,
    /// The column that orders the links, if any.
    pub(crate) link_order: Option<&'static dyn Sql>,
}

impl SortColumns {
    pub(crate) fn filter_column(&self, field: &SortField) -> &'static dyn Sql {
        self.find(field).map_or(self.key, |column| column.ascending)
    }

    fn order_column(&self, term: &SortTerm) -> &'static dyn Sql {
        if term.field.of_link {
            return self.link_order.unwrap_or(self.key);
        }
        let directed = |column: &SortColumn| {
            if term.descending { column.descending } else { column.ascending }
        };
        self.find(term.field).map_or(self.key, directed)
    }

    fn find(&self, field: &SortField) -> Option<&'static SortColumn> {
        self.fields.iter().find(|column| column.field == field.name)
    }
}

/// The empty value in an ascending sort column.
pub(crate) const LAST_ASCENDING: &i64 = &2_147_483_647;

/// The empty value in a descending sort column.
const LAST_DESCENDING: &i64 = &-2_147_483_648;

/// The expressions of `ORDER BY`: the terms of a sort, then the key.
#[derive(Clone)]
pub struct OrderBy {
    pub(crate) columns: SortColumns,
    pub(crate) sort: Sort,
    /// Whether the order is read from its end.
    pub(crate) backward: bool,
}

impl OrderBy {
    /// Returns the direction of a column that is sorted in descending order, read forward.
    fn direction(&self, descending: bool) -> &'static str {
        if descending == self.backward { "" } else { " DESC" }
    }
}

expression!([] OrderBy: NotSelectable);

/// Returns the condition and the order of a part of a table that is sorted by a key alone, with the
/// greatest key first.
///
/// ```
/// use diesel::prelude::*;
/// use recto_relations::Seek;
/// use recto_relations_diesel::newest_first;
///
/// diesel::table! { visits (id) { id -> BigInt, place -> Text } }
///
/// let (mut conditions, order) = newest_first::<_, i64, i64>(visits::id, &Seek::first(20));
/// conditions.add(visits::place.eq("Bath"));
/// let query = visits::table.filter(conditions).order_by(order).limit(20);
/// ```
#[expect(clippy::needless_pass_by_value, reason = "columns have no size")]
pub fn newest_first<C, V, K>(column: C, seek: &Seek<'_, K>) -> (Conditions<C::Table>, OrderBy)
where
    C: Column + Sql + Default + 'static,
    V: Id + From<K>,
    K: Copy,
{
    // The type identifies the column.
    let _ = column;
    let columns = SortColumns { fields: &[], key: sql::<C>(), link_order: None };
    let (sort, backward) = (Sort::default(), seek.backward);
    let mut conditions = Conditions::new();
    if let Some(position) = seek.from {
        conditions.push(FromPosition::<V>::new(columns, &sort, position, backward));
    }
    (conditions, OrderBy { columns, sort, backward })
}

impl<DB: Dialect> QueryFragment<DB> for OrderBy {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for term in self.sort.terms() {
            DB::walk(self.columns.order_column(term), out.reborrow())?;
            if term.field.of_link {
                // The value is unique among the links of a parent.
                out.push_sql(self.direction(term.descending));
                return Ok(());
            }
            out.push_sql(self.direction(term.descending));
            out.push_sql(", ");
        }
        DB::walk(self.columns.key, out.reborrow())?;
        out.push_sql(self.direction(!self.sort.key_ascending()));
        Ok(())
    }
}

/// The condition that a row is at a position in an order or after it, in the direction of reading.
///
/// If all terms have the same direction, the condition is a row comparison, for which an index
/// finds the start of the page. For mixed directions it is a disjunction, with a comparison of the
/// first term in front for the index.
pub(crate) struct FromPosition<V> {
    key_column: &'static dyn Sql,
    terms: Vec<Term>,
    key: V,
    key_ascending: bool,
}

struct Term {
    column: &'static dyn Sql,
    /// Whether the values become less, in the direction of reading.
    descending: bool,
    value: Value,
}

enum Value {
    Text(String),
    Integer(i64),
}

impl<V: KeyValue> FromPosition<V> {
    pub(crate) fn new<K: Copy>(
        columns: SortColumns,
        sort: &Sort,
        position: &KeysetPosition<K>,
        backward: bool,
    ) -> Self
    where
        V: From<K>,
    {
        let term = |(term, value): (&SortTerm, &SortValue)| Term {
            column: columns.order_column(term),
            descending: term.descending != backward,
            value: match value {
                SortValue::Text(text) => Value::Text(text.clone()),
                SortValue::Integer(integer) => Value::Integer(*integer),
                SortValue::Empty if term.descending => Value::Integer(*LAST_DESCENDING),
                SortValue::Empty => Value::Integer(*LAST_ASCENDING),
            },
        };
        Self {
            key_column: columns.key,
            terms: sort.terms().iter().zip(&position.values).map(term).collect(),
            key: V::from(position.key),
            key_ascending: sort.key_ascending() != backward,
        }
    }

    /// Appends `(a, b, key) >= (?, ?, ?)`.
    fn push_row_comparison<'b, DB: Dialect>(
        &'b self,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        V: KeyOn<DB>,
    {
        out.push_sql("(");
        for term in &self.terms {
            DB::walk(term.column, out.reborrow())?;
            out.push_sql(", ");
        }
        DB::walk(self.key_column, out.reborrow())?;
        out.push_sql(if self.key_ascending { ") >= (" } else { ") <= (" });
        for term in &self.terms {
            term.push_value(out)?;
            out.push_sql(", ");
        }
        self.key.push(out)?;
        out.push_sql(")");
        Ok(())
    }

    /// Appends `(a >= ? AND ((a > ?) OR (a = ? AND b < ?) OR (a = ? AND b = ? AND key >= ?)))`.
    fn push_disjunction<'b, DB: Dialect>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        V: KeyOn<DB>,
    {
        out.push_sql("(");
        if let Some(first) = self.terms.first() {
            DB::walk(first.column, out.reborrow())?;
            out.push_sql(if first.descending { " <= " } else { " >= " });
            first.push_value(out)?;
            out.push_sql(" AND (");
        }
        for (index, term) in self.terms.iter().enumerate() {
            push_equal(&self.terms[..index], out)?;
            DB::walk(term.column, out.reborrow())?;
            out.push_sql(if term.descending { " < " } else { " > " });
            term.push_value(out)?;
            out.push_sql(") OR ");
        }
        push_equal(&self.terms, out)?;
        DB::walk(self.key_column, out.reborrow())?;
        out.push_sql(if self.key_ascending { " >= " } else { " <= " });
        self.key.push(out)?;
        out.push_sql(")))");
        Ok(())
    }
}

impl<V: KeyOn<DB>, DB: Dialect> QueryFragment<DB> for FromPosition<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.terms.iter().all(|term| term.descending != self.key_ascending) {
            self.push_row_comparison(&mut out)
        } else {
            self.push_disjunction(&mut out)
        }
    }
}

/// Appends `(a = ? AND b = ? AND `.
fn push_equal<'b, DB: Dialect>(
    terms: &'b [Term],
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    out.push_sql("(");
    for term in terms {
        DB::walk(term.column, out.reborrow())?;
        out.push_sql(" = ");
        term.push_value(out)?;
        out.push_sql(" AND ");
    }
    Ok(())
}

impl Term {
    fn push_value<'b, DB: Dialect>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match &self.value {
            Value::Text(text) => DB::push_text(out, text),
            Value::Integer(integer) => DB::push_integer(out, integer),
        }
    }
}
