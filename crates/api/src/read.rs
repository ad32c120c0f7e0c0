//! The handlers that read, generic over entity and relation.

use recto_persistence::{MappedMany, MappedOne, Recto, Stored};

use crate::answer::{Item, OptionalItem, Page};
use crate::context::Context;
use crate::error::Error;
use crate::extract::{All, Filtered, ItemQuery, OfParent, PageQuery, PathKey};

/// `GET /books/{uid}`
pub(crate) async fn item<E: Stored<Recto>>(
    ctx: Context,
    key: PathKey<E>,
    query: ItemQuery<E>,
) -> Result<Item<E>, Error> {
    ctx.read(move |tx| tx.item(key.0, &query.include)).await
}

/// `GET /books`
pub(crate) async fn page<E: Filtered>(
    ctx: Context,
    query: PageQuery<E, All>,
) -> Result<Page<E>, Error> {
    ctx.read(move |tx| tx.page(&query)).await
}

/// `GET /books/{uid}/reviews`
pub(crate) async fn many<R: MappedMany<Recto>>(
    ctx: Context,
    parent: PathKey<R::From>,
    query: PageQuery<R::To, OfParent<R>>,
) -> Result<Page<R::To>, Error> {
    ctx.read(move |tx| tx.related_page::<R>(parent.0, &query)).await
}

/// `GET /books/{uid}/user`
pub(crate) async fn one<R: MappedOne<Recto>>(
    ctx: Context,
    child: PathKey<R::From>,
    query: ItemQuery<R::To>,
) -> Result<OptionalItem<R::To>, Error> {
    ctx.read(move |tx| tx.related_item::<R>(child.0, &query.include)).await
}
