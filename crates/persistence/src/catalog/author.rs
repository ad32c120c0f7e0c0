//! Authors, and which books credit them.

use std::collections::HashMap;

use diesel::prelude::*;
use recto_domain::{Author, AuthorId, BookId, Contributors, Mint};

use super::book_contributor::BookContributorRecord;
use super::import;
use super::relations::EDGES;
use crate::connection::on_engine;
use crate::query::SqlKey as _;
use crate::relation::stored;
use crate::row::Reading;
use crate::schema::{authors, book_contributors};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = authors, primary_key(uid))]
pub(crate) struct AuthorRow {
    uid: UidValue,
    name: String,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl TryFrom<AuthorRow> for Author {
    type Error = Error;

    fn try_from(row: AuthorRow) -> Result<Self, Error> {
        let uid = AuthorId::from_uuid(row.uid.0);
        let reading = Reading { table: "authors", row: &uid };
        Ok(Self {
            name: reading.column("name", row.name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            uid,
        })
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = authors)]
pub(super) struct AuthorRecord<'a> {
    uid: UidValue,
    name: &'a str,
    name_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl<'a> From<&'a Author> for AuthorRecord<'a> {
    fn from(author: &'a Author) -> Self {
        Self {
            uid: author.uid.value(),
            name: author.name.as_str(),
            name_key: author.name.key(),
            created_at: InstantValue(author.created_at),
            updated_at: InstantValue(author.updated_at),
        }
    }
}

stored! { Author, AuthorRow, authors.uid, edges: EDGES, sorts: ["name" => "name_key"] }

/// Makes these the contributors of a book, in this order, and no others;
/// authors who do not exist are made, and those whom no book credits any more
/// stay. The book must be known to exist, and be locked.
///
/// # Errors
/// A failing database.
pub fn credit(
    conn: &mut Connection,
    mint: &dyn Mint,
    book: BookId,
    contributors: &Contributors,
) -> Result<(), Error> {
    credit_all(conn, mint, &[(book, contributors)])
}

/// As [`credit`], for several books.
///
/// # Errors
/// A failing database.
pub fn credit_all(
    conn: &mut Connection,
    mint: &dyn Mint,
    books: &[(BookId, &Contributors)],
) -> Result<(), Error> {
    if books.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = books.iter().map(|(book, _)| book.value()).collect();
    on_engine!(conn, c => {
        let former = book_contributors::table.filter(book_contributors::book_id.eq_any(&keys));
        diesel::delete(former).execute(c)?
    });
    credit_new(conn, mint, books).map(|_| ())
}

/// Credits contributors of books that have none yet; tells how many authors
/// and how many links are new.
///
/// # Errors
/// A failing database; a book that is not there.
pub fn credit_new(
    conn: &mut Connection,
    mint: &dyn Mint,
    books: &[(BookId, &Contributors)],
) -> Result<(usize, usize), Error> {
    let credited = || {
        books.iter().flat_map(|(book, contributors)| {
            (1..).zip(contributors.as_slice()).map(|(position, one)| (*book, position, one))
        })
    };
    let mut named: HashMap<String, Option<AuthorId>> = HashMap::new();
    let mut wanted: Vec<(String, &recto_domain::AuthorName)> = Vec::new();
    for (_, _, one) in credited() {
        let key = one.name.key();
        if !named.contains_key(&key) {
            named.insert(key.clone(), None);
            wanted.push((key, &one.name));
        }
    }
    // In one order for everybody, so that two writers cannot block each other.
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let known = import::authors_by_key(conn, wanted.iter().map(|(key, _)| key.as_str()).collect())?;
    let missing: Vec<Author> = wanted
        .iter()
        .filter(|(key, _)| !known.contains_key(key))
        .map(|(_, name)| Author::new(mint.stamp(), (*name).clone()))
        .collect();
    let made = import::authors(conn, &missing)?;
    named.extend(known.into_iter().map(|(key, uid)| (key, Some(uid))));
    named.extend(missing.iter().zip(&made.keys).map(|(author, uid)| (author.name.key(), *uid)));
    let records: Vec<BookContributorRecord> = credited()
        .filter_map(|(book, position, one)| {
            Some(BookContributorRecord {
                book_id: book.value(),
                author_id: named.get(&one.name.key()).copied().flatten()?.value(),
                position,
                role: one.role.unwrap_or_default().as_str(),
            })
        })
        .collect();
    Ok((made.added, import::contributions(conn, &records)?))
}
