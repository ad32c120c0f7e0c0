//! Books brought up to date by their ISBN, many at once.

use std::collections::HashMap;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use diesel::upsert::excluded;
use recto_domain::{
    Account, Book, BookEntry, BookOutcome, IdGenerator, Isbn, Outcome, Role, Update as _, UserId,
};
use recto_relations_diesel::{Engine, Lock, Locked, Selected as _};

use super::author;
use super::book::{BookRecord, BookRow};
use crate::schema::{books, users};
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// Adds the books of a batch that are new and changes those that are known, and tells in their
/// order what became of each. Three statements on either engine, one more for administrators, and
/// those that crediting the contributors takes where a credit line is new.
///
/// A book is known by its ISBN. Since several entries may share one, it is the newest that the
/// caller keeps; for an administrator who keeps none, the newest that there is. What others keep
/// is never another's to change: a book of their ISBN is added beside it. A book without an ISBN
/// is always added.
///
/// No two books of the batch may have one ISBN, as [`BookBatch`](recto_domain::BookBatch) holds.
///
/// # Errors
/// A failing database; nothing of the batch is kept then if it ran in a transaction.
pub fn upsert(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    caller: &Account,
    batch: Vec<BookEntry>,
) -> Result<Vec<BookOutcome>, Error> {
    take_turns(conn, caller.user_uid)?;
    let mut known = known(conn, caller, &batch)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    let (mut written, mut credited) = (Vec::new(), Vec::new());
    for (index, BookEntry { new, patch }) in batch.into_iter().enumerate() {
        let mut before = None;
        let (book, outcome) = match new.isbn.as_ref().and_then(|isbn| known.remove(isbn)) {
            None => (Book::new(ids.new_id(), new, Some(caller.user_uid)), Outcome::Created),
            Some(mut book) => {
                before = Some(book.author.clone());
                let changed = book.apply(patch, ids.now());
                (book, if changed { Outcome::Updated } else { Outcome::Unchanged })
            }
        };
        outcomes.push(BookOutcome { index, outcome, uid: book.uid });
        if before.as_ref() != Some(&book.author) {
            credited.push(book.clone());
        }
        if outcome != Outcome::Unchanged {
            written.push(book);
        }
    }
    write(conn, &written)?;
    author::follow_credit_lines(conn, ids, &credited)?;
    Ok(outcomes)
}

/// Locks the caller, so that of several batches that one caller sends at once one is written
/// after the other: a book that is new in both is added once. SQLite has one writer anyway.
fn take_turns(conn: &mut Connection, caller: UserId) -> Result<(), Error> {
    if conn.engine() == Engine::Postgres {
        let user = users::table.find(UidValue::from(caller)).select(users::uid);
        conn.first::<UidValue>(Locked::new(user, Lock::NoKeyUpdate))?;
    }
    Ok(())
}

/// The books that the batch is about, by ISBN, kept as they are until the transaction ends.
fn known(
    conn: &mut Connection,
    caller: &Account,
    batch: &[BookEntry],
) -> Result<HashMap<Isbn, Book>, Error> {
    let mut isbns: Vec<&str> =
        batch.iter().filter_map(|entry| entry.new.isbn.as_ref()).map(Isbn::as_str).collect();
    let mut known = newest(conn, &isbns, caller.user_uid, false)?;
    if caller.role == Role::Admin {
        let kept: Vec<Isbn> = known.keys().cloned().collect();
        isbns.retain(|isbn| !kept.iter().any(|kept| kept.as_str() == *isbn));
        known.extend(newest(conn, &isbns, caller.user_uid, true)?);
    }
    Ok(known)
}

/// The newest book of each ISBN, of those that `keeper` keeps or of all.
fn newest(
    conn: &mut Connection,
    isbns: &[&str],
    keeper: UserId,
    anybodys: bool,
) -> Result<HashMap<Isbn, Book>, Error> {
    if isbns.is_empty() {
        return Ok(HashMap::new());
    }
    let (keeper, newer) = (UidValue::from(keeper), diesel::alias!(books as newer));
    let anybodys = || anybodys.into_sql::<Nullable<Bool>>();
    let superseded = newer
        .filter(newer.field(books::isbn).eq(books::isbn))
        .filter(newer.field(books::uid).gt(books::uid))
        .filter(newer.field(books::user_uid).eq(keeper).or(anybodys()));
    // In one order for everybody, so that two batches cannot block each other.
    let query = books::table
        .filter(books::isbn.eq_any(isbns))
        .filter(books::user_uid.eq(keeper).or(anybodys()))
        .filter(not(exists(superseded)))
        .order(books::uid);
    let rows: Vec<BookRow> =
        conn.load(Locked::new(query.select(BookRow::selection()), Lock::Update))?;
    let books = rows.into_iter().map(Book::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(books.into_iter().filter_map(|book| Some((book.isbn.clone()?, book))).collect())
}

/// Stores books, each under its key, whether there is one already or not.
fn write(conn: &mut Connection, written: &[Book]) -> Result<(), Error> {
    if written.is_empty() {
        return Ok(());
    }
    let records: Vec<_> = written.iter().map(BookRecord::from).collect();
    let upsert =
        diesel::insert_into(books::table).values(records).on_conflict(books::uid).do_update().set(
            (
                books::title.eq(excluded(books::title)),
                books::title_key.eq(excluded(books::title_key)),
                books::author.eq(excluded(books::author)),
                books::author_key.eq(excluded(books::author_key)),
                books::publisher.eq(excluded(books::publisher)),
                books::published_date.eq(excluded(books::published_date)),
                books::page_count.eq(excluded(books::page_count)),
                books::language.eq(excluded(books::language)),
                books::isbn.eq(excluded(books::isbn)),
                books::updated_at.eq(excluded(books::updated_at)),
            ),
        );
    conn.execute(upsert)?;
    Ok(())
}
