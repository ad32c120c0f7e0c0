//! Sessions and their tokens.
//!
//! A session is a family of token pairs. Refreshing spends a pair and issues
//! the next; at any time one pair at most is alive, neither spent nor dead,
//! which the databases see to by themselves. How is in
//! `rotation.rs`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use recto_domain::{Account, Client, SecretHash, Session, SessionId, TokenPairId, UserId};

pub use super::rotation::{NextPair, Rotation, rotate};

use super::account::AccountRow;
use super::{Listed, before};
use crate::connection::on_engine;
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

/// Adds a pair of tokens to a session.
pub(super) fn issue(
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
