//! What a caller has several of: sessions and API keys. Listed, shown and revoked alike, and by
//! their owner alone.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use recto_domain::{ApiKey, ApiKeyId, AuditAction, Session, SessionId, UserId};
use recto_persistence::identity::{Listed, key, session};
use recto_persistence::{Connection, Error};
use serde::Serialize;

use crate::extract::{Caller, Key, ListQuery, NoQuery, RequestOrigin};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// Something that users have of their own, each with a key.
pub(crate) trait Revocable: Serialize + Send + 'static {
    /// What identifies it.
    type Id: Copy + Display + FromStr + Send + 'static;
    /// What it is called.
    const NAME: &'static str;
    /// What the audit calls its end.
    const REVOKED: AuditAction;

    /// Its key.
    fn id(&self) -> Self::Id;

    /// Those of a user, the newest first.
    fn page(
        conn: &mut Connection,
        of: Owner,
        after: Option<Self::Id>,
        limit: u32,
    ) -> Result<Listed<Self>, Error>
    where
        Self: Sized;

    /// One of a user's.
    fn find(conn: &mut Connection, of: Owner, id: Self::Id) -> Result<Option<Self>, Error>
    where
        Self: Sized;

    /// Ends one of a user's. Tells whether there was one.
    fn revoke(conn: &mut Connection, user: UserId, id: Self::Id) -> Result<bool, Error>;
}

/// Who asks, in which session, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    user: UserId,
    session: SessionId,
    now: DateTime<Utc>,
}

impl Revocable for Session {
    type Id = SessionId;

    const NAME: &'static str = "session";
    const REVOKED: AuditAction = AuditAction::SessionRevoked;

    fn id(&self) -> SessionId {
        self.id
    }

    fn page(
        conn: &mut Connection,
        of: Owner,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Listed<Self>, Error> {
        session::page(conn, of.user, Some(of.session), after, limit, of.now)
    }

    fn find(conn: &mut Connection, of: Owner, id: SessionId) -> Result<Option<Self>, Error> {
        session::find(conn, of.user, id, Some(of.session), of.now)
    }

    fn revoke(conn: &mut Connection, user: UserId, id: SessionId) -> Result<bool, Error> {
        session::close(conn, user, id)
    }
}

impl Revocable for ApiKey {
    type Id = ApiKeyId;

    const NAME: &'static str = "API key";
    const REVOKED: AuditAction = AuditAction::KeyRevoked;

    fn id(&self) -> ApiKeyId {
        self.id
    }

    fn page(
        conn: &mut Connection,
        of: Owner,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Listed<Self>, Error> {
        key::page(conn, of.user, after, limit)
    }

    fn find(conn: &mut Connection, of: Owner, id: ApiKeyId) -> Result<Option<Self>, Error> {
        key::find(conn, of.user, id)
    }

    fn revoke(conn: &mut Connection, user: UserId, id: ApiKeyId) -> Result<bool, Error> {
        key::delete(conn, user, id)
    }
}

/// `GET /auth/sessions`, `GET /auth/keys`
pub(crate) async fn list<T: Revocable>(
    state: Shared,
    caller: Caller,
    query: ListQuery<T::Id>,
) -> Result<HttpResponse, Problem> {
    let ListQuery { limit, after, .. } = query;
    let now = state.ids.now();
    let listed = state
        .database
        .read(move |conn| {
            let of = owner(&caller, conn, now)?;
            Ok::<_, Problem>(T::page(conn, of, after, limit)?)
        })
        .await?;
    present::listed(&listed, T::id, &query.place)
}

/// `GET /auth/sessions/{id}`, `GET /auth/keys/{id}`
pub(crate) async fn item<T: Revocable>(
    state: Shared,
    caller: Caller,
    key: Key<T::Id>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let now = state.ids.now();
    let found = state
        .database
        .read(move |conn| {
            let of = owner(&caller, conn, now)?;
            T::find(conn, of, key.0)?.ok_or_else(|| Problem::not_found(T::NAME))
        })
        .await?;
    present::document(StatusCode::OK, &found)
}

/// `DELETE /auth/sessions/{id}`, `DELETE /auth/keys/{id}`
pub(crate) async fn revoke<T: Revocable>(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    key: Key<T::Id>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let shared = state.clone();
    state
        .write_noting(move |conn, entries| {
            let (account, _) = caller.in_person(conn)?;
            if !T::revoke(conn, account.user_uid, key.0)? {
                return Err(Problem::not_found(T::NAME));
            }
            let mut entry = witness.entry(&shared, T::REVOKED);
            entry.actor_uid = Some(account.user_uid);
            entries.push(entry);
            Ok(())
        })
        .await?;
    Ok(present::no_content())
}

fn owner(caller: &Caller, conn: &mut Connection, now: DateTime<Utc>) -> Result<Owner, Problem> {
    let (account, session) = caller.in_person(conn)?;
    Ok(Owner { user: account.user_uid, session, now })
}
