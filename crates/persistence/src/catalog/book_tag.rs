//! The tags of books.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{BookId, Tag, TagId, TagName};
use recto_relations_diesel::Lock;

use super::book::BookRow;
use super::creator::Creator;
use super::tag::{self, TagRow};
use crate::schema::book_tags;
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// The link between a book and a tag.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, Identifiable, Associations)]
#[diesel(belongs_to(BookRow, foreign_key = book_id), belongs_to(TagRow, foreign_key = tag_id))]
// Needed to insert several rows in one statement on SQLite.
#[diesel(table_name = book_tags, primary_key(book_id, tag_id), treat_none_as_default_value = false)]
#[diesel(check_for_backend(Sqlite, Pg))]
pub struct BookTagRow {
    pub(super) book_id: UidValue,
    pub(super) tag_id: UidValue,
}

impl From<BookTagRow> for () {
    fn from(_: BookTagRow) {}
}

/// Adds tags to a book, inserts new tags, and returns whether the book did not have all of them.
/// The book must exist and be locked.
pub fn add(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: BookId,
    names: &[TagName],
) -> Result<bool, Error> {
    let tags = tag::find_or_insert(conn, creator, names)?;
    link(conn, book, tags.iter().map(|tag| tag.uid))
}

/// Sets the tags of a book, inserts new tags, and returns whether the book had others. The book
/// must exist and be locked.
pub fn set(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: BookId,
    names: &[TagName],
) -> Result<bool, Error> {
    let tags = tag::find_or_insert(conn, creator, names)?;
    let keep: Vec<UidValue> = tags.iter().map(|tag| tag.uid.into()).collect();
    let others = book_tags::table
        .filter(book_tags::book_id.eq(UidValue::from(book)))
        .filter(book_tags::tag_id.ne_all(keep));
    let removed = conn.execute(diesel::delete(others))?;
    let added = link(conn, book, tags.iter().map(|tag| tag.uid))?;
    Ok(removed > 0 || added)
}

/// Adds a tag to a book and returns whether the book did not have it; `None` if there is no such
/// tag.
pub fn add_one(conn: &mut Connection, book: BookId, tag: TagId) -> Result<Option<bool>, Error> {
    if conn.lock::<Tag>(tag, Lock::Update)?.is_none() {
        return Ok(None);
    }
    link(conn, book, [tag]).map(Some)
}

/// Removes a tag from a book and returns whether the book had it.
pub fn remove_one(conn: &mut Connection, book: BookId, tag: TagId) -> Result<bool, Error> {
    let link = book_tags::table.find((UidValue::from(book), UidValue::from(tag)));
    Ok(conn.execute(diesel::delete(link))? > 0)
}

/// Adds links and returns whether any of them is new.
fn link(
    conn: &mut Connection,
    book: BookId,
    tags: impl IntoIterator<Item = TagId>,
) -> Result<bool, Error> {
    let link = |tag: TagId| BookTagRow { book_id: book.into(), tag_id: tag.into() };
    let links: Vec<_> = tags.into_iter().map(link).collect();
    if links.is_empty() {
        return Ok(false);
    }
    let insert = diesel::insert_into(book_tags::table).values(links);
    Ok(conn.execute(insert.on_conflict_do_nothing())? > 0)
}
