//! Tags.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{Conflict, Tag, TagId, TagName, UserId};
use recto_relations_diesel::{
    Conditions, Lock, Locked, Selected as _, SortColumn, Stored, Writable,
};

use super::creator::Creator;
use crate::row::RowContext;
use crate::schema::tags;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, DatabaseFailure, Error, Recto, Rules};

/// A row of `tags`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = tags, primary_key(uid), check_for_backend(Sqlite, Pg))]
pub struct TagRow {
    uid: UidValue,
    name: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<TagRow> for Tag {
    type Error = Error;

    fn try_from(row: TagRow) -> Result<Self, Error> {
        let uid = TagId::from(row.uid);
        let context = RowContext { table: "tags", row: &uid };
        Ok(Self {
            name: context.column("name", row.name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
            uid,
        })
    }
}

/// The written columns of a tag.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = tags,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct TagRecord<'a> {
    uid: UidValue,
    name: &'a str,
    name_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Tag> for TagRecord<'a> {
    fn from(tag: &'a Tag) -> Self {
        Self {
            uid: tag.uid.into(),
            name: tag.name.as_str(),
            name_key: tag.name.key(),
            created_at: InstantValue(tag.created_at),
            updated_at: InstantValue(tag.updated_at),
            version: tag.version.into(),
        }
    }
}

impl Stored<Recto> for Tag {
    type Row = TagRow;
    type Filter = Option<TagName>;
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &tags::name_key)];

    fn apply_filter(name: &Option<TagName>, conditions: &mut Conditions<tags::table>) {
        if let Some(name) = name {
            conditions.add(tags::name_key.eq(name.key()));
        }
    }
}

impl Writable<Recto> for Tag {
    type Record<'a> = TagRecord<'a>;
}

impl Rules for Tag {
    type References = ();

    fn check_change(&self, conn: &mut Connection) -> Result<(), Error> {
        match with_name(conn, &self.name)? {
            Some(other) if other != self.uid => Err(Conflict::TagExists(other).into()),
            _ => Ok(()),
        }
    }
}

/// Inserts a tag that a user creates.
///
/// # Errors
/// [`TagExists`](Conflict::TagExists) or a database error.
pub fn create(conn: &mut Connection, tag: Tag, creator: &Creator<'_>) -> Result<Tag, Error> {
    let record = (TagRecord::from(&tag), tags::creator_uid.eq(creator.user.map(UidValue::from)));
    let insert = diesel::insert_into(tags::table).values(record);
    // An error of the insert would end a transaction on PostgreSQL before the lookup.
    if conn.execute(insert.on_conflict(tags::name_key).do_nothing())? == 0 {
        // If it has been deleted meanwhile, the work runs again.
        let existing = with_name(conn, &tag.name)?.ok_or(DatabaseFailure::Contended)?;
        return Err(Conflict::TagExists(existing).into());
    }
    creator.add_tags(1);
    Ok(tag)
}

/// Returns the key of the tag with this name.
fn with_name(conn: &mut Connection, name: &TagName) -> Result<Option<TagId>, Error> {
    let found = tags::table.filter(tags::name_key.eq(name.key())).select(tags::uid);
    Ok(conn.first::<UidValue>(found)?.map(TagId::from))
}

/// Returns the user who created a tag; `None` if unknown.
pub fn creator(conn: &mut Connection, tag: TagId) -> Result<Option<UserId>, Error> {
    let found: Option<Option<UidValue>> =
        conn.first(tags::table.find(UidValue::from(tag)).select(tags::creator_uid))?;
    Ok(found.flatten().map(UserId::from))
}

/// Returns the tags with these names, after inserting the missing ones.
pub(super) fn find_or_insert(
    conn: &mut Connection,
    creator: &Creator<'_>,
    names: &[TagName],
) -> Result<Vec<Tag>, Error> {
    let mut wanted: Vec<(String, &TagName)> = names.iter().map(|name| (name.key(), name)).collect();
    // A fixed order prevents deadlocks between writers.
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    wanted.dedup_by(|a, b| a.0 == b.0);
    let keys: Vec<&str> = wanted.iter().map(|(key, _)| key.as_str()).collect();
    // Other transactions may insert or delete tags in between, so only tags that are found and
    // locked count.
    for _ in 0..FIND_OR_INSERT_ROUNDS {
        let found = by_name_keys(conn, &keys)?;
        if found.len() == keys.len() {
            return Ok(found);
        }
        let missing =
            wanted.iter().filter(|(key, _)| !found.iter().any(|tag| tag.name.key() == *key));
        let new: Vec<Tag> =
            missing.map(|(_, name)| Tag::new(creator.ids.new_id(), (*name).clone())).collect();
        let user = creator.user.map(UidValue::from);
        let records: Vec<_> =
            new.iter().map(|tag| (TagRecord::from(tag), tags::creator_uid.eq(user))).collect();
        let insert = diesel::insert_into(tags::table).values(records);
        creator.add_tags(conn.execute(insert.on_conflict(tags::name_key).do_nothing())?);
    }
    Err(DatabaseFailure::Contended.into())
}

/// The maximum number of lookups. Without concurrent writers two suffice.
const FIND_OR_INSERT_ROUNDS: usize = 4;

/// Returns the tags with these name keys, locked against deletion.
fn by_name_keys(conn: &mut Connection, keys: &[&str]) -> Result<Vec<Tag>, Error> {
    let query = tags::table
        .filter(tags::name_key.eq_any(keys))
        .order_by(tags::name_key)
        .select(TagRow::selection());
    let rows: Vec<TagRow> = conn.load(Locked::new(query, Lock::KeyShare))?;
    rows.into_iter().map(Tag::try_from).collect()
}
