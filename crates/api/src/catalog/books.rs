//! Writing books, their tags and whom they credit.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use recto_domain::{
    Account, Book, BookContributors, BookPatch, BookTags, Contributors, NewBookGraph, Role, Tag,
    TagNames,
};
use recto_persistence::catalog::{author, book_tag};
use recto_persistence::{Connection, Lock, write};
use recto_relations::{Entities, Entity as _, Include, Relation};

use crate::extract::{Body, Caller, Keys2, NoQuery, PathKey, no_such};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// `POST /books`
pub(crate) async fn create(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<NewBookGraph>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let (level, include) = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let NewBookGraph { book, tags, contributors } = body.checked()?;
            let mut shown = Vec::new();
            let book = conn.insert(Book::new(ids.new_id(), book, Some(account.user_uid)))?;
            if contributors.is_some() {
                shown.push(BookContributors::INFO.name);
            }
            let contributors = contributors.unwrap_or_else(|| Contributors::of_line(&book.author));
            author::credit_new(conn, &*ids, &[(book.uid, &contributors)])?;
            if let Some(tags) = tags {
                book_tag::add(conn, &*ids, book.uid, &tags.into_names())?;
                shown.push(BookTags::INFO.name);
            }
            if shown.is_empty() {
                return Ok::<_, Problem>((Entities::new(vec![book]), Include::nothing()));
            }
            let include = including(&shown)?;
            Ok((loaded(conn, &book, &include)?, include))
        })
        .await?;
    present::item(StatusCode::CREATED, &level, &include)
}

/// `PATCH /books/{uid}`
pub(crate) async fn patch(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<BookPatch>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let book = state
        .database
        .write(move |conn| {
            let book = own(conn, &caller, &key)?;
            let credited = book.author.clone();
            let book = write::change(conn, book, body.checked()?, ids.now())?;
            if book.author != credited {
                let contributors = Contributors::of_line(&book.author);
                author::credit(conn, &*ids, book.uid, &contributors)?;
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
            let book = own(conn, &caller, &key)?;
            conn.delete::<Book>(book.uid)?;
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
    change_tags(state, caller, key, body, book_tag::add).await
}

/// `PUT /books/{uid}/tags`
pub(crate) async fn set_tags(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<TagNames>,
) -> Result<HttpResponse, Problem> {
    change_tags(state, caller, key, body, book_tag::set).await
}

type ChangeTags = fn(
    &mut Connection,
    &dyn recto_domain::IdGenerator,
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
    let ids = state.ids.clone();
    let include = including(&[BookTags::INFO.name])?;
    let (level, include) = state
        .database
        .write(move |conn| {
            let book = own(conn, &caller, &key)?;
            change(conn, &*ids, book.uid, &body.checked()?.into_names())?;
            Ok::<_, Problem>((loaded(conn, &book, &include)?, include.clone()))
        })
        .await?;
    present::item(StatusCode::OK, &level, &include)
}

/// `PUT /books/{uid}/contributors`
pub(crate) async fn set_contributors(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<Contributors>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let include = including(&[BookContributors::INFO.name])?;
    let (level, include) = state
        .database
        .write(move |conn| {
            let mut book = own(conn, &caller, &key)?;
            let contributors = body.checked()?;
            author::credit(conn, &*ids, book.uid, &contributors)?;
            if book.credit(contributors.line().clone(), ids.now()) {
                conn.update(&book)?;
            }
            Ok::<_, Problem>((loaded(conn, &book, &include)?, include.clone()))
        })
        .await?;
    present::item(StatusCode::OK, &level, &include)
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
            let book = own(conn, &caller, &PathKey(keys.0))?;
            let there = book_tag::put(conn, book.uid, keys.1)?;
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
            let book = own(conn, &caller, &PathKey(keys.0))?;
            book_tag::take(conn, book.uid, keys.1)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(present::no_content())
}

/// A book with these relations, as much of each as a page can have.
fn including(relations: &[&str]) -> Result<Include, Problem> {
    let paths: Vec<String> = relations.iter().map(|name| format!("{name}(limit:100)")).collect();
    Include::parse(Book::INFO, &paths.join(","))
        .map_err(|error| Problem::new(crate::ProblemType::Internal, error.to_string()))
}

/// The book as it has been written, with the relations asked for.
fn loaded(
    conn: &mut Connection,
    book: &Book,
    include: &Include,
) -> Result<Entities<Book>, Problem> {
    conn.find::<Book>(book.uid, include)?.ok_or_else(|| no_such(Book::INFO))
}

/// The book, if the caller keeps it or administers.
fn own(conn: &mut Connection, caller: &Caller, key: &PathKey<Book>) -> Result<Book, Problem> {
    let account = caller.verified(conn)?;
    let book = conn.lock::<Book>(key.0, Lock::Update)?.ok_or_else(|| no_such(Book::INFO))?;
    if may_change(&account, &book) {
        Ok(book)
    } else {
        Err(Problem::forbidden("only its owner or an administrator may change a book"))
    }
}

fn may_change(account: &Account, book: &Book) -> bool {
    account.role == Role::Admin || book.user_uid == Some(account.user_uid)
}
