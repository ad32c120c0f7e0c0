//! Tags, and which books bear them.

use diesel::prelude::*;
use recto_domain::{BookId, Mint, Tag, TagId, TagName};

use super::book_tag::BookTagRow;
use super::relations::EDGES;
use crate::connection::{Engine, lock_row, on_engine};
use crate::query::SqlKey as _;
use crate::relation::{entities, optional, stored};
use crate::row::Reading;
use crate::schema::{book_tags, tags};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = tags, primary_key(uid))]
pub(crate) struct TagRow {
    uid: UidValue,
    name: String,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl TryFrom<TagRow> for Tag {
    type Error = Error;

    fn try_from(row: TagRow) -> Result<Self, Error> {
        let uid = TagId::from_uuid(row.uid.0);
        let reading = Reading { table: "tags", row: &uid };
        Ok(Self {
            name: reading.column("name", row.name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            uid,
        })
    }
}

#[derive(Debug, Insertable, AsChangeset)]
// Several rows fit in one statement on SQLite only where none leaves out a column.
#[diesel(table_name = tags, treat_none_as_default_value = false)]
pub(super) struct TagRecord<'a> {
    uid: UidValue,
    name: &'a str,
    name_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl<'a> From<&'a Tag> for TagRecord<'a> {
    fn from(tag: &'a Tag) -> Self {
        Self {
            uid: tag.uid.value(),
            name: tag.name.as_str(),
            name_key: tag.name.key(),
            created_at: InstantValue(tag.created_at),
            updated_at: InstantValue(tag.updated_at),
        }
    }
}

stored! { Tag, TagRow, tags.uid, edges: EDGES, sorts: ["name" => "name_key"] }

/// Adds a tag.
///
/// # Errors
/// [`TagExists`](recto_domain::Conflict::TagExists).
pub fn insert(conn: &mut Connection, tag: &Tag) -> Result<(), Error> {
    on_engine!(conn, c => {
        diesel::insert_into(tags::table).values(TagRecord::from(tag)).execute(c)?
    });
    Ok(())
}

/// The tag with that key, kept as it is until the transaction ends.
///
/// # Errors
/// A failing database.
pub fn lock(conn: &mut Connection, uid: TagId) -> Result<Option<Tag>, Error> {
    let row = lock_row!(conn, tags, uid.value(), TagRow);
    optional(row)?.map(Tag::try_from).transpose()
}

/// Stores what has changed about a tag.
///
/// # Errors
/// [`TagExists`](recto_domain::Conflict::TagExists).
pub fn update(conn: &mut Connection, tag: &Tag) -> Result<(), Error> {
    let record = TagRecord::from(tag);
    on_engine!(conn, c => {
        diesel::update(tags::table.find(tag.uid.value())).set(&record).execute(c)?
    });
    Ok(())
}

/// Deletes a tag and takes it off its books. Tells whether there was one.
///
/// # Errors
/// A failing database.
pub fn delete(conn: &mut Connection, uid: TagId) -> Result<bool, Error> {
    let deleted = on_engine!(conn, c => {
        diesel::delete(tags::table.find(uid.value())).execute(c)?
    });
    Ok(deleted > 0)
}

/// Puts tags on a book, making those that do not exist. The book must be known
/// to exist, and be locked.
///
/// # Errors
/// A failing database.
pub fn add(
    conn: &mut Connection,
    mint: &dyn Mint,
    book: BookId,
    names: &[TagName],
) -> Result<(), Error> {
    let tags = find_or_insert(conn, mint, names)?;
    connect(conn, book, &tags.iter().map(|tag| tag.uid).collect::<Vec<_>>())
}

/// Makes these the tags of a book, and no others.
///
/// # Errors
/// A failing database.
pub fn set(
    conn: &mut Connection,
    mint: &dyn Mint,
    book: BookId,
    names: &[TagName],
) -> Result<(), Error> {
    let uids: Vec<TagId> =
        find_or_insert(conn, mint, names)?.into_iter().map(|tag| tag.uid).collect();
    let keep: Vec<UidValue> = uids.iter().map(|uid| uid.value()).collect();
    on_engine!(conn, c => {
        let others = book_tags::table
            .filter(book_tags::book_id.eq(book.value()))
            .filter(book_tags::tag_id.ne_all(&keep));
        diesel::delete(others).execute(c)?
    });
    connect(conn, book, &uids)
}

/// Puts one tag on a book. Tells whether there is such a tag.
///
/// # Errors
/// A failing database.
pub fn put(conn: &mut Connection, book: BookId, tag: TagId) -> Result<bool, Error> {
    if lock(conn, tag)?.is_none() {
        return Ok(false);
    }
    connect(conn, book, &[tag])?;
    Ok(true)
}

/// Takes one tag off a book, if it bears it.
///
/// # Errors
/// A failing database.
pub fn take(conn: &mut Connection, book: BookId, tag: TagId) -> Result<(), Error> {
    on_engine!(conn, c => {
        diesel::delete(book_tags::table.find((book.value(), tag.value()))).execute(c)?
    });
    Ok(())
}

/// The tags of these names, each made if it does not exist.
fn find_or_insert(
    conn: &mut Connection,
    mint: &dyn Mint,
    names: &[TagName],
) -> Result<Vec<Tag>, Error> {
    let mut wanted: Vec<(String, &TagName)> = names.iter().map(|name| (name.key(), name)).collect();
    // In one order for everybody, so that two writers cannot block each other.
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    wanted.dedup_by(|a, b| a.0 == b.0);
    let keys: Vec<&str> = wanted.iter().map(|(key, _)| key.as_str()).collect();
    // A tag may be deleted between looking for it and making it, or made by
    // somebody else: what counts is what is there in the end, and locked.
    for _ in 0..FIND_OR_INSERT_ROUNDS {
        let found = by_name_keys(conn, &keys)?;
        if found.len() == keys.len() {
            return Ok(found);
        }
        let missing =
            wanted.iter().filter(|(key, _)| !found.iter().any(|tag| tag.name.key() == *key));
        let new: Vec<Tag> =
            missing.map(|(_, name)| Tag::new(mint.stamp(), (*name).clone())).collect();
        let records: Vec<_> = new.iter().map(TagRecord::from).collect();
        on_engine!(conn, c => {
            diesel::insert_into(tags::table)
                .values(&records)
                .on_conflict(tags::name_key)
                .do_nothing()
                .execute(c)?
        });
    }
    Err(Error::Busy)
}

/// Looking, making and looking again, and once more for whoever got in between.
const FIND_OR_INSERT_ROUNDS: usize = 4;

/// The tags that there are, which nobody deletes before the transaction ends.
fn by_name_keys(conn: &mut Connection, keys: &[&str]) -> Result<Vec<Tag>, Error> {
    let query = tags::table.filter(tags::name_key.eq_any(keys)).order_by(tags::name_key);
    entities(match &mut conn.engine {
        Engine::Sqlite(c) => query.select(TagRow::as_select()).load::<TagRow>(c)?,
        Engine::Postgres(c) => {
            query.select(TagRow::as_select()).for_key_share().load::<TagRow>(c)?
        }
    })
}

fn connect(conn: &mut Connection, book: BookId, tags: &[TagId]) -> Result<(), Error> {
    if tags.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        tags.iter().map(|tag| BookTagRow { book_id: book.value(), tag_id: tag.value() }).collect();
    on_engine!(conn, c => {
        diesel::insert_into(book_tags::table).values(&rows).on_conflict_do_nothing().execute(c)?
    });
    Ok(())
}
