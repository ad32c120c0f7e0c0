//! Deleting expired and old rows.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use recto_domain::NewId;
use recto_relations_diesel::{KeyIn, Rows, Statement};

use crate::schema::{api_keys, audit, mailed_tokens, mails, sessions, token_pairs};
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

    fn each(&self) -> [usize; 6] {
        let Self { token_pairs, sessions, mailed_tokens, mails, api_keys, audit } = *self;
        [token_pairs, sessions, mailed_tokens, mails, api_keys, audit]
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

/// Deletes at most `limit` rows of each table: expired sessions and mailed tokens; mails, audit
/// entries and expired API keys older than `retention`. Takes one statement for each table, and
/// another one if there are rows to delete.
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
    Ok(Pruned { token_pairs, sessions, mailed_tokens, mails, api_keys, audit })
}

/// Returns the least key of a time.
fn first_key_at(time: DateTime<Utc>) -> UidValue {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    UidValue(NewId::new(millis, [0; 10]).uid())
}
