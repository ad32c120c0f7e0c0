//! Order and keyset: where a page begins, and what comes behind a place.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping,
    expression_types::NotSelectable, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Text};
use recto_relations::{KeysetPosition, Sort, SortField, SortTerm, SortValue};

use super::SqlKey;

/// The columns that the sort fields of an entity stand for.
///
/// A field that may be empty has a generated column for each direction, in
/// which a number beyond all others stands for no value: empty values come
/// last either way, and an index leads to where a page begins. SQLite does
/// neither for `NULLS LAST`, nor for an index on an expression.
#[derive(Debug, Clone, Copy)]
pub struct SortColumns {
    /// Field name and qualified column: `("title", "\"books\".\"title_key\"")`.
    /// A name with a minus before it is the field's column when it descends.
    pub fields: &'static [(&'static str, &'static str)],
    /// The qualified column of the key.
    pub key: &'static str,
    /// The qualified column that orders the links, where they have an order.
    pub order: Option<&'static str>,
}

impl SortColumns {
    /// The same fields with the key found elsewhere, as in a link table.
    #[must_use]
    pub fn with_key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    /// The same for links that are ordered by a column of theirs.
    #[must_use]
    pub fn ordered_by(self, order: Option<&'static str>) -> Self {
        Self { order, ..self }
    }

    /// The column of a field as it ascends.
    pub(crate) fn plain(&self, field: &SortField) -> &'static str {
        let named = |(name, _): &&(&str, &str)| *name == field.name;
        self.fields.iter().find(named).map_or(self.key, |(_, column)| column)
    }

    fn column(&self, term: &SortTerm) -> &'static str {
        if term.field.of_link {
            return self.order.unwrap_or(self.key);
        }
        let signs: &[&str] = if term.descending { &["-", ""] } else { &[""] };
        signs
            .iter()
            .find_map(|sign| {
                let named = |name: &str| name.strip_prefix(sign) == Some(term.field.name);
                self.fields.iter().find(|(name, _)| named(name))
            })
            .map_or(self.key, |(_, column)| column)
    }
}

/// What generated columns hold for no value: more than any value, ascending.
pub(super) const LAST_ASCENDING: &i64 = &2_147_483_647;

/// And less than any value, descending.
const LAST_DESCENDING: &i64 = &-2_147_483_648;

/// `ORDER BY` the terms of a sort, empty values last, the key breaking ties.
#[derive(Debug, Clone, Copy)]
pub struct OrderBy<'s> {
    pub columns: SortColumns,
    pub sort: &'s Sort,
}

impl OrderBy<'_> {
    fn push<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        for term in self.sort.terms() {
            out.push_sql(self.columns.column(term));
            if term.field.of_link {
                // No two links of a parent have one place: nothing is left to decide.
                out.push_sql(if term.descending { " DESC" } else { "" });
                return;
            }
            out.push_sql(if term.descending { " DESC, " } else { ", " });
        }
        out.push_sql(self.columns.key);
        if !self.sort.key_ascending() {
            out.push_sql(" DESC");
        }
    }
}

impl<DB: Backend> QueryFragment<DB> for OrderBy<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.push(&mut out);
        Ok(())
    }
}

impl Expression for OrderBy<'_> {
    type SqlType = NotSelectable;
}

impl ValidGrouping<()> for OrderBy<'_> {
    type IsAggregate = is_aggregate::No;
}

impl<T> AppearsOnTable<T> for OrderBy<'_> {}

impl<T> SelectableExpression<T> for OrderBy<'_> {}

impl QueryId for OrderBy<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Comes behind a place in an order; true without a place.
///
/// Where all terms run in one direction this is a comparison of rows, which an
/// index answers from where the page begins. Mixed directions are spelled out,
/// behind a comparison of the first term alone for the index to begin at.
#[derive(Debug, Clone)]
pub struct After<'s, K: SqlKey> {
    columns: SortColumns,
    place: Option<Place<'s, K>>,
}

#[derive(Debug, Clone)]
struct Place<'s, K: SqlKey> {
    parts: Vec<Part<'s>>,
    key: K::Value,
    key_ascending: bool,
}

/// One column to compare.
#[derive(Debug, Clone, Copy)]
struct Part<'s> {
    column: &'static str,
    descending: bool,
    compared: Compared<'s>,
}

