//! Inserting or updating many books by ISBN.

use std::collections::HashMap;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use diesel::upsert::excluded;
use recto_domain::{BatchOutcome, Book, BookEntry, BookOutcome, Isbn, Update as _, UserId};
use recto_relations_diesel::{Engine, Lock, Locked, Selected as _};

use super::author;
use super::book::{BookRecord, BookRow};
use super::creator::Creator;
use crate::schema::{books, users};
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// The result of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upserted {
    /// The outcome of each book, in order.
    pub outcomes: Vec<BookOutcome>,
    /// The number of changed books that are not the owner's.
    pub of_others: usize,
}

/// Inserts the new books of a batch, updates the existing ones, and returns the outcomes in order.
/// Sends at most three statements, four with `of_others`, and more for changed credit lines.
///
/// An existing book is the newest one with the ISBN that `owner` owns. If there is none and
/// `of_others` is true, it is the newest one of any owner. Otherwise, and without an ISBN, the book
/// is inserted, owned by `owner`.
///
/// The ISBNs must be distinct, as [`BookBatch`](recto_domain::BookBatch) ensures.
///
/// # Errors
/// A database error; the caller's transaction must be rolled back then.
pub fn upsert(
    conn: &mut Connection,
    creator: &Creator<'_>,
    owner: UserId,
    of_others: bool,
    batch: Vec<BookEntry>,
) -> Result<Upserted, Error> {
    lock_owner(conn, owner)?;
    let mut existing = existing(conn, owner, of_others, &batch)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    let (mut written, mut credited) = (Vec::new(), Vec::new());
    let mut changed_of_others = 0;
    for (index, BookEntry { new, patch }) in batch.into_iter().enumerate() {
        let mut before = None;
        let (book, outcome) = match new.isbn.as_ref().and_then(|isbn| existing.remove(isbn)) {
            None => (Book::new(creator.ids.new_id(), new, Some(owner)), BatchOutcome::Created),
            Some(mut book) => {
                before = Some(book.author.clone());
                let changed = book.apply(patch, creator.ids.now());
                (book, if changed { BatchOutcome::Updated } else { BatchOutcome::Unchanged })
            }
        };
        outcomes.push(BookOutcome { index, outcome, uid: book.uid });
        if before.as_ref() != Some(&book.author) {
            credited.push(book.clone());
        }
        if outcome == BatchOutcome::Updated && book.user_uid != Some(owner) {
            changed_of_others += 1;
        }
        if outcome != BatchOutcome::Unchanged {
            written.push(book);
        }
    }
    write(conn, &written)?;
    author::set_from_credit_lines(conn, creator, &credited)?;
    Ok(Upserted { outcomes, of_others: changed_of_others })
}

/// Locks the owner, so that concurrent batches of one owner run one after the other and insert a
/// new book once. SQLite has one writer anyway.
fn lock_owner(conn: &mut Connection, owner: UserId) -> Result<(), Error> {
    if conn.engine() == Engine::Postgres {
        let user = users::table.find(UidValue::from(owner)).select(users::uid);
        conn.first::<UidValue>(Locked::new(user, Lock::NoKeyUpdate))?;
    }
    Ok(())
}

/// Returns the existing books of a batch by ISBN, locked until the transaction ends.
fn existing(
    conn: &mut Connection,
    owner: UserId,
    of_others: bool,
    batch: &[BookEntry],
) -> Result<HashMap<Isbn, Book>, Error> {
    let mut isbns: Vec<&str> =
        batch.iter().filter_map(|entry| entry.new.isbn.as_ref()).map(Isbn::as_str).collect();
    let mut books = newest(conn, &isbns, owner, false)?;
    if of_others {
        let own: Vec<Isbn> = books.keys().cloned().collect();
        isbns.retain(|isbn| !own.iter().any(|own| own.as_str() == *isbn));
        books.extend(newest(conn, &isbns, owner, true)?);
    }
    Ok(books)
}

/// Returns the newest book for each ISBN, of one owner or of any.
fn newest(
    conn: &mut Connection,
    isbns: &[&str],
    owner: UserId,
    of_anyone: bool,
) -> Result<HashMap<Isbn, Book>, Error> {
    if isbns.is_empty() {
        return Ok(HashMap::new());
    }
    let (owner, newer) = (UidValue::from(owner), diesel::alias!(books as newer));
    let of_anyone = || of_anyone.into_sql::<Nullable<Bool>>();
    let superseded = newer
        .filter(newer.field(books::isbn).eq(books::isbn))
        .filter(newer.field(books::uid).gt(books::uid))
        .filter(newer.field(books::user_uid).eq(owner).or(of_anyone()));
    // A fixed order prevents deadlocks between batches.
    let query = books::table
        .filter(books::isbn.eq_any(isbns))
        .filter(books::user_uid.eq(owner).or(of_anyone()))
        .filter(not(exists(superseded)))
        .order(books::uid);
    let rows: Vec<BookRow> =
        conn.load(Locked::new(query.select(BookRow::selection()), Lock::Update))?;
    let books = rows.into_iter().map(Book::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(books.into_iter().filter_map(|book| Some((book.isbn.clone()?, book))).collect())
}

/// Inserts or updates books by key.
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
                books::version.eq(excluded(books::version)),
            ),
        );
    conn.execute(upsert)?;
    Ok(())
}
