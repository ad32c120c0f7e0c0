//! Authors and the contributors of books.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{
    Author, AuthorBooks, AuthorId, AuthorName, Book, BookId, Conflict, Contributors, UserId,
};
use recto_relations::Relation as _;
use recto_relations_diesel::{Conditions, SortColumn, Stored, Writable};

use super::creator::Creator;
use super::insert::{Written, insert_new, keys_by_text};
use crate::row::RowContext;
use crate::schema::{authors, book_contributors};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error, Recto, Rules};

/// A row of `authors`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = authors, primary_key(uid), check_for_backend(Sqlite, Pg))]
pub struct AuthorRow {
    uid: UidValue,
    name: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<AuthorRow> for Author {
    type Error = Error;

    fn try_from(row: AuthorRow) -> Result<Self, Error> {
        let uid = AuthorId::from(row.uid);
        let context = RowContext { table: "authors", row: &uid };
        Ok(Self {
            name: context.column("name", row.name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
            uid,
        })
    }
}

/// The written columns of an author.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(
    table_name = authors,
    treat_none_as_null = true,
    // Needed to insert several rows in one statement on SQLite.
    treat_none_as_default_value = false
)]
pub struct AuthorRecord<'a> {
    uid: UidValue,
    name: &'a str,
    name_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Author> for AuthorRecord<'a> {
    fn from(author: &'a Author) -> Self {
        Self {
            uid: author.uid.into(),
            name: author.name.as_str(),
            name_key: author.name.key(),
            created_at: InstantValue(author.created_at),
            updated_at: InstantValue(author.updated_at),
            version: author.version.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = book_contributors, treat_none_as_default_value = false)]
struct BookContributorRecord {
    book_id: UidValue,
    author_id: UidValue,
    position: i32,
    role: &'static str,
}

impl Stored<Recto> for Author {
    type Row = AuthorRow;
    type Filter = Option<AuthorName>;
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &authors::name_key)];

    fn apply_filter(name: &Option<AuthorName>, conditions: &mut Conditions<authors::table>) {
        if let Some(name) = name {
            conditions.add(authors::name_key.eq(name.key()));
        }
    }
}

impl Writable<Recto> for Author {
    type Record<'a> = AuthorRecord<'a>;
}

impl Rules for Author {
    type References = ();

    fn check_change(&self, conn: &mut Connection) -> Result<(), Error> {
        let key = self.name.key();
        match by_name_keys(conn, &[&key])?.into_values().next() {
            Some(other) if other != self.uid => Err(Conflict::AuthorExists(other).into()),
            _ => Ok(()),
        }
    }

    /// Refuses an author whom a book credits: the credit line would name somebody who is missing
    /// among the contributors.
    fn before_delete(conn: &mut Connection, author: AuthorId) -> Result<(), Error> {
        let credits = book_contributors::table
            .filter(book_contributors::author_id.eq(UidValue::from(author)))
            .select(count_star());
        match conn.first::<i64>(credits)?.unwrap_or_default() {
            0 => Ok(()),
            count => {
                let (relation, count) = (AuthorBooks::INFO.name, count.unsigned_abs());
                Err(Conflict::StillReferenced { relation, count }.into())
            }
        }
    }
}

/// Returns the contributors of a book in order: key, and role.
pub(super) fn contributors(
    conn: &mut Connection,
    book: BookId,
) -> Result<Vec<(UidValue, String)>, Error> {
    conn.load(
        book_contributors::table
            .filter(book_contributors::book_id.eq(UidValue::from(book)))
            .order_by(book_contributors::position)
            .select((book_contributors::author_id, book_contributors::role)),
    )
}

/// Sets the contributors of a book, in order, and inserts new authors. Authors that no book credits
/// any more remain. The book must exist and be locked.
pub fn set_contributors(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: BookId,
    contributors: &Contributors,
) -> Result<(), Error> {
    set_all(conn, creator, &[(book, contributors)])
}

/// Sets the contributors of books to the names in their `author`.
pub fn set_from_credit_lines(
    conn: &mut Connection,
    creator: &Creator<'_>,
    books: &[Book],
) -> Result<(), Error> {
    let named = named_by_credit_lines(books);
    set_all(conn, creator, &named.iter().map(|(book, named)| (*book, named)).collect::<Vec<_>>())
}

/// As [`set_from_credit_lines`], for books without contributors.
pub fn add_from_credit_lines<'b>(
    conn: &mut Connection,
    creator: &Creator<'_>,
    books: impl IntoIterator<Item = &'b Book>,
) -> Result<(), Error> {
    let named = named_by_credit_lines(books);
    let named: Vec<_> = named.iter().map(|(book, named)| (*book, named)).collect();
    add_contributors(conn, creator, &named).map(|_| ())
}

