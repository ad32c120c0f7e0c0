//! Writing much at once, for importers.
//!
//! What has been imported before is recognised by its origin (books, readers),
//! its name (tags) or its ends (taggings, reviews) and not written again.

use std::collections::HashMap;

use diesel::prelude::*;
use recto_domain::{Author, AuthorId, Book, BookId, Review, Tag, TagId, User, UserId};

use super::author::AuthorRecord;
use super::book::BookRecord;
use super::book_contributor::BookContributorRecord;
use super::book_tag::BookTagRow;
use super::review::ReviewRecord;
use super::tag::TagRecord;
use super::user::UserRecord;
use crate::connection::{Engine, on_engine};
use crate::query::SqlKey as _;
use crate::schema::{authors, book_contributors, book_tags, books, reviews, tags, users};
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// Rows in one statement on PostgreSQL, which binds 65,535 values at the most.
const ROWS_PER_STATEMENT: usize = 4_000;

/// Where an imported row came from, and its key there: `goodbooks:17`.
pub type Origin = String;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<K> {
    /// The key of each row, in the order given. A reader whose name somebody
    /// else has got none.
    pub keys: Vec<Option<K>>,
    /// How many of them are new.
    pub added: usize,
}

impl<K> Written<K> {
    fn all_new(keys: impl Iterator<Item = K>) -> Self {
        let keys: Vec<Option<K>> = keys.map(Some).collect();
        Self { added: keys.len(), keys }
    }
}

/// Inserts records, passing over those that a constraint says are there.
///
/// A statement a row on SQLite, where it stays prepared; as many rows a
/// statement as fit on PostgreSQL, where each costs a trip. (Arrays that
/// PostgreSQL unnests were no faster: its time goes into foreign keys.)
macro_rules! insert_new {
    ($conn:expr, $table:ident, $records:expr) => {
        match &mut $conn.engine {
            Engine::Sqlite(c) => {
                let mut added = 0;
                for record in $records {
                    added += diesel::insert_into($table::table)
                        .values(record)
                        .on_conflict_do_nothing()
                        .execute(c)?;
                }
                added
            }
            Engine::Postgres(c) => {
                let records: Vec<_> = $records.collect();
                let mut added = 0;
                for chunk in records.chunks(ROWS_PER_STATEMENT) {
                    added += diesel::insert_into($table::table)
                        .values(chunk)
                        .on_conflict_do_nothing()
                        .execute(c)?;
                }
                added
            }
        }
    };
}

/// Looks up the keys of rows by a unique text column.
macro_rules! keys_by {
    ($conn:expr, $table:ident, $column:ident, $wanted:expr) => {{
        let wanted: Vec<&str> = $wanted;
        let mut found: HashMap<String, UidValue> = HashMap::with_capacity(wanted.len());
        for chunk in wanted.chunks(ROWS_PER_STATEMENT) {
            found.extend(on_engine!($conn, c => {
                $table::table
                    .filter($table::$column.eq_any(chunk))
                    .select(($table::$column.assume_not_null(), $table::uid))
                    .load::<(String, UidValue)>(c)?
            }));
        }
        found
    }};
}

/// Writes books.
///
/// # Errors
/// A failing database; nothing of the batch is kept then if it ran in a transaction.
pub fn books(conn: &mut Connection, batch: &[(Origin, Book)]) -> Result<Written<BookId>, Error> {
    let records = batch
        .iter()
        .map(|(origin, book)| (BookRecord::from(book), books::origin.eq(origin.as_str())));
    let added = insert_new!(conn, books, records);
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|(_, book)| book.uid)));
    }
    let found =
        keys_by!(conn, books, origin, batch.iter().map(|(origin, _)| origin.as_str()).collect());
    let key = |(origin, _): &(Origin, Book)| {
        found.get(origin).copied().map(|uid| BookId::from_uuid(uid.0))
    };
    Ok(Written { keys: batch.iter().map(key).collect(), added })
}

/// Writes readers: users without an account.
///
/// # Errors
/// A failing database.
pub fn readers(conn: &mut Connection, batch: &[(Origin, User)]) -> Result<Written<UserId>, Error> {
    let records = batch
        .iter()
        .map(|(origin, user)| (UserRecord::from(user), users::origin.eq(origin.as_str())));
    let added = insert_new!(conn, users, records);
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|(_, user)| user.uid)));
    }
    let found =
        keys_by!(conn, users, origin, batch.iter().map(|(origin, _)| origin.as_str()).collect());
    let key = |(origin, _): &(Origin, User)| {
        found.get(origin).copied().map(|uid| UserId::from_uuid(uid.0))
    };
    Ok(Written { keys: batch.iter().map(key).collect(), added })
}

/// Writes tags; of two that differ by case alone the first is written.
///
/// # Errors
/// A failing database.
pub fn tags(conn: &mut Connection, batch: &[Tag]) -> Result<Written<TagId>, Error> {
    let added = insert_new!(conn, tags, batch.iter().map(TagRecord::from));
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|tag| tag.uid)));
    }
    let name_keys: Vec<String> = batch.iter().map(|tag| tag.name.key()).collect();
    let found = keys_by!(conn, tags, name_key, name_keys.iter().map(String::as_str).collect());
    let key = |name_key: &String| found.get(name_key).copied().map(|uid| TagId::from_uuid(uid.0));
    Ok(Written { keys: name_keys.iter().map(key).collect(), added })
}

/// Puts tags on books and tells how many of the links are new.
///
/// # Errors
/// A failing database; a book or a tag that is not there.
pub fn taggings(conn: &mut Connection, batch: &[(BookId, TagId)]) -> Result<usize, Error> {
    let records =
        batch.iter().map(|(book, tag)| BookTagRow { book_id: book.value(), tag_id: tag.value() });
    Ok(insert_new!(conn, book_tags, records))
}

/// Writes authors; of two that differ by case alone the first is written.
///
/// # Errors
/// A failing database.
pub fn authors(conn: &mut Connection, batch: &[Author]) -> Result<Written<AuthorId>, Error> {
    let added = insert_new!(conn, authors, batch.iter().map(AuthorRecord::from));
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|author| author.uid)));
    }
    let name_keys: Vec<String> = batch.iter().map(|author| author.name.key()).collect();
    let found = authors_by_key(conn, name_keys.iter().map(String::as_str).collect())?;
    let keys = name_keys.iter().map(|name_key| found.get(name_key).copied()).collect();
    Ok(Written { keys, added })
}

/// The authors of these names, by the keys of the names.
pub(super) fn authors_by_key(
    conn: &mut Connection,
    name_keys: Vec<&str>,
) -> Result<HashMap<String, AuthorId>, Error> {
    let found = keys_by!(conn, authors, name_key, name_keys);
    Ok(found.into_iter().map(|(key, uid)| (key, AuthorId::from_uuid(uid.0))).collect())
}

/// Writes who contributed to what, and tells how many of the links are new.
pub(super) fn contributions(
    conn: &mut Connection,
    batch: &[BookContributorRecord],
) -> Result<usize, Error> {
    Ok(insert_new!(conn, book_contributors, batch.iter().copied()))
}

/// Writes reviews and tells how many are new: a reader reviews a book once.
///
/// # Errors
/// A failing database; a book or a reader that is not there.
pub fn reviews(conn: &mut Connection, batch: &[Review]) -> Result<usize, Error> {
    Ok(insert_new!(conn, reviews, batch.iter().map(ReviewRecord::from)))
}
