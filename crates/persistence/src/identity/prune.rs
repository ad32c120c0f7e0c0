//! Deleting expired and old rows.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use recto_domain::{Account, NewId, Session, UserId};
use recto_relations_diesel::{KeyIn, Lock, Locked, Rows, Statement};

use super::idempotency_key;
use crate::schema::{
    accounts, api_keys, audit, idempotency_keys, known_devices, mailed_tokens, mails, sessions,
    token_pairs, users,
};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The default retention of mails, audit entries and expired API keys.
pub const RETENTION: TimeDelta = TimeDelta::days(90);

/// The number of deleted rows of each table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Token pairs of sessions that have ended.
    pub token_pairs: usize,
    /// Sessions that have ended.
    pub sessions: usize,
    /// Mailed tokens that have expired.
    pub mailed_tokens: usize,
    /// Old mails, sent or not.
    pub mails: usize,
    /// API keys that expired before the retention.
    pub api_keys: usize,
    /// Old audit entries.
    pub audit: usize,
    /// Devices that nobody has signed in on for as long as a session can last.
    pub known_devices: usize,
    /// Expired responses to requests with an idempotency key.
    pub idempotency_keys: usize,
}

impl Pruned {
    /// Returns the number of rows of all tables.
    pub fn total(&self) -> usize {
        self.each().iter().sum()
    }

    /// Returns whether `limit` rows of a table were deleted, so that there may be more.
    pub fn has_full_batch(&self, limit: u32) -> bool {
        self.each().iter().any(|rows| u32::try_from(*rows).is_ok_and(|rows| rows >= limit))
    }

    fn each(&self) -> [usize; 8] {
        let Self { token_pairs, sessions, mailed_tokens, mails, .. } = *self;
        let Self { api_keys, audit, known_devices, idempotency_keys, .. } = *self;
        [
            token_pairs,
            sessions,
            mailed_tokens,
            mails,
            api_keys,
            audit,
            known_devices,
            idempotency_keys,
        ]
    }
}

/// Deletes the rows with the keys that a query returns, and returns their number.
fn delete_batch<'q, D: Statement>(
    conn: &mut Connection,
    batch: impl Rows<'q, UidValue>,
    delete: impl FnOnce(Vec<UidValue>) -> D,
) -> Result<usize, Error> {
    let found = conn.load(batch)?;
    if found.is_empty() { Ok(0) } else { conn.execute(delete(found)) }
}

