//! Idempotency keys: a request that is sent again with its key gets the answer that is stored, and
//! changes nothing.
//!
//! [`claim`] and [`store`] run in the transaction of the change. So there is an answer exactly if
//! the change was committed, and of two requests with one key the second waits for the first.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use recto_domain::UserId;

use crate::schema::idempotency_keys as keys;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The time for which an answer is stored.
pub const RETENTION: TimeDelta = TimeDelta::hours(24);

/// The bytes of the answers that are stored for a user. The oldest are deleted.
pub const MAX_BYTES: i64 = 16_000_000;

/// The bytes after which the oldest answers are deleted again.
const STEP: i64 = 1_000_000;

/// A key of a user, with the request that it was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, from 1 to 255 characters.
    pub key: String,
    /// A SHA-256 of the request.
    pub request: [u8; 32],
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
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
    /// The key is new: the change may be made, and its answer is to be stored.
    New(Claimed),
    /// The request was answered before.
    Answered(StoredAnswer),
    /// The key was sent with another request.
    OtherRequest,
}

/// A key that the transaction has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    user: UserId,
    bytes_before: i64,
}

/// The columns of an answer, with its request.
type Row = (Vec<u8>, i16, Option<String>, Option<String>, Option<Vec<u8>>);

diesel::define_sql_function! {
    /// The first of two values that is not NULL.
    fn coalesce(
        value: diesel::sql_types::Nullable<diesel::sql_types::BigInt>,
        default: diesel::sql_types::BigInt,
    ) -> diesel::sql_types::BigInt;
}

/// Claims a key for the transaction. If another transaction has claimed it, waits for its end.
///
/// # Errors
/// [`TimedOut`](crate::Failure::TimedOut) if the other transaction does not end in time.
pub fn claim(
    conn: &mut Connection,
    user: UserId,
    key: &IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<Claim, Error> {
    if let Some(claimed) = insert(conn, user, key, now)? {
        return Ok(Claim::New(claimed));
    }
    let own = keys::table.find((UidValue::from(user), &key.key));
    let current = own.filter(keys::created_at.gt(InstantValue(now - RETENTION)));
    let answer = (keys::request, keys::status, keys::location, keys::etag, keys::body);
    let found: Option<Row> = conn.first(current.select(answer))?;
    if let Some((request, status, location, etag, body)) = found {
        if request != key.request {
            return Ok(Claim::OtherRequest);
        }
        let status = u16::try_from(status).unwrap_or_default();
        return Ok(Claim::Answered(StoredAnswer { status, location, etag, body }));
    }
    // It has expired, or was deleted meanwhile.
    conn.execute(diesel::delete(own))?;
    let claimed = insert(conn, user, key, now)?;
    claimed.map(Claim::New).ok_or_else(|| crate::Failure::Contended.into())
}

/// Inserts a key without an answer; returns `None` if it exists.
fn insert(
    conn: &mut Connection,
    user: UserId,
    key: &IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<Option<Claimed>, Error> {
    let last = keys::table
        .filter(keys::user_uid.eq(UidValue::from(user)))
        .order_by(keys::bytes_before.desc())
        .select(keys::bytes_before + keys::bytes)
        .limit(1);
    let record = (
        keys::user_uid.eq(UidValue::from(user)),
        keys::key.eq(&key.key),
        keys::request.eq(&key.request[..]),
        keys::created_at.eq(InstantValue(now)),
        keys::bytes_before.eq(coalesce(last.single_value(), 0)),
        keys::bytes.eq(0),
        keys::status.eq(0),
    );
    let insert = diesel::insert_into(keys::table).values(record).on_conflict_do_nothing();
    let inserted = conn.first::<i64>(insert.returning(keys::bytes_before))?;
    Ok(inserted.map(|bytes_before| Claimed { user, bytes_before }))
}

/// Stores the answer for a key that the transaction has claimed, and deletes the oldest answers of
/// the user if all have more than [`MAX_BYTES`]. Answers that are stored at the same time are counted
/// as one.
///
/// # Errors
/// A failing database.
pub fn store(
    conn: &mut Connection,
    claimed: Claimed,
    key: &IdempotencyKey,
    answer: &StoredAnswer,
) -> Result<(), Error> {
    let Claimed { user, bytes_before } = claimed;
    let body = answer.body.as_deref();
    // A row has about 400 bytes more.
    let bytes = body.map_or(0, |body| i64::try_from(body.len()).unwrap_or(MAX_BYTES)) + 400;
    let row = keys::table.find((UidValue::from(user), &key.key));
    conn.execute(diesel::update(row).set((
        keys::status.eq(i16::try_from(answer.status).unwrap_or_default()),
        keys::location.eq(answer.location.as_deref()),
        keys::etag.eq(answer.etag.as_deref()),
        keys::body.eq(body),
        keys::bytes.eq(bytes),
    )))?;
    let after = bytes_before + bytes;
    if bytes_before / STEP < after / STEP {
        let oldest = keys::table
            .filter(keys::user_uid.eq(UidValue::from(user)))
            .filter(keys::bytes_before.lt(after - (MAX_BYTES - STEP)));
        conn.execute(diesel::delete(oldest))?;
    }
    Ok(())
}
