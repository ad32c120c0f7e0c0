//! Forgetting what has expired or is old.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use recto_domain::NewId;
use recto_relations_diesel::{KeyIn, Rows, Statement};

use crate::schema::{api_keys, audit, mailed_tokens, mails, sessions, token_pairs};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// How long mails, entries of the audit and API keys that have ended are kept
/// unless somebody wants otherwise.
pub const KEPT: TimeDelta = TimeDelta::days(90);

/// How many rows of each table have been forgotten.
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
    /// API keys that ended long ago.
    pub api_keys: usize,
    /// Old entries of the audit.
    pub audit: usize,
}

impl Pruned {
    /// How many there are in all.
    pub fn total(&self) -> usize {
        self.each().iter().sum()
    }

    /// Whether one of the tables has had its full `limit`, so that there may be
    /// more to forget.
    pub fn any_full(&self, limit: u32) -> bool {
        self.each().iter().any(|rows| u32::try_from(*rows).is_ok_and(|rows| rows >= limit))
    }

    fn each(&self) -> [usize; 6] {
        let Self { token_pairs, sessions, mailed_tokens, mails, api_keys, audit } = *self;
        [token_pairs, sessions, mailed_tokens, mails, api_keys, audit]
    }
}

/// Deletes the rows whose keys a query finds, and returns how many there were.
fn sweep<'q, D: Statement>(
    conn: &mut Connection,
    batch: impl Rows<'q, UidValue>,
    delete: impl FnOnce(Vec<UidValue>) -> D,
) -> Result<usize, Error> {
    let found = conn.load(batch)?;
    if found.is_empty() { Ok(0) } else { conn.execute(delete(found)) }
}

/// Deletes at most `limit` rows of each table: what has expired by `now`, and
/// what is older than `kept`. A statement for each table, and one more for each
/// that has something to forget.
///
/// # Errors
/// A failing database.
pub fn prune(
    conn: &mut Connection,
    now: DateTime<Utc>,
    kept: TimeDelta,
    limit: u32,
) -> Result<Pruned, Error> {
    let (old, limit) = (now - kept, i64::from(limit));
    let ended = sessions::expires_at.le(InstantValue(now));
    // A session can have thousands of pairs, which would all go along with it.
    let of_ended = token_pairs::table.inner_join(sessions::table).filter(ended);
    let token_pairs = sweep(conn, of_ended.select(token_pairs::uid).limit(limit), |found| {
        diesel::delete(token_pairs::table.filter(KeyIn::new(token_pairs::uid, found)))
    })?;
    let pairs = token_pairs::table.filter(token_pairs::session_uid.eq(sessions::uid));
    let bare = sessions::table.filter(ended).filter(not(exists(pairs)));
    let sessions = sweep(conn, bare.select(sessions::uid).limit(limit), |found| {
        diesel::delete(sessions::table.filter(KeyIn::new(sessions::uid, found)))
    })?;
    let expired = mailed_tokens::table.filter(mailed_tokens::expires_at.le(InstantValue(now)));
    let mailed_tokens = sweep(conn, expired.select(mailed_tokens::uid).limit(limit), |found| {
        diesel::delete(mailed_tokens::table.filter(KeyIn::new(mailed_tokens::uid, found)))
    })?;
    let mailed = mails::table.filter(mails::created_at.le(InstantValue(old)));
    let mails = sweep(conn, mailed.select(mails::uid).limit(limit), |found| {
        diesel::delete(mails::table.filter(KeyIn::new(mails::uid, found)))
    })?;
    let ended = api_keys::table.filter(api_keys::expires_at.le(InstantValue(old)));
    let api_keys = sweep(conn, ended.select(api_keys::uid).limit(limit), |found| {
        diesel::delete(api_keys::table.filter(KeyIn::new(api_keys::uid, found)))
    })?;
    let past = audit::table.filter(audit::uid.lt(first_of(old)));
    let audit = sweep(conn, past.select(audit::uid).limit(limit), |found| {
        diesel::delete(audit::table.filter(KeyIn::new(audit::uid, found)))
    })?;
    Ok(Pruned { token_pairs, sessions, mailed_tokens, mails, api_keys, audit })
}

/// The least key of that moment.
fn first_of(moment: DateTime<Utc>) -> UidValue {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or_default();
    UidValue(NewId::new(millis, [0; 10]).uid())
}
