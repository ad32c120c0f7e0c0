//! Refreshing: the next pair of tokens for the one before.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{SecretHash, Session, SessionId, TokenPairId, UserId};
use recto_relations_diesel::{Lock, Locked, Selected as _};

use super::session::{close, issue};
use crate::schema::{accounts, sessions, token_pairs};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The pair of tokens that takes the place of one that is spent.
#[derive(Debug, Clone)]
pub struct NextPair {
    /// Its key.
    pub id: TokenPairId,
    /// What is stored of its refresh token.
    pub refresh: SecretHash,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It was good, and the next pair is in its place.
    Renewed {
        /// Whose session it is.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// It had been used before, so that somebody has stolen it: its session has
    /// ended. That must be kept, so this is no error.
    Reused {
        /// Whose session it was.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// It is unknown, its session has expired, or its account is disabled.
    Refused,
}

/// Puts the next pair of tokens in the place of the one whose refresh token is
/// presented.
///
/// One that was spent at most [`Session::REUSE_GRACE_PERIOD`] ago is taken once more, for a
/// client that never received the answer, as long as its successor has not been
/// used; the successor dies. Any other use of a spent token ends the session.
///
/// # Errors
/// A failing database.
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
        let Some((spent, latest)) = family.turn(now) else {
            close(conn, user, session)?;
            return Ok(Rotation::Reused { user, session });
        };
        retire(conn, spent, now)?;
        issue(conn, UidValue::from(session), latest + 1, next.id, Some(&next.refresh), now)?;
        let expires_at = Session::expiry(family.created_at, now);
        conn.execute(diesel::update(sessions::table.find(UidValue::from(session))).set((
            sessions::last_used_at.eq(InstantValue(now)),
            sessions::expires_at.eq(InstantValue(expires_at)),
        )))?;
        Ok(Rotation::Renewed { user, session })
    })
}

/// A pair, as far as refreshing asks.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = token_pairs, check_for_backend(Sqlite, Pg))]
struct Pair {
    uid: UidValue,
    generation: i32,
    refresh_hash: Option<Vec<u8>>,
    spent_at: Option<InstantValue>,
    spared: bool,
    dead: bool,
}

impl Pair {
    fn is_alive(&self) -> bool {
        self.spent_at.is_none() && !self.dead
    }
}

/// A session while one of its tokens is presented.
#[derive(Debug)]
struct Family {
    session: SessionId,
    user: UserId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    disabled: bool,
    presented: Pair,
    alive: Option<Pair>,
}

/// Of the session: key, user, beginning, end.
type SessionColumns = (UidValue, UidValue, InstantValue, InstantValue);

/// What is to be retired when the next pair is issued.
#[derive(Debug, Clone, Copy)]
enum Spent {
    /// The pair, spent for the first time.
    First(UidValue),
    /// The pair, spent again, and its successor, which dies.
    Again { spared: UidValue, dead: UidValue },
}

impl Family {
    /// What is spent by presenting the token, and the last generation there is;
    /// `None` if it must not be presented any more.
    fn turn(&self, now: DateTime<Utc>) -> Option<(Spent, i32)> {
        let Pair { uid, generation, spent_at, spared, dead, .. } = &self.presented;
        match spent_at {
            None if !dead => Some((Spent::First(*uid), *generation)),
            Some(at) if !spared && !dead && now - at.0 <= Session::REUSE_GRACE_PERIOD => {
                let next = self.alive.as_ref().filter(|pair| pair.generation == generation + 1)?;
                Some((Spent::Again { spared: *uid, dead: next.uid }, next.generation))
            }
            _ => None,
        }
    }
}

/// The session of that refresh token, kept as it is until the transaction ends.
///
/// Its row is what all who refresh it queue for; the pairs are read behind
/// that, as the one before has left them.
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
    let is_alive = token_pairs::spent_at.is_null().and(token_pairs::dead.eq(false));
    let is_presented = token_pairs::refresh_hash.eq(hash).assume_not_null();
    let pairs = conn.load::<(Pair, bool)>(
        token_pairs::table
            .inner_join(sessions::table)
            .inner_join(accounts::table.on(accounts::user_uid.eq(sessions::user_uid)))
            .filter(token_pairs::session_uid.eq(session))
            .filter(is_alive.or(is_presented))
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
        alive: pairs.into_iter().map(|(pair, _)| pair).find(Pair::is_alive),
    }))
}

fn retire(conn: &mut Connection, spent: Spent, now: DateTime<Utc>) -> Result<(), Error> {
    match spent {
        Spent::First(pair) => conn.execute(
            diesel::update(token_pairs::table.find(pair))
                .set(token_pairs::spent_at.eq(InstantValue(now))),
        )?,
        Spent::Again { spared, dead } => {
            conn.execute(
                diesel::update(token_pairs::table.find(spared)).set(token_pairs::spared.eq(true)),
            )?;
            conn.execute(
                diesel::update(token_pairs::table.find(dead)).set(token_pairs::dead.eq(true)),
            )?
        }
    };
    Ok(())
}
