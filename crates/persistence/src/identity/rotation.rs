//! Refresh token rotation: replacing a token pair with the next one.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{SecretHash, Session, SessionId, TokenPairId, UserId};
use recto_relations_diesel::{Lock, Locked, Selected as _};

use super::session::{end, issue};
use crate::schema::{accounts, sessions, token_pairs};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The token pair that replaces a used one.
#[derive(Debug, Clone)]
pub struct NextPair {
    /// Its id.
    pub id: TokenPairId,
    /// The hash of its refresh token.
    pub refresh: SecretHash,
}

/// The result of presenting a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It was valid, and the next pair is stored.
    Renewed {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// It was used before, so it may be stolen, and its session has ended. This is not an error, so
    /// that the end is committed.
    Reused {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// Its session was refreshed too often. The token remains valid.
    TooMany {
        /// The time from which it can be used.
        next: DateTime<Utc>,
    },
    /// It is unknown, its session has expired, or its account is disabled.
    Refused,
}

/// Replaces the token pair of a refresh token with the next pair.
///
/// Within the reuse grace period ([`Session::REUSE_GRACE_PERIOD`]) after its first use, a token can
/// be retried once if its successor is unused, for a client that has not received the response. The
/// successor is revoked. Any other reuse ends the session.
pub fn rotate(
    conn: &mut Connection,
    presented: &SecretHash,
    next: &NextPair,
    now: DateTime<Utc>,
) -> Result<Rotation, Error> {
    conn.transaction(|conn| {
        let Some(family) = lock_family(conn, presented)? else { return Ok(Rotation::Refused) };
        if family.disabled || family.expires_at <= now {
            return Ok(Rotation::Refused);
        }
        let (user, session) = (family.user, family.session);
        let Some((usage, latest)) = family.usage(now) else {
            end(conn, user, session)?;
            return Ok(Rotation::Reused { user, session });
        };
        // The first pair has generation 1.
        let refreshes = u32::try_from(latest - 1).unwrap_or_default();
        let next_refresh = Session::next_refresh(family.created_at, refreshes);
        if next_refresh > now {
            return Ok(Rotation::TooMany { next: next_refresh });
        }
        record_usage(conn, usage, now)?;
        issue(conn, UidValue::from(session), latest + 1, next.id, Some(&next.refresh), now)?;
        let expires_at = Session::expiry(family.created_at, now);
        conn.execute(diesel::update(sessions::table.find(UidValue::from(session))).set((
            sessions::last_used_at.eq(InstantValue(now)),
            sessions::expires_at.eq(InstantValue(expires_at)),
        )))?;
        Ok(Rotation::Renewed { user, session })
    })
}

/// A token pair.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = token_pairs, check_for_backend(Sqlite, Pg))]
struct Pair {
    uid: UidValue,
    generation: i32,
    refresh_hash: Option<Vec<u8>>,
    used_at: Option<InstantValue>,
    /// Whether its refresh token was retried within the reuse grace period.
    retried: bool,
    revoked: bool,
}

impl Pair {
    fn is_active(&self) -> bool {
        self.used_at.is_none() && !self.revoked
    }
}

/// The session of a presented refresh token, with its token pairs.
#[derive(Debug)]
struct Family {
    session: SessionId,
    user: UserId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    disabled: bool,
    presented: Pair,
    active: Option<Pair>,
}

/// Key, user, time of creation and expiry of a session.
type SessionColumns = (UidValue, UidValue, InstantValue, InstantValue);

/// An allowed use of a refresh token.
#[derive(Debug, Clone, Copy)]
enum Usage {
    /// The first use of a pair.
    First(UidValue),
    /// The second use of a pair, which revokes its successor.
    Retry { retried: UidValue, revoked: UidValue },
}

impl Family {
    /// Classifies the use of the token, and returns it with the latest generation; `None` if the
    /// token must not be used again.
    fn usage(&self, now: DateTime<Utc>) -> Option<(Usage, i32)> {
        let Pair { uid, generation, used_at, retried, revoked, .. } = &self.presented;
        match used_at {
            None if !revoked => Some((Usage::First(*uid), *generation)),
            Some(at) if !retried && !revoked && now - at.0 <= Session::REUSE_GRACE_PERIOD => {
                let next = self.active.as_ref().filter(|pair| pair.generation == generation + 1)?;
                Some((Usage::Retry { retried: *uid, revoked: next.uid }, next.generation))
            }
            _ => None,
        }
    }
}

/// Returns the session of a refresh token, locked until the transaction ends.
///
/// Concurrent refreshes wait for its row. The pairs are read after that, so that they include the
/// changes of earlier refreshes.
fn lock_family(conn: &mut Connection, presented: &SecretHash) -> Result<Option<Family>, Error> {
    let hash = &presented.as_bytes()[..];
    let of_token = token_pairs::table
        .filter(token_pairs::refresh_hash.eq(hash))
        .select(token_pairs::session_uid);
    let session = sessions::table.filter(sessions::uid.eq_any(of_token)).select((
        sessions::uid,
        sessions::user_uid,
        sessions::created_at,
        sessions::expires_at,
    ));
    let locked = conn.first::<SessionColumns>(Locked::new(session, Lock::Update))?;
    let Some((session, user, created_at, expires_at)) = locked else { return Ok(None) };
    let is_active = token_pairs::used_at.is_null().and(token_pairs::revoked.eq(false));
    let is_presented = token_pairs::refresh_hash.eq(hash).assume_not_null();
    let pairs = conn.load::<(Pair, bool)>(
        token_pairs::table
            .inner_join(sessions::table)
            .inner_join(accounts::table.on(accounts::user_uid.eq(sessions::user_uid)))
            .filter(token_pairs::session_uid.eq(session))
            .filter(is_active.or(is_presented))
            .select((Pair::selection(), accounts::disabled)),
    )?;
    let is_presented = |pair: &&(Pair, bool)| pair.0.refresh_hash.as_deref() == Some(hash);
    let Some((presented, disabled)) = pairs.iter().find(is_presented).cloned() else {
        return Ok(None);
    };
    Ok(Some(Family {
        session: SessionId::from(session),
        user: UserId::from(user),
        created_at: created_at.0,
        expires_at: expires_at.0,
        disabled,
        presented,
        active: pairs.into_iter().map(|(pair, _)| pair).find(Pair::is_active),
    }))
}

fn record_usage(conn: &mut Connection, usage: Usage, now: DateTime<Utc>) -> Result<(), Error> {
    match usage {
        Usage::First(pair) => conn.execute(
            diesel::update(token_pairs::table.find(pair))
                .set(token_pairs::used_at.eq(InstantValue(now))),
        )?,
        Usage::Retry { retried, revoked } => {
            conn.execute(
                diesel::update(token_pairs::table.find(retried)).set(token_pairs::retried.eq(true)),
            )?;
            conn.execute(
                diesel::update(token_pairs::table.find(revoked)).set(token_pairs::revoked.eq(true)),
            )?
        }
    };
    Ok(())
}