fn named_by_credit_lines<'b>(
    books: impl IntoIterator<Item = &'b Book>,
) -> Vec<(BookId, Contributors)> {
    books.into_iter().map(|book| (book.uid, Contributors::of_line(&book.author))).collect()
}

fn set_all(
    conn: &mut Connection,
    creator: &Creator<'_>,
    books: &[(BookId, &Contributors)],
) -> Result<(), Error> {
    if books.is_empty() {
        return Ok(());
    }
    let keys: Vec<UidValue> = books.iter().map(|(book, _)| (*book).into()).collect();
    let former = book_contributors::table.filter(book_contributors::book_id.eq_any(keys));
    conn.execute(diesel::delete(former))?;
    add_contributors(conn, creator, books).map(|_| ())
}

/// Adds contributors to books that have none, and returns the numbers of new authors and of new
/// links.
///
/// # Errors
/// A database error, such as a book that does not exist.
pub fn add_contributors(
    conn: &mut Connection,
    creator: &Creator<'_>,
    books: &[(BookId, &Contributors)],
) -> Result<(usize, usize), Error> {
    let credited = || {
        books.iter().flat_map(|(book, contributors)| {
            (1..).zip(contributors.as_slice()).map(|(position, one)| (*book, position, one))
        })
    };
    let mut wanted: HashMap<String, &AuthorName> = HashMap::new();
    for (_, _, one) in credited() {
        wanted.entry(one.name.key()).or_insert(&one.name);
    }
    let (authors, added) = find_or_insert(conn, creator, wanted)?;
    let links = credited().filter_map(|(book, position, one)| {
        Some(BookContributorRecord {
            book_id: book.into(),
            author_id: (*authors.get(&one.name.key())?).into(),
            position,
            role: one.role.unwrap_or_default().as_str(),
        })
    });
    let links = insert_new(
        conn,
        links,
        |link| diesel::insert_into(book_contributors::table).values(link).on_conflict_do_nothing(),
        |links| {
            diesel::insert_into(book_contributors::table).values(links).on_conflict_do_nothing()
        },
    )?;
    Ok((added, links))
}

/// Returns the ids of authors by name key, after inserting the missing ones, and the number of new
/// authors.
fn find_or_insert(
    conn: &mut Connection,
    creator: &Creator<'_>,
    wanted: HashMap<String, &AuthorName>,
) -> Result<(HashMap<String, AuthorId>, usize), Error> {
    let mut wanted: Vec<(String, &AuthorName)> = wanted.into_iter().collect();
    // A fixed order prevents deadlocks between writers.
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let keys: Vec<&str> = wanted.iter().map(|(key, _)| key.as_str()).collect();
    let mut authors = by_name_keys(conn, &keys)?;
    let missing: Vec<Author> = wanted
        .iter()
        .filter(|(key, _)| !authors.contains_key(key))
        .map(|(_, name)| Author::new(creator.ids.new_id(), (*name).clone()))
        .collect();
    let inserted = insert_all(conn, &missing, creator.user)?;
    creator.add_authors(inserted.added);
    let keys = missing.iter().map(|author| author.name.key());
    authors.extend(keys.zip(&inserted.keys).filter_map(|(key, author)| Some((key, (*author)?))));
    Ok((authors, inserted.added))
}

/// Inserts authors. Of names that differ only in case, the first is inserted.
pub fn insert_all(
    conn: &mut Connection,
    batch: &[Author],
    creator: Option<UserId>,
) -> Result<Written<AuthorId>, Error> {
    let creator = authors::creator_uid.eq(creator.map(UidValue::from));
    let added = insert_new(
        conn,
        batch.iter().map(|author| (AuthorRecord::from(author), creator)),
        |record| diesel::insert_into(authors::table).values(record).on_conflict_do_nothing(),
        |records| diesel::insert_into(authors::table).values(records).on_conflict_do_nothing(),
    )?;
    if added == batch.len() {
        return Ok(Written::all_new(batch.iter().map(|author| author.uid)));
    }
    let name_keys: Vec<String> = batch.iter().map(|author| author.name.key()).collect();
    let wanted: Vec<&str> = name_keys.iter().map(String::as_str).collect();
    let found = by_name_keys(conn, &wanted)?;
    Ok(Written { keys: name_keys.iter().map(|key| found.get(key).copied()).collect(), added })
}

fn by_name_keys(
    conn: &mut Connection,
    wanted: &[&str],
) -> Result<HashMap<String, AuthorId>, Error> {
    let found = keys_by_text(conn, wanted, |wanted| {
        let named = authors::table.filter(authors::name_key.eq_any(wanted));
        named.select((authors::name_key, authors::uid))
    })?;
    Ok(found.into_iter().map(|(key, uid)| (key, AuthorId::from(uid))).collect())
}
