//! Sessions and API keys: listed, shown and revoked by their owner.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use recto_domain::{ApiKey, ApiKeyId, AuditAction, Session, SessionId, UserId};
use recto_persistence::Connection;
use recto_persistence::identity::{api_key, session};
use recto_relations::{PageRequest, Paged};
use serde::Serialize;

use crate::context::{Context, ReadTransaction};
use crate::error::Error;
use crate::extract::{ListQuery, PathId};
use crate::page_fields::Total;
use crate::problem::Problem;
use crate::response::{Json, List, NoContent};

type DatabaseResult<T> = Result<T, recto_persistence::Error>;

/// A session or an API key.
pub(crate) trait Revocable: Serialize + Send + 'static {
    /// The type of its id.
    type Id: Copy + Display + FromStr + Send + Sync + 'static;
    /// Its name in problems.
    const NAME: &'static str;
    /// The action of the audit log when it is revoked.
    const REVOKED: AuditAction;

    /// Returns its id.
    fn id(&self) -> Self::Id;

    /// Returns a page of those of a user, the newest first.
    fn page(
        conn: &mut Connection,
        owner: CallerSession,
        request: &PageRequest<Self::Id>,
    ) -> DatabaseResult<Paged<Self>>
    where
        Self: Sized;

    /// Counts those of a user, up to `limit`.
    fn count(conn: &mut Connection, owner: CallerSession, limit: u32) -> DatabaseResult<u32>;

    /// Returns one of a user.
    fn find(
        conn: &mut Connection,
        owner: CallerSession,
        id: Self::Id,
    ) -> DatabaseResult<Option<Self>>
    where
        Self: Sized;

    /// Revokes one of a user, and returns whether there was one.
    fn revoke(conn: &mut Connection, user: UserId, id: Self::Id) -> DatabaseResult<bool>;
}

/// The user who asks, the session, and the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerSession {
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
        owner: CallerSession,
        request: &PageRequest<SessionId>,
    ) -> DatabaseResult<Paged<Self>> {
        session::page(conn, owner.user, Some(owner.session), request, owner.now)
    }

    fn count(conn: &mut Connection, owner: CallerSession, limit: u32) -> DatabaseResult<u32> {
        session::count(conn, owner.user, limit, owner.now)
    }

    fn find(
        conn: &mut Connection,
        owner: CallerSession,
        id: SessionId,
    ) -> DatabaseResult<Option<Self>> {
        session::find(conn, owner.user, id, Some(owner.session), owner.now)
    }

    fn revoke(conn: &mut Connection, user: UserId, id: SessionId) -> DatabaseResult<bool> {
        session::end(conn, user, id)
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
        owner: CallerSession,
        request: &PageRequest<ApiKeyId>,
    ) -> DatabaseResult<Paged<Self>> {
        api_key::page(conn, owner.user, request)
    }

    fn count(conn: &mut Connection, owner: CallerSession, limit: u32) -> DatabaseResult<u32> {
        api_key::count(conn, owner.user, limit)
    }

    fn find(
        conn: &mut Connection,
        owner: CallerSession,
        id: ApiKeyId,
    ) -> DatabaseResult<Option<Self>> {
        api_key::find(conn, owner.user, id)
    }

    fn revoke(conn: &mut Connection, user: UserId, id: ApiKeyId) -> DatabaseResult<bool> {
        api_key::delete(conn, user, id)
    }
}

/// `GET /auth/sessions`, `GET /auth/keys`
pub(crate) async fn list<T: Revocable>(
    ctx: Context,
    query: ListQuery<T::Id>,
) -> Result<List<T>, Error> {
    let ListQuery { request, total, links, .. } = query;
    let (paged, total) = ctx
        .read(move |tx| {
            let owner = CallerSession::of(tx)?;
            let counted = total.then(|| T::count(tx, owner, Total::COUNTED)).transpose()?;
            Ok((T::page(tx, owner, &request)?, counted.map(Total::of)))
        })
        .await?;
    Ok(List::new(paged, total, T::id, links))
}

/// `GET /auth/sessions/{id}`, `GET /auth/keys/{id}`
pub(crate) async fn item<T: Revocable>(ctx: Context, id: PathId<T::Id>) -> Result<Json<T>, Error> {
    ctx.read(move |tx| {
        let owner = CallerSession::of(tx)?;
        let found = T::find(tx, owner, id.0)?;
        Ok(Json(found.ok_or_else(|| Problem::not_found(T::NAME))?))
    })
    .await
}

/// `DELETE /auth/sessions/{id}`, `DELETE /auth/keys/{id}`
pub(crate) async fn revoke<T: Revocable>(
    ctx: Context,
    id: PathId<T::Id>,
) -> Result<NoContent, Error> {
    ctx.transaction(move |tx| {
        let user = tx.caller()?.user_uid;
        if !T::revoke(tx, user, id.0)? {
            return Err(Problem::not_found(T::NAME).into());
        }
        tx.audit(T::REVOKED);
        Ok(NoContent)
    })
    .await
}

impl CallerSession {
    fn of(tx: &ReadTransaction<'_>) -> Result<Self, Error> {
        Ok(Self { user: tx.caller()?.user_uid, session: tx.session()?, now: tx.now() })
    }
}
