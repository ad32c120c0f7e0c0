//! Lists of keys as one bound value.
//!
//! Diesel writes a list as `IN (?, ?, …)` on SQLite: another statement for
//! each length, parsed anew each time. Here the list is one value, a JSON text
//! on SQLite and an array on PostgreSQL, so that the statement stays prepared.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::hash::Hash;

use diesel::QueryResult;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Bool, HasSqlType, Text};
use diesel::sqlite::Sqlite;
use recto_domain::{
    ApiKeyId, AuditId, AuthorId, BookId, CommentId, CompanyId, CourseId, DepartmentId, EmployeeId,
    Invalid, MailId, MailedTokenId, PostId, ReviewId, SessionId, StudentId, TagId, TokenPairId,
    UserId,
};
use recto_relations::Key;

use crate::sql_types::{Uid, UidValue};

/// A key that can be bound to a statement, alone and in a list.
pub trait SqlKey: Key {
    /// Its SQL type.
    type SqlType: 'static;
    /// Its value in Rust.
    type Value: ToSql<Self::SqlType, Pg>
        + ToSql<Self::SqlType, Sqlite>
        + Copy
        + Eq
        + Hash
        + Send
        + Sync;
    /// How SQLite reads it out of a JSON array's `value`.
    const FROM_JSON: &'static str;

    /// The value to bind.
    fn value(self) -> Self::Value;
    /// The key of a value that was read.
    ///
    /// # Errors
    /// A value that no such key has.
    fn from_value(value: Self::Value) -> Result<Self, Invalid>;
    /// Appends it as an element of a JSON array.
    fn write_json(self, out: &mut String);
}

macro_rules! uid_keys {
    ($($key:ty),*) => {$(
        impl SqlKey for $key {
            type SqlType = Uid;
            type Value = UidValue;
            const FROM_JSON: &'static str = "unhex(parent.value)";

            fn value(self) -> UidValue {
                UidValue(self.uuid())
            }

            fn from_value(value: UidValue) -> Result<Self, Invalid> {
                Ok(Self::from_uuid(value.0))
            }

            fn write_json(self, out: &mut String) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\"{}\"", self.uuid().simple());
            }
        }
    )*};
}

uid_keys!(UserId, BookId, ReviewId, TagId, AuthorId);
uid_keys!(SessionId, TokenPairId, ApiKeyId, MailedTokenId, MailId, AuditId);

macro_rules! numbered_keys {
    ($($key:ty),*) => {$(
        impl SqlKey for $key {
            type SqlType = BigInt;
            type Value = i64;
            const FROM_JSON: &'static str = "parent.value";

            fn value(self) -> i64 {
                self.get()
            }

            fn from_value(value: i64) -> Result<Self, Invalid> {
                Self::new(value)
            }

            fn write_json(self, out: &mut String) {
                // Writing to a string cannot fail.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

numbered_keys!(PostId, CommentId, StudentId, CourseId, CompanyId, DepartmentId, EmployeeId);

/// A number by itself, for tables whose keys need no type of their own.
impl SqlKey for i64 {
    type SqlType = BigInt;
    type Value = Self;
    const FROM_JSON: &'static str = "parent.value";

    fn value(self) -> Self {
        self
    }

    fn from_value(value: Self) -> Result<Self, Invalid> {
        Ok(value)
    }

    fn write_json(self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{self}");
    }
}

/// Keys to be looked for, all at once.
#[derive(Debug)]
pub struct Keys<K: SqlKey> {
    values: Vec<K::Value>,
    distinct: Vec<K>,
    json: OnceCell<String>,
}

impl<K: SqlKey> Keys<K> {
    pub fn new(keys: &[K]) -> Self {
        Self {
            values: keys.iter().map(|key| key.value()).collect(),
            distinct: keys.to_vec(),
            json: OnceCell::new(),
        }
    }

    /// The array, for PostgreSQL.
    pub(super) fn values(&self) -> &Vec<K::Value> {
        &self.values
    }

    /// The JSON text, for SQLite.
    pub(super) fn json(&self) -> &String {
        self.json.get_or_init(|| {
            let mut json = String::with_capacity(2 + self.distinct.len() * 35);
            json.push('[');
            for (index, key) in self.distinct.iter().enumerate() {
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

/// `column` is one of the keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyIn<'k, C, K: SqlKey> {
    pub column: C,
    pub keys: &'k Keys<K>,
}

impl<C: QueryFragment<Pg>, K: SqlKey> QueryFragment<Pg> for KeyIn<'_, C, K>
where
    Pg: HasSqlType<K::SqlType>,
    Vec<K::Value>: ToSql<Array<K::SqlType>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<K::SqlType>, _>(self.keys.values())?;
        out.push_sql(")");
        Ok(())
    }
}

impl<C: QueryFragment<Sqlite>, K: SqlKey> QueryFragment<Sqlite> for KeyIn<'_, C, K> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT ");
        out.push_sql(K::FROM_JSON);
        out.push_sql(" FROM json_each(");
        out.push_bind_param::<Text, _>(self.keys.json())?;
        out.push_sql(") AS parent)");
        Ok(())
    }
}

impl<C, K: SqlKey> Expression for KeyIn<'_, C, K> {
    type SqlType = Bool;
}

impl<C, K: SqlKey> ValidGrouping<()> for KeyIn<'_, C, K> {
    type IsAggregate = is_aggregate::No;
}

impl<C: AppearsOnTable<T>, K: SqlKey, T> AppearsOnTable<T> for KeyIn<'_, C, K> {}

impl<C: SelectableExpression<T>, K: SqlKey, T> SelectableExpression<T> for KeyIn<'_, C, K> {}

impl<C, K: SqlKey> QueryId for KeyIn<'_, C, K> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}
