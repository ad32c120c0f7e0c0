//! Sessions and their tokens.
//!
//! A session is a family of token pairs. Refreshing spends a pair and issues
//! the next; at any time one pair at most is alive, neither spent nor dead,
//! which the databases see to by themselves.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use recto_domain::{Account, Client, SecretHash, Session, SessionId, TokenPairId, UserId};

use super::account::AccountRow;
use super::{Listed, before};
use crate::connection::{Engine, on_engine};
use crate::query::SqlKey as _;
use crate::relation::optional;
use crate::row::Reading;
use crate::schema::{accounts, sessions, token_pairs};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Its key.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The key of its first pair of tokens.
    pub pair: TokenPairId,
    /// What is stored of its first refresh token, if it has one.
    pub refresh: Option<SecretHash>,
    /// Where it begins from.
    pub client: &'a Client,
    /// When it begins.
    pub at: DateTime<Utc>,
    /// When it ends unless it is used before.
    pub expires_at: DateTime<Utc>,
}

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

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = sessions, primary_key(uid))]
struct SessionRow {
    uid: UidValue,
    created_at: InstantValue,
    last_used_at: InstantValue,
    expires_at: InstantValue,
    address: Option<String>,
    agent: Option<String>,
}

impl SessionRow {
    fn shown(self, current: Option<SessionId>) -> Result<Session, Error> {
        let id = SessionId::from_uuid(self.uid.0);
        let reading = Reading { table: "sessions", row: &id };
        let address = self.address.map(|address| address.parse()).transpose();
        Ok(Session {
            created_at: self.created_at.0,
            last_used_at: self.last_used_at.0,
            expires_at: self.expires_at.0,
            address: address.map_err(|reason| reading.corrupt("address", &reason))?,
            agent: reading.optional("agent", self.agent)?,
            current: current == Some(id),
            id,
        })
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = token_pairs)]
struct PairRecord<'a> {
    uid: UidValue,
    session_uid: UidValue,
    generation: i32,
    refresh_hash: Option<&'a [u8]>,
    issued_at: InstantValue,
    spared: bool,
    dead: bool,
}

/// Begins a session.
///
/// # Errors
/// A failing database.
pub fn open(conn: &mut Connection, new: &NewSession<'_>) -> Result<(), Error> {
    let session = (
        sessions::uid.eq(new.id.value()),
        sessions::user_uid.eq(new.user.value()),
        sessions::created_at.eq(InstantValue(new.at)),
        sessions::last_used_at.eq(InstantValue(new.at)),
        sessions::expires_at.eq(InstantValue(new.expires_at)),
        sessions::address.eq(new.client.address.map(|address| address.to_string())),
        sessions::agent.eq(new.client.agent.as_ref().map(AsRef::<str>::as_ref)),
    );
    on_engine!(conn, c => {
        diesel::insert_into(sessions::table).values(session).execute(c)?
    });
    issue(conn, new.id.value(), 1, new.pair, new.refresh.as_ref(), new.at)
}

/// Who calls with the access token of that pair, and in which session: one
/// statement. `None` if the pair is dead or gone, the session has ended or the
/// account is disabled.
///
/// # Errors
/// A failing database.
pub fn caller(
    conn: &mut Connection,
    pair: TokenPairId,
    now: DateTime<Utc>,
) -> Result<Option<(Account, SessionId)>, Error> {
    let row = on_engine!(conn, c => {
        token_pairs::table
            .inner_join(sessions::table)
            .inner_join(accounts::table.on(accounts::user_uid.eq(sessions::user_uid)))
            .filter(token_pairs::uid.eq(pair.value()))
            .filter(token_pairs::dead.eq(false))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .filter(accounts::disabled.eq(false))
            .select((AccountRow::as_select(), sessions::uid))
            .get_result::<(AccountRow, UidValue)>(c)
    });
    let caller = optional(row)?;
    caller
        .map(|(account, session)| {
            Ok((Account::try_from(account)?, SessionId::from_uuid(session.0)))
        })
        .transpose()
}

/// Puts the next pair of tokens in the place of the one whose refresh token is
/// presented.
///
/// One that was spent at most [`Session::MERCY`] ago is taken once more, for a
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
        issue(conn, session.value(), latest + 1, next.id, Some(&next.refresh), now)?;
        let expires_at = Session::expiry(family.created_at, now);
        on_engine!(conn, c => {
            diesel::update(sessions::table.find(session.value()))
                .set((
                    sessions::last_used_at.eq(InstantValue(now)),
                    sessions::expires_at.eq(InstantValue(expires_at)),
                ))
                .execute(c)?
        });
        Ok(Rotation::Renewed { user, session })
    })
}