#[derive(Debug, Clone, Copy)]
enum Compared<'s> {
    Text(&'s String),
    Integer(&'s i64),
}

impl<'s, K: SqlKey> After<'s, K> {
    pub fn new(columns: SortColumns, sort: &Sort, position: Option<&'s KeysetPosition<K>>) -> Self {
        let place = position.map(|position| Place {
            parts: parts(columns, sort, &position.values),
            key: position.key.value(),
            key_ascending: sort.key_ascending(),
        });
        Self { columns, place }
    }
}

fn parts<'s>(columns: SortColumns, sort: &Sort, values: &'s [SortValue]) -> Vec<Part<'s>> {
    let part = |(term, value): (&SortTerm, &'s SortValue)| Part {
        column: columns.column(term),
        descending: term.descending,
        compared: match value {
            SortValue::Text(text) => Compared::Text(text),
            SortValue::Integer(integer) => Compared::Integer(integer),
            SortValue::Empty if term.descending => Compared::Integer(LAST_DESCENDING),
            SortValue::Empty => Compared::Integer(LAST_ASCENDING),
        },
    };
    sort.terms().iter().zip(values).map(part).collect()
}

impl<K: SqlKey, DB> QueryFragment<DB> for After<'_, K>
where
    DB: Backend + HasSqlType<K::SqlType> + HasSqlType<Text> + HasSqlType<BigInt>,
    K::Value: ToSql<K::SqlType, DB>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Some(place) = &self.place else {
            out.push_sql("TRUE");
            return Ok(());
        };
        let one_direction = place.parts.iter().all(|part| part.descending != place.key_ascending);
        if one_direction {
            self.compare_rows(place, &mut out)
        } else {
            self.compare_each(place, &mut out)
        }
    }
}

impl<K: SqlKey> After<'_, K> {
    /// `(a, b, key) > (?, ?, ?)`
    fn compare_rows<'b, DB>(
        &'b self,
        place: &'b Place<'_, K>,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<K::SqlType> + HasSqlType<Text> + HasSqlType<BigInt>,
        K::Value: ToSql<K::SqlType, DB>,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
    {
        out.push_sql("(");
        for part in &place.parts {
            out.push_sql(part.column);
            out.push_sql(", ");
        }
        out.push_sql(self.columns.key);
        out.push_sql(if place.key_ascending { ") > (" } else { ") < (" });
        for part in &place.parts {
            part.push_value(out)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<K::SqlType, _>(&place.key)?;
        out.push_sql(")");
        Ok(())
    }

    /// `a >= ? AND (a > ? OR (a = ? AND b < ?) OR (a = ? AND b = ? AND key < ?))`
    fn compare_each<'b, DB>(
        &'b self,
        place: &'b Place<'_, K>,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<K::SqlType> + HasSqlType<Text> + HasSqlType<BigInt>,
        K::Value: ToSql<K::SqlType, DB>,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
    {
        out.push_sql("(");
        if let Some(first) = place.parts.first() {
            out.push_sql(first.column);
            out.push_sql(if first.descending { " <= " } else { " >= " });
            first.push_value(out)?;
            out.push_sql(" AND (");
        }
        for (index, part) in place.parts.iter().enumerate() {
            push_equals(&place.parts[..index], out)?;
            out.push_sql(part.column);
            out.push_sql(if part.descending { " < " } else { " > " });
            part.push_value(out)?;
            out.push_sql(") OR ");
        }
        push_equals(&place.parts, out)?;
        out.push_sql(self.columns.key);
        out.push_sql(if place.key_ascending { " > " } else { " < " });
        out.push_bind_param::<K::SqlType, _>(&place.key)?;
        out.push_sql(")))");
        Ok(())
    }
}

fn push_equals<'b, DB>(parts: &'b [Part<'_>], out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    out.push_sql("(");
    for part in parts {
        out.push_sql(part.column);
        out.push_sql(" = ");
        part.push_value(out)?;
        out.push_sql(" AND ");
    }
    Ok(())
}

impl Part<'_> {
    fn push_value<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
    {
        match self.compared {
            Compared::Text(text) => out.push_bind_param::<Text, _>(text),
            Compared::Integer(integer) => out.push_bind_param::<BigInt, _>(integer),
        }
    }
}

impl<K: SqlKey> Expression for After<'_, K> {
    type SqlType = Bool;
}

impl<K: SqlKey> ValidGrouping<()> for After<'_, K> {
    type IsAggregate = is_aggregate::No;
}

impl<K: SqlKey, T> AppearsOnTable<T> for After<'_, K> {}

impl<K: SqlKey, T> SelectableExpression<T> for After<'_, K> {}

impl<K: SqlKey> QueryId for After<'_, K> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}
