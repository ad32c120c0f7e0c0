//! Writing books and their tags.

use actix_web::HttpResponse;
use recto_domain::relation::{Entity as _, Include};
use recto_domain::{Account, Book, BookPatch, BookTags, NewBook, Role, Tag, TagNames};
use recto_persistence::catalog::{book, tag};
use recto_persistence::{Connection, find};

use crate::extract::{Body, Caller, Keys2, NoQuery, PathKey, no_such};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// `POST /books`
pub(crate) async fn create(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<NewBook>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let book = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let book = Book::new(mint.stamp(), body.checked()?, Some(account.user_uid));
            book::insert(conn, &book)?;
            Ok::<_, Problem>(book)
        })
        .await?;
    present::created(book)
}

/// `PATCH /books/{uid}`
pub(crate) async fn patch(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<BookPatch>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let book = state
        .database
        .write(move |conn| {
            let mut book = own(conn, caller, &key)?;
            if book.apply(body.checked()?, mint.now()) {
                book::update(conn, &book)?;
            }
            Ok::<_, Problem>(book)
        })
        .await?;
    present::entity(book)
}

/// `DELETE /books/{uid}`
pub(crate) async fn delete(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            let book = own(conn, caller, &key)?;
            book::delete(conn, book.uid)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(present::no_content())
}

/// `POST /books/{uid}/tags`
pub(crate) async fn add_tags(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<TagNames>,
) -> Result<HttpResponse, Problem> {
    change_tags(state, caller, key, body, tag::add).await
}

/// `PUT /books/{uid}/tags`
pub(crate) async fn set_tags(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<TagNames>,
) -> Result<HttpResponse, Problem> {
    change_tags(state, caller, key, body, tag::set).await
}

type ChangeTags = fn(
    &mut Connection,
    &dyn recto_domain::Mint,
    recto_domain::BookId,
    &[recto_domain::TagName],
) -> Result<(), recto_persistence::Error>;

async fn change_tags(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    body: Body<TagNames>,
    change: ChangeTags,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let include = with_tags()?;
    let (level, include) = state
        .database
        .write(move |conn| {
            let book = own(conn, caller, &key)?;
            change(conn, &*mint, book.uid, &body.checked()?.into_names())?;
            let level = find::<Book>(conn, book.uid, &include)?;
            Ok::<_, Problem>((level.ok_or_else(|| no_such(Book::INFO))?, include.clone()))
        })
        .await?;
    present::item(actix_web::http::StatusCode::OK, &level, &include)
}

/// `PUT /books/{uid}/tags/{tag_uid}`
pub(crate) async fn put_tag(
    state: Shared,
    caller: Caller,
    keys: Keys2<Book, Tag>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            let book = own(conn, caller, &PathKey(keys.0))?;
            let there = tag::put(conn, book.uid, keys.1)?;
            there.then_some(()).ok_or_else(|| no_such(Tag::INFO))
        })
        .await?;
    Ok(present::no_content())
}

/// `DELETE /books/{uid}/tags/{tag_uid}`
pub(crate) async fn take_tag(
    state: Shared,
    caller: Caller,
    keys: Keys2<Book, Tag>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            let book = own(conn, caller, &PathKey(keys.0))?;
            tag::take(conn, book.uid, keys.1)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(present::no_content())
}

/// The book with its tags, as many as a page can have.
fn with_tags() -> Result<Include, Problem> {
    let paths = format!("{}(limit:100)", <BookTags as recto_domain::relation::Relation>::INFO.name);
    Include::parse(Book::INFO, &paths)
        .map_err(|error| Problem::new(crate::Kind::Internal, error.to_string()))
}

/// The book, if the caller keeps it or administers.
fn own(conn: &mut Connection, caller: Caller, key: &PathKey<Book>) -> Result<Book, Problem> {
    let account = caller.verified(conn)?;
    let book = book::lock(conn, key.0)?.ok_or_else(|| no_such(Book::INFO))?;
    if may_change(&account, &book) {
        Ok(book)
    } else {
        Err(Problem::forbidden("only its owner or an administrator may change a book"))
    }
}

fn may_change(account: &Account, book: &Book) -> bool {
    account.role == Role::Admin || book.user_uid == Some(account.user_uid)
}
