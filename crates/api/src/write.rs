//! The writing operations, once for all entities that the database numbers.
//!
//! They have no owners: any verified account writes, and an administrator deletes.

use actix_web::HttpResponse;
use recto_persistence::{Connection, Numbered};

use crate::extract::{Body, Caller, NoQuery, PathKey, no_such};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// `POST /blog/posts`
pub(crate) async fn create<E: Numbered<Under = ()>>(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<E::New>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let entity = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            Ok::<_, Problem>(E::insert(conn, body.checked()?, (), mint.now())?)
        })
        .await?;
    present::created(entity)
}

/// `POST /blog/posts/{id}/comments`: under what the path names.
pub(crate) async fn create_under<P: Numbered, E: Numbered<Under = P::Key>>(
    state: Shared,
    caller: Caller,
    parent: PathKey<P>,
    _: NoQuery,
    body: Body<E::New>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let entity = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            lock::<P>(conn, parent.0)?;
            Ok::<_, Problem>(E::insert(conn, body.checked()?, parent.0, mint.now())?)
        })
        .await?;
    present::created(entity)
}

/// `PATCH /blog/posts/{id}`
pub(crate) async fn patch<E: Numbered>(
    state: Shared,
    caller: Caller,
    key: PathKey<E>,
    _: NoQuery,
    body: Body<E::Patch>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let entity = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            let entity = lock::<E>(conn, key.0)?;
            Ok::<_, Problem>(E::patch(conn, entity, body.checked()?, mint.now())?)
        })
        .await?;
    present::entity(entity)
}

/// `DELETE /blog/posts/{id}`, by an administrator.
pub(crate) async fn delete<E: Numbered>(
    state: Shared,
    caller: Caller,
    key: PathKey<E>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            caller.admin(conn)?;
            let deleted = E::delete(conn, key.0)?;
            deleted.then_some(()).ok_or_else(|| no_such(E::INFO))
        })
        .await?;
    Ok(present::no_content())
}

/// The one with that key, or that there is none.
pub(crate) fn lock<E: Numbered>(conn: &mut Connection, key: E::Key) -> Result<E, Problem> {
    E::lock(conn, key)?.ok_or_else(|| no_such(E::INFO))
}
