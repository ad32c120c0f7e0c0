//! Bulk inserts for importers.
//!
//! Existing rows are recognized by their origin (books, readers), name (tags) or pair of keys
//! (taggings, reviews) and not inserted again.

use std::collections::HashSet;

use diesel::prelude::*;
use recto_domain::{Book, BookId, IdGenerator, Review, Tag, TagId, User, UserId};

use super::author;
use super::book::BookRecord;
use super::book_tag::BookTagRow;
use super::creator::Creator;
pub use super::insert::Written;
use super::insert::{ROWS_PER_STATEMENT, insert_new, keys_by_text};
use super::review::ReviewRecord;
use super::tag::TagRecord;
use super::user::UserRecord;
use crate::schema::{book_tags, books, reviews, tags, users};
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// The source of an imported row and its key there: `goodbooks:17`.
pub type Origin = String;

/// Inserts books. The contributors of new ones are the names in their `author`.
///
/// # Errors
/// A database error; the caller's transaction must be rolled back then.
pub fn books(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    batch: &[(Origin, Book)],
) -> Result<Written<BookId>, Error> {
    let written = insert_books(conn, batch)?;
    let new = batch.iter().zip(&written.keys).filter(|((_, book), key)| **key == Some(book.uid));
    author::add_from_credit_lines(conn, &Creator::nobody(ids), new.map(|((_, book), _)| book))?;
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

/// Inserts readers: users without an account.
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

/// Inserts tags. Of names that differ only in case, the first is inserted.
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

/// Adds tags to books, increments the versions of the books that did not have them, and returns the
/// number of new links.
///
/// # Errors
/// A database error, such as a book or a tag that does not exist.
pub fn taggings(conn: &mut Connection, batch: &[(BookId, TagId)]) -> Result<usize, Error> {
    let new = missing_links(conn, batch)?;
    let mut books: Vec<UidValue> = new.iter().map(|link| link.book_id).collect();
    books.dedup();
    for chunk in books.chunks(ROWS_PER_STATEMENT) {
        let tagged = books::table.filter(books::uid.eq_any(chunk));
        conn.execute(diesel::update(tagged).set(books::version.eq(books::version + 1)))?;
    }
    insert_new(
        conn,
        new,
        |link| diesel::insert_into(book_tags::table).values(link).on_conflict_do_nothing(),
        |links| diesel::insert_into(book_tags::table).values(links).on_conflict_do_nothing(),
    )
}

/// Returns the links that are not stored, sorted by book.
fn missing_links(
    conn: &mut Connection,
    batch: &[(BookId, TagId)],
) -> Result<Vec<BookTagRow>, Error> {
    let mut links: Vec<(UidValue, UidValue)> =
        batch.iter().map(|(book, tag)| ((*book).into(), (*tag).into())).collect();
    links.sort_unstable();
    links.dedup();
    let mut books: Vec<UidValue> = links.iter().map(|(book, _)| *book).collect();
    books.dedup();
    let mut stored = HashSet::new();
    for chunk in books.chunks(ROWS_PER_STATEMENT) {
        let of_books = book_tags::table.filter(book_tags::book_id.eq_any(chunk));
        let columns = (book_tags::book_id, book_tags::tag_id);
        let found: Vec<(UidValue, UidValue)> = conn.load(of_books.select(columns))?;
        stored.extend(found);
    }
    let missing = links.into_iter().filter(|link| !stored.contains(link));
    Ok(missing.map(|(book_id, tag_id)| BookTagRow { book_id, tag_id }).collect())
}

/// Inserts reviews and returns the number of new ones. A reader can review a book once.
///
/// # Errors
/// A database error, such as a book or a reader that does not exist.
pub fn reviews(conn: &mut Connection, batch: &[Review]) -> Result<usize, Error> {
    insert_new(
        conn,
        batch.iter().map(ReviewRecord::from),
        |record| diesel::insert_into(reviews::table).values(record).on_conflict_do_nothing(),
        |records| diesel::insert_into(reviews::table).values(records).on_conflict_do_nothing(),
    )
}