/// Deletes at most `limit` rows of each table: expired sessions, mailed tokens and idempotency
/// keys; devices that were not used lately; mails, audit entries and expired API keys older than
/// `retention`. Takes one statement for each table, and another one if there are rows to delete.
pub fn prune(
    conn: &mut Connection,
    now: DateTime<Utc>,
    retention: TimeDelta,
    limit: u32,
) -> Result<Pruned, Error> {
    let (old, limit) = (now - retention, i64::from(limit));
    let ended = sessions::expires_at.le(InstantValue(now));
    // Deleting a session would delete its pairs, of which there can be thousands.
    let of_ended = token_pairs::table.inner_join(sessions::table).filter(ended);
    let token_pairs =
        delete_batch(conn, of_ended.select(token_pairs::uid).limit(limit), |found| {
            diesel::delete(token_pairs::table.filter(KeyIn::new(token_pairs::uid, found)))
        })?;
    let pairs = token_pairs::table.filter(token_pairs::session_uid.eq(sessions::uid));
    let bare = sessions::table.filter(ended).filter(not(exists(pairs)));
    let sessions = delete_batch(conn, bare.select(sessions::uid).limit(limit), |found| {
        diesel::delete(sessions::table.filter(KeyIn::new(sessions::uid, found)))
    })?;
    let expired = mailed_tokens::table.filter(mailed_tokens::expires_at.le(InstantValue(now)));
    let mailed_tokens =
        delete_batch(conn, expired.select(mailed_tokens::uid).limit(limit), |found| {
            diesel::delete(mailed_tokens::table.filter(KeyIn::new(mailed_tokens::uid, found)))
        })?;
    let mailed = mails::table.filter(mails::created_at.le(InstantValue(old)));
    let mails = delete_batch(conn, mailed.select(mails::uid).limit(limit), |found| {
        diesel::delete(mails::table.filter(KeyIn::new(mails::uid, found)))
    })?;
    let ended = api_keys::table.filter(api_keys::expires_at.le(InstantValue(old)));
    let api_keys = delete_batch(conn, ended.select(api_keys::uid).limit(limit), |found| {
        diesel::delete(api_keys::table.filter(KeyIn::new(api_keys::uid, found)))
    })?;
    let past = audit::table.filter(audit::uid.lt(first_key_at(old)));
    let audit = delete_batch(conn, past.select(audit::uid).limit(limit), |found| {
        diesel::delete(audit::table.filter(KeyIn::new(audit::uid, found)))
    })?;
    let unused = InstantValue(now - Session::LONGEST);
    let is_unused = known_devices::last_used_at.le(unused);
    let device = (known_devices::user_uid, known_devices::fingerprint);
    let unused = known_devices::table.filter(is_unused).select(device).limit(limit);
    let unused: Vec<(UidValue, Vec<u8>)> = conn.load(unused)?;
    let known_devices = unused.len();
    for device in unused {
        // It may have been used meanwhile.
        conn.execute(diesel::delete(known_devices::table.find(device).filter(is_unused)))?;
    }
    let expired = InstantValue(now - idempotency_key::RETENTION);
    let is_expired = idempotency_keys::created_at.le(expired);
    let key = (idempotency_keys::user_uid, idempotency_keys::key);
    let expired = idempotency_keys::table
        .filter(is_expired)
        .order_by(idempotency_keys::created_at)
        .select(key)
        .limit(limit);
    let expired: Vec<(UidValue, String)> = conn.load(expired)?;
    let idempotency_keys = expired.len();
    for key in expired {
        // The key may have been used again meanwhile.
        conn.execute(diesel::delete(idempotency_keys::table.find(key).filter(is_expired)))?;
    }
    Ok(Pruned {
        token_pairs,
        sessions,
        mailed_tokens,
        mails,
        api_keys,
        audit,
        known_devices,
        idempotency_keys,
    })
}

/// Deletes at most `limit` users whose accounts were not verified in time
/// ([`Account::VERIFY_WITHIN`]), and returns them. Such an account cannot write, so they own
/// nothing but sessions, mails and devices.
///
/// Users who have signed in are deleted later: their sessions expire now, and [`prune`] deletes
/// these first, in batches.
pub fn prune_unverified(
    conn: &mut Connection,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let overdue = users::table
        .inner_join(accounts::table)
        .filter(accounts::verified.eq(false))
        .filter(accounts::created_at.le(InstantValue(now - Account::VERIFY_WITHIN)))
        .order_by(accounts::created_at)
        .select(accounts::user_uid)
        .limit(i64::from(limit));
    // A user whose account is being verified is skipped.
    let overdue: Vec<UidValue> = conn.load(Locked::new(overdue, Lock::UpdateSkipLocked))?;
    if overdue.is_empty() {
        return Ok(Vec::new());
    }
    let open = sessions::table
        .filter(KeyIn::new(sessions::user_uid, overdue.iter().copied()))
        .filter(sessions::expires_at.gt(InstantValue(now)));
    conn.execute(diesel::update(open).set(sessions::expires_at.eq(InstantValue(now))))?;
    let with_session = sessions::table.filter(sessions::user_uid.eq(users::uid));
    let deletable = users::table
        .filter(KeyIn::new(users::uid, overdue))
        .filter(not(exists(with_session)))
        .select(users::uid);
    let deletable: Vec<UidValue> = conn.load(deletable)?;
    if !deletable.is_empty() {
        let found = KeyIn::new(users::uid, deletable.iter().copied());
        conn.execute(diesel::delete(users::table.filter(found)))?;
    }
    Ok(deletable.into_iter().map(UserId::from).collect())
}

/// Returns the minimum key of a time.
fn first_key_at(time: DateTime<Utc>) -> UidValue {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    UidValue(NewId::new(millis, [0; 10]).uid())
}
