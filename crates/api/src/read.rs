//! The handlers that read, generic over entity and relation.

use recto_persistence::{MappedMany, MappedOne, Recto, Stored};

use crate::context::Context;
use crate::error::Error;
use crate::extract::{All, Filtered, ItemQuery, OfParent, PageQuery, PathKey};
use crate::response::Rendered;

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
