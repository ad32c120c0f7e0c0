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

/// Adds tags to a book and inserts new tags. The book must exist and be locked.
pub fn add(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: BookId,
    names: &[TagName],
) -> Result<(), Error> {
    let tags = tag::find_or_insert(conn, creator, names)?;
    link(conn, book, tags.iter().map(|tag| tag.uid))
}

/// Sets the tags of a book and inserts new tags. The book must exist and be locked.
pub fn set(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: BookId,
    names: &[TagName],
) -> Result<(), Error> {
    let tags = tag::find_or_insert(conn, creator, names)?;
    let keep: Vec<UidValue> = tags.iter().map(|tag| tag.uid.into()).collect();
    let others = book_tags::table
        .filter(book_tags::book_id.eq(UidValue::from(book)))
        .filter(book_tags::tag_id.ne_all(keep));
    conn.execute(diesel::delete(others))?;
    link(conn, book, tags.iter().map(|tag| tag.uid))
}

/// Adds a tag to a book and returns whether the tag exists.
pub fn add_one(conn: &mut Connection, book: BookId, tag: TagId) -> Result<bool, Error> {
    if conn.lock::<Tag>(tag, Lock::Update)?.is_none() {
        return Ok(false);
    }
    link(conn, book, [tag])?;
    Ok(true)
}

/// Removes a tag from a book, if the book has it.
pub fn remove_one(conn: &mut Connection, book: BookId, tag: TagId) -> Result<(), Error> {
    let link = book_tags::table.find((UidValue::from(book), UidValue::from(tag)));
    conn.execute(diesel::delete(link))?;
    Ok(())
}

fn link(
    conn: &mut Connection,
    book: BookId,
    tags: impl IntoIterator<Item = TagId>,
) -> Result<(), Error> {
    let link = |tag: TagId| BookTagRow { book_id: book.into(), tag_id: tag.into() };
    let links: Vec<_> = tags.into_iter().map(link).collect();
    if !links.is_empty() {
        let insert = diesel::insert_into(book_tags::table).values(links);
        conn.execute(insert.on_conflict_do_nothing())?;
    }
    Ok(())
}
