//! Writing books, their tags and their contributors.

use std::sync::Arc;

use recto_domain::{
    AuditAction, Book, BookContributors, BookId, BookPatch, BookTags, Contributors, NewBookGraph,
    QuotaItem, Tag, TagName, TagNames,
};
use recto_persistence::catalog::{Creator, book_graph};
use recto_persistence::{Connection, write};
use recto_relations::{Entity as _, Include};

use crate::context::{Context, WriteTransaction};
use crate::error::Error;
use crate::extract::{Body, PathKey, PathKeys};
use crate::problem::Problem;
use crate::response::{Created, Item, NoContent, Rendered};
use recto_identity::access::may;

/// `POST /books`
pub(crate) async fn create(ctx: Context, body: Body<NewBookGraph>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let new = body.checked()?;
        let (tags, contributors) = (new.tags.is_some(), new.contributors.is_some());
        let (conn, creator) = tx.with_creator()?;
        let book = book_graph::create(conn, &creator, new)?;
        tx.check_quota(QuotaItem::Books, 1)?;
        tx.check_creator(&creator)?;
        let mut include = Include::nothing();
        if tags {
            include = include.with::<BookTags>(100, Include::nothing());
        }
        if contributors {
            include = include.with::<BookContributors>(100, Include::nothing());
        }
        if include.is_empty() {
            return Ok(Created(Item::alone(book)));
        }
        Ok(Created(tx.item(book.uid, &Arc::new(include))?))
    })
    .await
}

/// `PATCH /books/{uid}`
pub(crate) async fn patch(
    ctx: Context,
    key: PathKey<Book>,
    body: Body<BookPatch>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let book = editable(tx, key.0)?;
        let patch = body.checked_for(&book)?;
        let (conn, creator) = tx.with_creator()?;
        let book = book_graph::change(conn, &creator, book, patch)?;
        tx.check_creator(&creator)?;
        Ok(Item::alone(book))
    })
    .await
}

/// `DELETE /books/{uid}`
pub(crate) async fn delete(ctx: Context, key: PathKey<Book>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let book = tx.target_to_delete::<Book>(key.0)?;
        check_editable(tx, &book, AuditAction::ContentDeleted)?;
        write::delete::<Book>(tx, book.uid)?;
        Ok(NoContent)
    })
    .await
}

/// `POST /books/{uid}/tags`
pub(crate) async fn add_tags(
    ctx: Context,
    key: PathKey<Book>,
    body: Body<TagNames>,
) -> Result<Rendered, Error> {
    change_tags(ctx, key, body, book_graph::add_tags).await
}

/// `PUT /books/{uid}/tags`
pub(crate) async fn set_tags(
    ctx: Context,
    key: PathKey<Book>,
    body: Body<TagNames>,
) -> Result<Rendered, Error> {
    change_tags(ctx, key, body, book_graph::set_tags).await
}

type ChangeTags =
    fn(&mut Connection, &Creator<'_>, Book, &[TagName]) -> Result<Book, recto_persistence::Error>;

async fn change_tags(
    ctx: Context,
    key: PathKey<Book>,
    body: Body<TagNames>,
    change: ChangeTags,
) -> Result<Rendered, Error> {
    let include = Arc::new(Include::nothing().with::<BookTags>(100, Include::nothing()));
    ctx.write(move |tx| {
        let book = editable(tx, key.0)?;
        let (conn, creator) = tx.with_creator()?;
        let book = change(conn, &creator, book, &body.checked()?.into_names())?;
        tx.check_creator(&creator)?;
        tx.item::<Book>(book.uid, &include)
    })
    .await
}

/// `PUT /books/{uid}/contributors`
pub(crate) async fn set_contributors(
    ctx: Context,
    key: PathKey<Book>,
    body: Body<Contributors>,
) -> Result<Rendered, Error> {
    let include = Arc::new(Include::nothing().with::<BookContributors>(100, Include::nothing()));
    ctx.write(move |tx| {
        let book = editable(tx, key.0)?;
        let (conn, creator) = tx.with_creator()?;
        let book = book_graph::set_contributors(conn, &creator, book, &body.checked()?)?;
        tx.check_creator(&creator)?;
        tx.item::<Book>(book.uid, &include)
    })
    .await
}

/// `PUT /books/{uid}/tags/{tag_uid}`
pub(crate) async fn add_tag(ctx: Context, keys: PathKeys<Book, Tag>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let book = editable(tx, keys.0)?;
        let changed = book_graph::add_tag(tx, book, keys.1)?;
        changed.map(|_| NoContent).ok_or_else(|| Problem::no_such(Tag::INFO).into())
    })
    .await
}

/// `DELETE /books/{uid}/tags/{tag_uid}`
pub(crate) async fn remove_tag(ctx: Context, keys: PathKeys<Book, Tag>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let book = editable(tx, keys.0)?;
        book_graph::remove_tag(tx, book, keys.1)?;
        Ok(NoContent)
    })
    .await
}

/// Returns the book, locked, if the caller may change it.
fn editable(tx: &mut WriteTransaction<'_>, key: BookId) -> Result<Book, Error> {
    let book = tx.target::<Book>(key)?;
    check_editable(tx, &book, AuditAction::ContentChanged)?;
    Ok(book)
}

/// Checks that the caller may change a book. `action` is for the audit log, if the book is not the
/// caller's.
fn check_editable(
    tx: &mut WriteTransaction<'_>,
    book: &Book,
    action: AuditAction,
) -> Result<(), Error> {
    may::edit_book(tx.caller()?, book)?;
    tx.audit_content::<Book>(action, book.uid, book.user_uid);
    Ok(())
}
