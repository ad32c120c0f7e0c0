//! Key values and lists of keys.
//!
//! Diesel writes a list of keys as `IN (?, ?, …)`, a different statement for each length. Here a
//! list is one bound value, a JSON text on SQLite and an array on PostgreSQL, so that the statement
//! is prepared once.

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

/// The type of the key field of a row.
///
/// Implemented for `i32` and `i64`. To use a UUID column, implement Diesel's `ToSql` and `FromSql`
/// for both engines, and this trait:
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
///     // `write_json` writes hexadecimal digits.
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
    note = "implement `KeyValue` for it"
)]
pub trait KeyValue: Copy + Eq + Ord + Hash + Debug + Send + Sync + 'static {
    /// The SQL type.
    type SqlType: SqlType + SingleValue + Send + Sync + 'static;
    /// The source of new keys.
    const SOURCE: KeySource;
    /// The SQLite expression for the key in `parent_key.value`, an element of a JSON array.
    const FROM_JSON: &'static str;

    /// Appends the key to `out` as an element of a JSON array.
    fn write_json(self, out: &mut String);
}

/// The source of the keys of new rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The application, before the insert, such as for UUIDs.
    Application,
    /// The database, during the insert, such as for serial numbers.
    Database,
}

macro_rules! integer_keys {
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

integer_keys!(i32: Integer, i64: BigInt);

/// A list of keys to look up.
#[derive(Debug)]
pub struct Keys<V> {
    values: Vec<V>,
    json: OnceLock<String>,
}

impl<V: KeyValue> Keys<V> {
    /// Returns a list of keys.
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

/// A key that can be bound on one engine.
pub trait KeyOn<DB: Dialect>: KeyValue {
    /// The SQL expression for a key of [`push_parents`](Self::push_parents).
    const PARENT: &'static str;

    /// Binds the key.
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
    /// Appends ` = ANY($1)` or the equivalent.
    fn push_is_one_of<'b>(keys: &'b Keys<Self>, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
    /// Appends `unnest($1) AS parent_key(key)` or the equivalent, with the keys as rows.
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

/// A key that can be bound on both engines.
pub trait Id: KeyOn<Sqlite> + KeyOn<Pg> {}

impl<V: KeyOn<Sqlite> + KeyOn<Pg>> Id for V {}
