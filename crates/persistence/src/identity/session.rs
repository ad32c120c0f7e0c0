//! Sessions and their token pairs.
//!
//! Each refresh uses a pair and issues the next (`rotation.rs`). At most one pair of a session is
//! active, neither used nor revoked, which is also a constraint of the databases.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{Device, SecretHash, Session, SessionId, TokenPairId, UserId};
use recto_relations::{PageRequest, Paged};
use recto_relations_diesel::{Conditions, KeyIn, Lock, Locked, Selected as _};

pub use super::rotation::{NextPair, Rotation, rotate};

use super::newest_first;
use crate::row::RowContext;
use crate::schema::{sessions, token_pairs};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// A new session.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Its user.
    pub user: UserId,
    /// The id of its first token pair.
    pub pair: TokenPairId,
    /// The hash of its first refresh token, if it has one.
    pub refresh: Option<SecretHash>,
    /// The IP address and user agent of the sign-in.
    pub device: &'a Device,
    /// The time of the sign-in.
    pub at: DateTime<Utc>,
    /// The time at which it expires if it is not refreshed.
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = sessions, primary_key(uid), check_for_backend(Sqlite, Pg))]
struct SessionRow {
    uid: UidValue,
    created_at: InstantValue,
    last_used_at: InstantValue,
    expires_at: InstantValue,
    address: Option<String>,
    agent: Option<String>,
}

impl SessionRow {
    fn into_session(self, current: Option<SessionId>) -> Result<Session, Error> {
        let id = SessionId::from_uuid(self.uid.0);
        let context = RowContext { table: "sessions", row: &id };
        let address = self.address.map(|address| address.parse()).transpose();
        Ok(Session {
            created_at: self.created_at.0,
            last_used_at: self.last_used_at.0,
            expires_at: self.expires_at.0,
            address: address.map_err(|reason| context.corrupt("address", &reason))?,
            agent: context.optional("agent", self.agent)?,
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
    retried: bool,
    revoked: bool,
}

/// Inserts a session with its first token pair.
pub fn open(conn: &mut Connection, new: &NewSession<'_>) -> Result<(), Error> {
    let session = (
        sessions::uid.eq(UidValue::from(new.id)),
        sessions::user_uid.eq(UidValue::from(new.user)),
        sessions::created_at.eq(InstantValue(new.at)),
        sessions::last_used_at.eq(InstantValue(new.at)),
        sessions::expires_at.eq(InstantValue(new.expires_at)),
        sessions::address.eq(new.device.address.map(|address| address.to_string())),
        sessions::agent.eq(new.device.agent.as_ref().map(AsRef::<str>::as_ref)),
    );
    conn.execute(diesel::insert_into(sessions::table).values(session))?;
    issue(conn, UidValue::from(new.id), 1, new.pair, new.refresh.as_ref(), new.at)
}

/// Returns a page of the sessions of a user, newest first, without expired ones.
pub fn page(
    conn: &mut Connection,
    user: UserId,
    current: Option<SessionId>,
    request: &PageRequest<SessionId>,
    now: DateTime<Utc>,
) -> Result<Paged<Session>, Error> {
    super::page(
        request,
        |session: &Session| session.id,
        |seek| {
            let (mut conditions, order) = newest_first(sessions::uid, seek);
            add_of_user(&mut conditions, user, now);
            let query =
                sessions::table.filter(conditions).order_by(order).limit(i64::from(seek.limit));
            let rows = conn.load(query.select(SessionRow::selection()))?;
            rows.into_iter().map(|row: SessionRow| row.into_session(current)).collect()
        },
    )
}

/// Counts the sessions of a user, up to `limit`, without expired ones.
pub fn count(
    conn: &mut Connection,
    user: UserId,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<u32, Error> {
    let mut conditions = Conditions::new();
    add_of_user(&mut conditions, user, now);
    conn.count_matching::<sessions::table>(conditions, limit)
}

fn add_of_user(conditions: &mut Conditions<sessions::table>, user: UserId, now: DateTime<Utc>) {
    conditions.add(sessions::user_uid.eq(UidValue::from(user)));
    conditions.add(sessions::expires_at.gt(InstantValue(now)));
}

/// Returns a session of a user, unless it has expired.
pub fn find(
    conn: &mut Connection,
    user: UserId,
    id: SessionId,
    current: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Option<Session>, Error> {
    let row = conn.first(
        sessions::table
            .find(UidValue::from(id))
            .filter(sessions::user_uid.eq(UidValue::from(user)))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .select(SessionRow::selection()),
    )?;
    row.map(|row: SessionRow| row.into_session(current)).transpose()
}

/// Locks a session until the transaction ends, so that the end of the session waits for it. Returns
/// whether it still exists.
pub fn lock(conn: &mut Connection, id: SessionId) -> Result<bool, Error> {
    let session = sessions::table.find(UidValue::from(id)).select(sessions::uid);
    let locked: Option<UidValue> = conn.first(Locked::new(session, Lock::Update))?;
    Ok(locked.is_some())
}

/// Ends a session of a user. Returns whether it existed.
pub fn end(conn: &mut Connection, user: UserId, id: SessionId) -> Result<bool, Error> {
    let own = sessions::table
        .find(UidValue::from(id))
        .filter(sessions::user_uid.eq(UidValue::from(user)));
    let ended = conn.execute(diesel::delete(own))?;
    Ok(ended > 0)
}

/// Ends the sessions of a user except `keep`. Returns their number.
pub fn end_others(
    conn: &mut Connection,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<usize, Error> {
    let own = sessions::table.filter(sessions::user_uid.eq(UidValue::from(user)));
    match keep {
        Some(keep) => {
            let others = own.filter(sessions::uid.ne(UidValue::from(keep)));
            conn.execute(diesel::delete(others))
        }
        None => conn.execute(diesel::delete(own)),
    }
}

/// Ends the oldest sessions of a user, so that `most` remain, besides expired ones. Returns the
/// number of those that it ended.
pub fn end_oldest(
    conn: &mut Connection,
    user: UserId,
    most: u32,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let oldest: Vec<UidValue> = conn.load(
        sessions::table
            .filter(sessions::user_uid.eq(UidValue::from(user)))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .order_by(sessions::uid.desc())
            .limit(i64::from(u32::MAX))
            .offset(i64::from(most))
            .select(sessions::uid),
    )?;
    if oldest.is_empty() {
        return Ok(0);
    }
    conn.execute(diesel::delete(sessions::table.filter(KeyIn::new(sessions::uid, oldest))))
}

/// Inserts a token pair.
pub(super) fn issue(
    conn: &mut Connection,
    session: UidValue,
    generation: i32,
    id: TokenPairId,
    refresh: Option<&SecretHash>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let record = PairRecord {
        uid: UidValue::from(id),
        session_uid: session,
        generation,
        refresh_hash: refresh.map(|hash| &hash.as_bytes()[..]),
        issued_at: InstantValue(at),
        retried: false,
        revoked: false,
    };
    conn.execute(diesel::insert_into(token_pairs::table).values(&record))?;
    Ok(())
}