/// The sessions of a user that have not ended, the newest first: at most
/// `limit`, behind `after` if that is given.
///
/// # Errors
/// A failing database.
pub fn page(
    conn: &mut Connection,
    user: UserId,
    current: Option<SessionId>,
    after: Option<SessionId>,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<Listed<Session>, Error> {
    let rows = on_engine!(conn, c => {
        sessions::table
            .filter(sessions::user_uid.eq(user.value()))
            .filter(sessions::uid.lt(before(after)))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .order_by(sessions::uid.desc())
            .limit(i64::from(limit) + 1)
            .select(SessionRow::as_select())
            .load::<SessionRow>(c)?
    });
    let shown: Result<Vec<_>, _> = rows.into_iter().map(|row| row.shown(current)).collect();
    Ok(Listed::of(shown?, limit))
}

/// A session of a user, unless it has ended.
///
/// # Errors
/// A failing database.
pub fn find(
    conn: &mut Connection,
    user: UserId,
    id: SessionId,
    current: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Option<Session>, Error> {
    let row = on_engine!(conn, c => {
        sessions::table
            .find(id.value())
            .filter(sessions::user_uid.eq(user.value()))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .select(SessionRow::as_select())
            .get_result::<SessionRow>(c)
    });
    optional(row)?.map(|row| row.shown(current)).transpose()
}

/// Ends a session of a user. Tells whether there was one.
///
/// # Errors
/// A failing database.
pub fn close(conn: &mut Connection, user: UserId, id: SessionId) -> Result<bool, Error> {
    let own = sessions::table.find(id.value()).filter(sessions::user_uid.eq(user.value()));
    let closed = on_engine!(conn, c => diesel::delete(own).execute(c)?);
    Ok(closed > 0)
}

/// Ends the sessions of a user, all but `keep`. Tells how many.
///
/// # Errors
/// A failing database.
pub fn close_others(
    conn: &mut Connection,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<usize, Error> {
    let own = sessions::table.filter(sessions::user_uid.eq(user.value()));
    Ok(on_engine!(conn, c => match keep {
        Some(keep) => diesel::delete(own.filter(sessions::uid.ne(keep.value()))).execute(c)?,
        None => diesel::delete(own).execute(c)?,
    }))
}

/// A pair, as far as refreshing asks.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = token_pairs)]
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
            Some(at) if !spared && !dead && now - at.0 <= Session::MERCY => {
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
    type Locked = (UidValue, UidValue, InstantValue, InstantValue);
    let locked = match &mut conn.engine {
        Engine::Sqlite(c) => session.get_result::<Locked>(c),
        Engine::Postgres(c) => session.for_update().get_result::<Locked>(c),
    };
    let Some((session, user, created_at, expires_at)) = optional(locked)? else { return Ok(None) };
    let is_alive = token_pairs::spent_at.is_null().and(token_pairs::dead.eq(false));
    let is_presented = token_pairs::refresh_hash.eq(hash).assume_not_null();
    let pairs = on_engine!(conn, c => {
        token_pairs::table
            .inner_join(sessions::table)
            .inner_join(accounts::table.on(accounts::user_uid.eq(sessions::user_uid)))
            .filter(token_pairs::session_uid.eq(session))
            .filter(is_alive.or(is_presented))
            .select((Pair::as_select(), accounts::disabled))
            .load::<(Pair, bool)>(c)?
    });
    let is_presented = |pair: &&(Pair, bool)| pair.0.refresh_hash.as_deref() == Some(hash);
    let Some((presented, disabled)) = pairs.iter().find(is_presented).cloned() else {
        return Ok(None);
    };
    Ok(Some(Family {
        session: SessionId::from_uuid(session.0),
        user: UserId::from_uuid(user.0),
        created_at: created_at.0,
        expires_at: expires_at.0,
        disabled,
        presented,
        alive: pairs.into_iter().map(|(pair, _)| pair).find(Pair::is_alive),
    }))
}

fn retire(conn: &mut Connection, spent: Spent, now: DateTime<Utc>) -> Result<(), Error> {
    match spent {
        Spent::First(pair) => on_engine!(conn, c => {
            diesel::update(token_pairs::table.find(pair))
                .set(token_pairs::spent_at.eq(InstantValue(now)))
                .execute(c)?
        }),
        Spent::Again { spared, dead } => {
            on_engine!(conn, c => {
                diesel::update(token_pairs::table.find(spared))
                    .set(token_pairs::spared.eq(true))
                    .execute(c)?
            });
            on_engine!(conn, c => {
                diesel::update(token_pairs::table.find(dead))
                    .set(token_pairs::dead.eq(true))
                    .execute(c)?
            })
        }
    };
    Ok(())
}

fn issue(
    conn: &mut Connection,
    session: UidValue,
    generation: i32,
    id: TokenPairId,
    refresh: Option<&SecretHash>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let record = PairRecord {
        uid: id.value(),
        session_uid: session,
        generation,
        refresh_hash: refresh.map(|hash| &hash.as_bytes()[..]),
        issued_at: InstantValue(at),
        spared: false,
        dead: false,
    };
    on_engine!(conn, c => {
        diesel::insert_into(token_pairs::table).values(&record).execute(c)?
    });
    Ok(())
}
