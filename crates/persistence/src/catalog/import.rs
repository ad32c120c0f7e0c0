//! Writing much at once, for importers.
//!
//! What was imported before is recognised by its origin (books, readers), its name (tags) or its
//! ends (taggings, reviews), and not written again.

use diesel::prelude::*;
use recto_domain::{Book, BookId, IdGenerator, Review, Tag, TagId, User, UserId};

use super::author;
use super::book::BookRecord;
use super::book_tag::BookTagRow;
pub use super::insert::Written;
use super::insert::{insert_new, keys_by_text};
use super::review::ReviewRecord;
use super::tag::TagRecord;
use super::user::UserRecord;
use crate::schema::{book_tags, books, reviews, tags, users};
use crate::{Connection, Error};

/// The source of an imported row, and its key there: `goodbooks:17`.
pub type Origin = String;

/// Inserts books. The contributors of those that are new are those that their `author` names.
///
/// # Errors
/// A failing database; nothing of the batch is stored then if it ran in a transaction.
pub fn books(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    batch: &[(Origin, Book)],
) -> Result<Written<BookId>, Error> {
    let written = insert_books(conn, batch)?;
    let new = batch.iter().zip(&written.keys).filter(|((_, book), key)| **key == Some(book.uid));
    author::follow_new_credit_lines(conn, ids, new.map(|((_, book), _)| book))?;
    Ok(written)
}

fn insert_books(conn: &mut Connection, batch: &[(Origin, Book)]) -> Result<Written<BookId>, Error> {
    let added = insert_new(
        conn,
        batch
            .iter()
            .map(|(origin, book)| (BookRecord::from(book), books::origin.eq(origin.as_str()))),
        |record| diesel::insert_into(books::table).values(record).on_conflict_do_nothing(),
        |records| diesel::insert_into(books::table).values(records).on_conflict_do_nothing(),
    )?;
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|(_, book)| book.uid)));
    }
    let origins: Vec<&str> = batch.iter().map(|(origin, _)| origin.as_str()).collect();
    let found = keys_by_text(conn, &origins, |origins| {
        let of_origin = books::table.filter(books::origin.eq_any(origins));
        of_origin.select((books::origin.assume_not_null(), books::uid))
    })?;
    let key = |origin: &&str| found.get(*origin).copied().map(BookId::from);
    Ok(Written { keys: origins.iter().map(key).collect(), added })
}

/// Writes readers: users without an account.
///
/// # Errors
/// A failing database.
pub fn readers(conn: &mut Connection, batch: &[(Origin, User)]) -> Result<Written<UserId>, Error> {
    let added = insert_new(
        conn,
        batch
            .iter()
            .map(|(origin, user)| (UserRecord::from(user), users::origin.eq(origin.as_str()))),
        |record| diesel::insert_into(users::table).values(record).on_conflict_do_nothing(),
        |records| diesel::insert_into(users::table).values(records).on_conflict_do_nothing(),
    )?;
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|(_, user)| user.uid)));
    }
    let origins: Vec<&str> = batch.iter().map(|(origin, _)| origin.as_str()).collect();
    let found = keys_by_text(conn, &origins, |origins| {
        let of_origin = users::table.filter(users::origin.eq_any(origins));
        of_origin.select((users::origin.assume_not_null(), users::uid))
    })?;
    let key = |origin: &&str| found.get(*origin).copied().map(UserId::from);
    Ok(Written { keys: origins.iter().map(key).collect(), added })
}

/// Writes tags; of two that differ by case alone the first is written.
///
/// # Errors
/// A failing database.
pub fn tags(conn: &mut Connection, batch: &[Tag]) -> Result<Written<TagId>, Error> {
    let added = insert_new(
        conn,
        batch.iter().map(TagRecord::from),
        |record| diesel::insert_into(tags::table).values(record).on_conflict_do_nothing(),
        |records| diesel::insert_into(tags::table).values(records).on_conflict_do_nothing(),
    )?;
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|tag| tag.uid)));
    }
    let name_keys: Vec<String> = batch.iter().map(|tag| tag.name.key()).collect();
    let wanted: Vec<&str> = name_keys.iter().map(String::as_str).collect();
    let found = keys_by_text(conn, &wanted, |wanted| {
        tags::table.filter(tags::name_key.eq_any(wanted)).select((tags::name_key, tags::uid))
    })?;
    let key = |name_key: &String| found.get(name_key).copied().map(TagId::from);
    Ok(Written { keys: name_keys.iter().map(key).collect(), added })
}

/// Adds tags to books, and returns how many of the links are new.
///
/// # Errors
/// A failing database; a book or a tag that does not exist.
pub fn taggings(conn: &mut Connection, batch: &[(BookId, TagId)]) -> Result<usize, Error> {
    insert_new(
        conn,
        batch
            .iter()
            .map(|(book, tag)| BookTagRow { book_id: (*book).into(), tag_id: (*tag).into() }),
        |link| diesel::insert_into(book_tags::table).values(link).on_conflict_do_nothing(),
        |links| diesel::insert_into(book_tags::table).values(links).on_conflict_do_nothing(),
    )
}

/// Writes reviews, and returns how many are new: a reader reviews a book once.
///
/// # Errors
/// A failing database; a book or a reader that does not exist.
pub fn reviews(conn: &mut Connection, batch: &[Review]) -> Result<usize, Error> {
    insert_new(
        conn,
        batch.iter().map(ReviewRecord::from),
        |record| diesel::insert_into(reviews::table).values(record).on_conflict_do_nothing(),
        |records| diesel::insert_into(reviews::table).values(records).on_conflict_do_nothing(),
    )
}
