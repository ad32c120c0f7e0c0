//! The writing operations, once for all entities, whatever their keys.
//!
//! Any verified account creates and changes, and an administrator deletes. Entities with other
//! rules about who may change them have handlers of their own.

use actix_web::HttpResponse;
use recto_domain::{Create, Update};
use recto_persistence::{Connection, Lock, Recto, Rules, Stored, write};

use crate::extract::{Body, Caller, NoQuery, PathKey, no_such};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// `POST /tags`
pub(crate) async fn create<E: Rules + Create<Parent = ()>>(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<E::New>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let entity = state
        .database
        .write(move |conn| {
            let user = caller.verified(conn)?.user_uid;
            let new = E::create(ids.new_id(), body.checked()?, (), user);
            Ok::<_, Problem>(write::create(conn, new)?)
        })
        .await?;
    present::created(entity)
}

/// `POST /books/{uid}/reviews`: under the entity that the path names.
pub(crate) async fn create_under<P, E>(
    state: Shared,
    caller: Caller,
    parent: PathKey<P>,
    _: NoQuery,
    body: Body<E::New>,
) -> Result<HttpResponse, Problem>
where
    P: Stored<Recto>,
    E: Rules + Create<Parent = P::Key>,
{
    let ids = state.ids.clone();
    let entity = state
        .database
        .write(move |conn| {
            let user = caller.verified(conn)?.user_uid;
            // Should it be deleted meanwhile, the foreign key decides.
            if !conn.exists::<P>(parent.0)? {
                return Err(no_such(P::INFO));
            }
            let new = E::create(ids.new_id(), body.checked()?, parent.0, user);
            Ok::<_, Problem>(write::create(conn, new)?)
        })
        .await?;
    present::created(entity)
}

/// `PATCH /blog/posts/{id}`, `PUT /tags/{uid}`
pub(crate) async fn change<E: Rules + Update>(
    state: Shared,
    caller: Caller,
    key: PathKey<E>,
    _: NoQuery,
    body: Body<E::Patch>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let entity = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            let entity = lock::<E>(conn, key.0)?;
            Ok::<_, Problem>(write::change(conn, entity, body.checked()?, ids.now())?)
        })
        .await?;
    present::entity(entity)
}

/// `DELETE /tags/{uid}`, by an administrator.
pub(crate) async fn delete<E: Stored<Recto>>(
    state: Shared,
    caller: Caller,
    key: PathKey<E>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            caller.admin(conn)?;
            let deleted = write::delete::<E>(conn, key.0)?;
            deleted.then_some(()).ok_or_else(|| no_such(E::INFO))
        })
        .await?;
    Ok(present::no_content())
}

/// The entity with a key, which nobody else changes until the transaction ends; 404 without one.
///
/// Others can refer to it meanwhile: two that refer to each other's would wait for each other.
pub(crate) fn lock<E: Stored<Recto>>(conn: &mut Connection, key: E::Key) -> Result<E, Problem> {
    conn.lock::<E>(key, Lock::NoKeyUpdate)?.ok_or_else(|| no_such(E::INFO))
}
