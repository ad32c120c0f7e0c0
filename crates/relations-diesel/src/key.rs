//! Keys as values in the database, alone and in lists.
//!
//! Diesel writes a list of keys as `IN (?, ?, …)`: another statement for each length, parsed anew
//! each time. Here a list is one bound value, a JSON text on SQLite and an array on PostgreSQL, so
//! that its statement stays prepared.

use std::fmt::{Debug, Write as _};
use std::hash::Hash;
use std::sync::OnceLock;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, HasSqlType, Integer, SingleValue, SqlType, Text};
use diesel::sqlite::Sqlite;

use crate::sql::Dialect;

/// The value of a key column: the type of the key field of a row.
///
/// Implemented for `i32` and `i64`. Implement it for the value of a UUID column like this, beside
/// Diesel's `ToSql` and `FromSql` for both engines:
///
/// ```
/// # use diesel::sql_types::SqlType;
/// # #[derive(SqlType)]
/// # #[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
/// # struct Uid;
/// # #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
/// # struct UidValue(u128);
/// use recto_relations_diesel::{KeySource, KeyValue};
///
/// impl KeyValue for UidValue {
///     type SqlType = Uid;
///     const SOURCE: KeySource = KeySource::Application;
///     // Written below as a text of hexadecimal digits.
///     const FROM_JSON: &'static str = "unhex(parent_key.value)";
///
///     fn write_json(self, out: &mut String) {
///         out.push_str(&format!("\"{:032x}\"", self.0));
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be the key of a table",
    label = "not a `KeyValue`",
    note = "implement `KeyValue` for it, which says how SQLite reads it from a JSON list"
)]
pub trait KeyValue: Copy + Eq + Ord + Hash + Debug + Send + Sync + 'static {
    /// Its SQL type.
    type SqlType: SqlType + SingleValue + Send + Sync + 'static;
    /// Who makes new keys.
    const SOURCE: KeySource;
    /// The SQL by which SQLite reads it from `parent_key.value`, an element of a JSON array.
    const FROM_JSON: &'static str;

    /// Appends it to `out` as an element of a JSON array.
    fn write_json(self, out: &mut String);
}

/// Who makes the keys of new rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The application, before the row is inserted, as with UUIDs.
    Application,
    /// The database, when the row is inserted, as with serial numbers.
    Database,
}

macro_rules! numbers {
    ($($number:ty: $sql_type:ty),*) => {$(
        impl KeyValue for $number {
            type SqlType = $sql_type;
            const SOURCE: KeySource = KeySource::Database;
            const FROM_JSON: &'static str = "parent_key.value";

            fn write_json(self, out: &mut String) {
                // Writing to a string cannot fail.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

numbers!(i32: Integer, i64: BigInt);

/// A list of keys to look up.
#[derive(Debug)]
pub struct Keys<V> {
    values: Vec<V>,
    json: OnceLock<String>,
}

impl<V: KeyValue> Keys<V> {
    /// Returns the list of these keys.
    pub fn new(values: Vec<V>) -> Self {
        Self { values, json: OnceLock::new() }
    }

    fn json(&self) -> &String {
        self.json.get_or_init(|| {
            let mut json = String::with_capacity(2 + self.values.len() * 35);
            json.push('[');
            for (index, key) in self.values.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                key.write_json(&mut json);
            }
            json.push(']');
            json
        })
    }
}

impl<V: KeyValue> FromIterator<V> for Keys<V> {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Self::new(values.into_iter().collect())
    }
}

/// A key on one engine.
pub trait KeyOn<DB: Dialect>: KeyValue {
    /// The SQL for one of the keys of [`push_parents`](Self::push_parents).
    const PARENT: &'static str;

    /// Binds the key.
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
    /// Appends ` = ANY($1)`, or its like: "is one of the keys".
    fn push_is_one_of<'b>(keys: &'b Keys<Self>, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
    /// Appends `unnest($1) AS parent_key(key)`, or its like: the keys as rows.
    fn push_parents<'b>(keys: &'b Keys<Self>, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<V: KeyValue + ToSql<V::SqlType, Sqlite>> KeyOn<Sqlite> for V
where
    Sqlite: HasSqlType<V::SqlType>,
{
    const PARENT: &'static str = V::FROM_JSON;

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<V::SqlType, _>(self)
    }

    fn push_is_one_of<'b>(keys: &'b Keys<V>, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(" IN (SELECT ");
        out.push_sql(V::FROM_JSON);
        out.push_sql(" FROM ");
        Self::push_parents(keys, out)?;
        out.push_sql(")");
        Ok(())
    }

    fn push_parents<'b>(keys: &'b Keys<V>, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("json_each(");
        out.push_bind_param::<Text, _>(keys.json())?;
        out.push_sql(") AS parent_key");
        Ok(())
    }
}

impl<V: KeyValue + ToSql<V::SqlType, Pg>> KeyOn<Pg> for V
where
    Pg: HasSqlType<V::SqlType>,
    Vec<V>: ToSql<Array<V::SqlType>, Pg>,
{
    const PARENT: &'static str = "parent_key.key";

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<V::SqlType, _>(self)
    }

    fn push_is_one_of<'b>(keys: &'b Keys<V>, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<V::SqlType>, _>(&keys.values)?;
        out.push_sql(")");
        Ok(())
    }

    fn push_parents<'b>(keys: &'b Keys<V>, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("unnest(");
        out.push_bind_param::<Array<V::SqlType>, _>(&keys.values)?;
        out.push_sql(") AS parent_key(key)");
        Ok(())
    }
}

/// A key on both engines.
pub trait Id: KeyOn<Sqlite> + KeyOn<Pg> {}

impl<V: KeyOn<Sqlite> + KeyOn<Pg>> Id for V {}
