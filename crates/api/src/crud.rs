//! The handlers for entities of any type.
//!
//! The route declares who may call them: usually any verified account creates and changes, and an
//! administrator deletes. Entities with an owner have handlers of their own.

use recto_domain::{AuditAction, Create, Update};
use recto_persistence::{MappedMany, MappedOne, Recto, Rules, Stored, write};

use crate::context::{Context, WriteTransaction};
use crate::error::Error;
use crate::extract::{All, Body, Filtered, ItemQuery, OfParent, PageQuery, PathKey};
use crate::problem::Problem;
use crate::response::{Created, Item, NoContent, Rendered};

/// `GET /books/{uid}`
pub(crate) async fn item<E: Stored<Recto>>(
    ctx: Context,
    key: PathKey<E>,
    query: ItemQuery<E>,
) -> Result<Rendered, Error> {
    ctx.respond(move |tx| Ok(tx.item::<E>(key.0, &query.include)?.with_fields(&query.fields))).await
}

/// `GET /books`
pub(crate) async fn page<E: Filtered>(
    ctx: Context,
    query: PageQuery<E, All>,
) -> Result<Rendered, Error> {
    ctx.respond(move |tx| tx.page(&query)).await
}

/// `GET /books/{uid}/reviews`
pub(crate) async fn many<R: MappedMany<Recto>>(
    ctx: Context,
    parent: PathKey<R::From>,
    query: PageQuery<R::To, OfParent<R>>,
) -> Result<Rendered, Error> {
    ctx.respond(move |tx| tx.related_page::<R>(parent.0, &query)).await
}

/// `GET /books/{uid}/user`
pub(crate) async fn one<R: MappedOne<Recto>>(
    ctx: Context,
    child: PathKey<R::From>,
    query: ItemQuery<R::To>,
) -> Result<Rendered, Error> {
    ctx.respond(move |tx| {
        Ok(tx.related_item::<R>(child.0, &query.include)?.with_fields(&query.fields))
    })
    .await
}

/// `POST /blog/posts`
pub(crate) async fn create<E: Rules + Create<Parent = ()>>(
    ctx: Context,
    body: Body<E::New>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let new = E::create(tx.new_id(), body.checked()?, (), tx.caller()?.user_uid);
        let created = write::create(tx, new)?;
        tx.check_created::<E>(1)?;
        Ok(Created(Item::alone(created)))
    })
    .await
}

/// `POST /books/{uid}/reviews`: below the entity that the path names.
pub(crate) async fn create_below<P, E>(
    ctx: Context,
    parent: PathKey<P>,
    body: Body<E::New>,
) -> Result<Rendered, Error>
where
    P: Stored<Recto>,
    E: Rules + Create<Parent = P::Key>,
{
    ctx.write(move |tx| {
        let body = body.checked();
        // A parent that does not exist is reported before the body's violations.
        if body.is_err() && !tx.exists::<P>(parent.0)? {
            return Err(Problem::no_such(P::INFO).into());
        }
        let new = E::create(tx.new_id(), body?, parent.0, tx.caller()?.user_uid);
        let created = write::create_below::<P, E>(tx, parent.0, new)?;
        tx.check_created::<E>(1)?;
        Ok(Created(Item::alone(created)))
    })
    .await
}

/// `PATCH /blog/posts/{id}`
pub(crate) async fn change<E: Rules + Update>(
    ctx: Context,
    key: PathKey<E>,
    body: Body<E::Patch>,
) -> Result<Rendered, Error> {
    change_checked(ctx, key, body, |_, _| Ok(())).await
}

/// As [`change`], if `check` permits the caller to change the entity.
pub(crate) async fn change_checked<E: Rules + Update>(
    ctx: Context,
    key: PathKey<E>,
    body: Body<E::Patch>,
    check: impl Fn(&mut WriteTransaction<'_>, &E) -> Result<(), Error> + Send + 'static,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let entity = tx.target::<E>(key.0)?;
        check(tx, &entity)?;
        let (patch, now) = (body.checked_for(&entity)?, tx.now());
        Ok(Item::alone(write::change(tx, entity, patch, now)?))
    })
    .await
}

/// `DELETE /tags/{uid}`, for administrators.
pub(crate) async fn delete<E: Rules>(ctx: Context, key: PathKey<E>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        tx.target_to_delete::<E>(key.0)?;
        write::delete::<E>(tx, key.0)?;
        tx.audit_content::<E>(AuditAction::ContentDeleted, key.0, None);
        Ok(NoContent)
    })
    .await
}
