//! Forgetting what has expired or is old.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use recto_domain::{ApiKeyId, AuditId, MailId, MailedTokenId, SessionId, Stamp, TokenPairId};

use crate::connection::on_engine;
use crate::query::{KeyIn, Keys};
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

/// Finds at most `limit` keys among rows, and deletes what has them.
macro_rules! sweep {
    ($conn:ident, $limit:ident, $table:ident($key:ident), $rows:expr) => {{
        let batch = $rows.select($table::uid).limit(i64::from($limit));
        let found: Vec<UidValue> = on_engine!($conn, c => batch.load(c)?);
        if found.is_empty() {
            0
        } else {
            let found: Vec<_> = found.iter().map(|uid| $key::from_uuid(uid.0)).collect();
            let keys = Keys::new(&found);
            let rows = $table::table.filter(KeyIn { column: $table::uid, keys: &keys });
            on_engine!($conn, c => diesel::delete(rows).execute(c)?)
        }
    }};
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
    let old = now - kept;
    let ended = sessions::expires_at.le(InstantValue(now));
    // A session can have thousands of pairs, which would all go along with it.
    let of_ended = token_pairs::table.inner_join(sessions::table).filter(ended);
    let token_pairs = sweep!(conn, limit, token_pairs(TokenPairId), of_ended);
    let pairs = token_pairs::table.filter(token_pairs::session_uid.eq(sessions::uid));
    let bare = sessions::table.filter(ended).filter(not(exists(pairs)));
    let sessions = sweep!(conn, limit, sessions(SessionId), bare);
    let expired = mailed_tokens::table.filter(mailed_tokens::expires_at.le(InstantValue(now)));
    let mailed_tokens = sweep!(conn, limit, mailed_tokens(MailedTokenId), expired);
    let mailed = mails::table.filter(mails::created_at.le(InstantValue(old)));
    let mails = sweep!(conn, limit, mails(MailId), mailed);
    let ended = api_keys::table.filter(api_keys::expires_at.le(InstantValue(old)));
    let api_keys = sweep!(conn, limit, api_keys(ApiKeyId), ended);
    let past = audit::table.filter(audit::uid.lt(first_of(old)));
    let audit = sweep!(conn, limit, audit(AuditId), past);
    Ok(Pruned { token_pairs, sessions, mailed_tokens, mails, api_keys, audit })
}

/// The least key of that moment.
fn first_of(moment: DateTime<Utc>) -> UidValue {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or_default();
    UidValue(Stamp::new(millis, [0; 10]).uid())
}
