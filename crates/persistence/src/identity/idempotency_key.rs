//! Idempotency keys: a request that is sent again with its key gets the response that is stored,
//! and changes nothing.
//!
//! [`claim`] and [`store`] run in the transaction of the change. So a response is stored if and
//! only if the change is committed, and of two requests with one key the second waits for the
//! first.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use recto_domain::UserId;
use recto_relations_diesel::Engine;

use crate::schema::idempotency_keys as keys;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, DatabaseFailure, Error};

/// The time for which a response is stored.
pub const RETENTION: TimeDelta = TimeDelta::hours(24);

/// A key of a user, with the request that it was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, from 1 to 255 characters.
    pub key: String,
    /// A SHA-256 of the request.
    pub request: [u8; 32],
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The path of a new item.
    pub location: Option<String>,
    /// The entity tag.
    pub etag: Option<String>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

/// The result of a [`claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The key is new: the change may be made, and its response is to be stored.
    New,
    /// The request was made before: its response is to be sent again.
    Replayed(StoredResponse),
    /// The key was sent with another request.
    OtherRequest,
    /// Another transaction has claimed the key and did not end in time.
    InProgress,
}

/// The columns of a response, with its request.
type Row = (Vec<u8>, i16, Option<String>, Option<String>, Option<Vec<u8>>);

diesel::define_sql_function! {
    /// The number of bytes of a value.
    fn length(
        value: diesel::sql_types::Nullable<diesel::sql_types::Binary>,
    ) -> diesel::sql_types::Nullable<diesel::sql_types::Integer>;
}

diesel::define_sql_function! {
    /// Locks a key until the transaction ends, and returns whether a response is stored for it: a
    /// function of the schema on PostgreSQL.
    fn claim_idempotency_key(
        of_user: crate::sql_types::Uid,
        of_key: diesel::sql_types::Text,
    ) -> diesel::sql_types::Bool;
}

/// Claims a key for the transaction. If another transaction has claimed it, waits for its end: on
/// PostgreSQL for a lock of the key, on SQLite for the database, which has one writer.
pub fn claim(
    conn: &mut Connection,
    user: UserId,
    key: &IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<Claim, Error> {
    if conn.engine() == Engine::Postgres {
        let claim = diesel::select(claim_idempotency_key(UidValue::from(user), &key.key));
        match conn.first::<bool>(claim) {
            Ok(Some(true)) => {}
            Ok(Some(false) | None) => return Ok(Claim::New),
            Err(Error::Failure(DatabaseFailure::LockTimedOut)) => return Ok(Claim::InProgress),
            Err(error) => return Err(error),
        }
    }
    let own = keys::table.find((UidValue::from(user), &key.key));
    let columns = (keys::request, keys::status, keys::location, keys::etag, keys::body);
    let found: Option<(InstantValue, Row)> = conn.first(own.select((keys::created_at, columns)))?;
    let Some((created_at, (request, status, location, etag, body))) = found else {
        return Ok(Claim::New);
    };
    if created_at.0 <= now - RETENTION {
        conn.execute(diesel::delete(own))?;
        return Ok(Claim::New);
    }
    if request != key.request {
        return Ok(Claim::OtherRequest);
    }
    let status = u16::try_from(status).unwrap_or_default();
    Ok(Claim::Replayed(StoredResponse { status, location, etag, body }))
}

/// Stores the response for a key that the transaction has claimed.
///
/// # Errors
/// A database error.
pub fn store(
    conn: &mut Connection,
    user: UserId,
    key: &IdempotencyKey,
    response: &StoredResponse,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let record = (
        keys::user_uid.eq(UidValue::from(user)),
        keys::key.eq(&key.key),
        keys::request.eq(&key.request[..]),
        keys::created_at.eq(InstantValue(now)),
        keys::status.eq(i16::try_from(response.status).unwrap_or_default()),
        keys::location.eq(response.location.as_deref()),
        keys::etag.eq(response.etag.as_deref()),
        keys::body.eq(response.body.as_deref()),
    );
    conn.execute(diesel::insert_into(keys::table).values(record))?;
    Ok(())
}

/// Deletes the oldest responses of a user if there are more than `max` bytes, so that at most
/// `kept` bytes remain, and returns how many bytes there are then. Responses of transactions that
/// have not ended are not counted.
pub fn delete_oldest(
    conn: &mut Connection,
    user: UserId,
    max: u64,
    kept: u64,
) -> Result<u64, Error> {
    let own = keys::table.filter(keys::user_uid.eq(UidValue::from(user)));
    let newest =
        own.order_by(keys::created_at.desc()).select((keys::created_at, length(keys::body)));
    let rows: Vec<(InstantValue, Option<i32>)> = conn.load(newest)?;
    let bytes = rows
        .iter()
        .map(|(_, length)| response_bytes(length.and_then(|length| usize::try_from(length).ok())));
    let total = bytes.clone().sum();
    if total <= max {
        return Ok(total);
    }
    let mut remaining = 0;
    for ((created_at, _), bytes) in rows.iter().zip(bytes) {
        if remaining + bytes > kept {
            conn.execute(diesel::delete(own.filter(keys::created_at.le(created_at))))?;
            break;
        }
        remaining += bytes;
    }
    Ok(remaining)
}

/// Returns the bytes that a response with a body of this length takes.
pub fn response_bytes(body: Option<usize>) -> u64 {
    // The rest of a row and of its index entries has about 400.
    400 + body.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

/// Deletes all responses of a user.
pub fn delete_all(conn: &mut Connection, user: UserId) -> Result<(), Error> {
    conn.execute(diesel::delete(keys::table.filter(keys::user_uid.eq(UidValue::from(user)))))?;
    Ok(())
}
