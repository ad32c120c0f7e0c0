//! SQL types that mean the same on both engines, and their values.
//!
//! | here | SQLite | PostgreSQL |
//! | --- | --- | --- |
//! | [`Uid`] | `BLOB` of 16 bytes | `UUID` |
//! | [`Instant`] | `INTEGER`, microseconds since 1970 | `TIMESTAMPTZ` |
//!
//! Times are integers on SQLite because parsing text took longer than reading all other columns of
//! a row together.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::data_types::PgTimestamp;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, SqlType, Timestamptz};
use diesel::sqlite::{Sqlite, SqliteValue};
use recto_domain::{
    ApiKeyId, AuditId, AuthorId, BookId, MailId, MailRequestId, MailedTokenId, ReviewId, SessionId,
    TagId, TokenPairId, UserId,
};
use recto_relations_diesel::{KeySource, KeyValue};
use uuid::Uuid;

/// A UUID.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Uid;

/// A moment in time, to the microsecond, in UTC.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Instant;

/// The value of a [`Uid`] column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Uid)]
pub struct UidValue(pub Uuid);

impl ToSql<Uid, Pg> for UidValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        use std::io::Write as _;
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Uid, Sqlite> for UidValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(&self.0.as_bytes()[..]);
        Ok(IsNull::No)
    }
}

impl FromSql<Uid, Pg> for UidValue {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl FromSql<Uid, Sqlite> for UidValue {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.read_blob())?))
    }
}

impl KeyValue for UidValue {
    type SqlType = Uid;
    const SOURCE: KeySource = KeySource::Application;
    const FROM_JSON: &'static str = "unhex(parent_key.value)";

    fn write_json(self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "\"{}\"", self.0.simple());
    }
}

/// Implements the conversions between ids and the values of their columns.
macro_rules! uids {
    ($($id:ident),+) => {$(
        impl From<$id> for UidValue {
            fn from(id: $id) -> Self {
                Self(id.uuid())
            }
        }

        impl From<UidValue> for $id {
            fn from(value: UidValue) -> Self {
                Self::from_uuid(value.0)
            }
        }
    )+};
}

uids!(UserId, BookId, ReviewId, TagId, AuthorId);
uids!(SessionId, TokenPairId, ApiKeyId, MailedTokenId, MailId, MailRequestId, AuditId);

/// The value of an [`Instant`] column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Instant)]
pub struct InstantValue(pub DateTime<Utc>);

impl ToSql<Instant, Pg> for InstantValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = self.0.timestamp_micros() - POSTGRES_EPOCH;
        <PgTimestamp as ToSql<Timestamptz, Pg>>::to_sql(&PgTimestamp(micros), &mut out.reborrow())
    }
}

impl ToSql<Instant, Sqlite> for InstantValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.timestamp_micros());
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Pg> for InstantValue {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(micros) = <PgTimestamp as FromSql<Timestamptz, Pg>>::from_sql(value)?;
        Self::from_micros(micros.saturating_add(POSTGRES_EPOCH))
    }
}

impl FromSql<Instant, Sqlite> for InstantValue {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Self::from_micros(<i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?)
    }
}

/// PostgreSQL's epoch, 2000-01-01, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl InstantValue {
    fn from_micros(micros: i64) -> deserialize::Result<Self> {
        DateTime::from_timestamp_micros(micros)
            .map(Self)
            .ok_or_else(|| format!("{micros} microseconds since 1970 is out of range").into())
    }
}
