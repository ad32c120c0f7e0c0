//! The database as import target.
//!
//! Each batch is a transaction. After an interruption, a repeated import continues after the last
//! complete batch.

use std::collections::HashMap;

use recto_domain::{
    Book, BookId, IdGenerator, NewReview, Review, ReviewText, Tag, TagId, User, UserId, Username,
};
use recto_persistence::catalog::import::{self, Origin};
use recto_persistence::{Connection, Database, Error, SystemIds};

use super::target::{
    BookNumber, ImportBook, ImportReader, ImportReview, ImportTag, ImportTagging, ImportTarget,
    ReaderNumber, TagNumber, WrittenReaders,
};

/// A database, with the keys of imported rows by their numbers in the files.
pub(crate) struct DatabaseTarget {
    database: Database,
    books: HashMap<BookNumber, BookId>,
    tags: HashMap<TagNumber, TagId>,
    readers: HashMap<ReaderNumber, UserId>,
}

impl DatabaseTarget {
    /// Returns a target for a database with the schema of this program.
    pub(crate) fn new(database: Database) -> Self {
        Self { database, books: HashMap::new(), tags: HashMap::new(), readers: HashMap::new() }
    }
}

impl ImportTarget for DatabaseTarget {
    type Error = Error;

    fn books(&mut self, batch: &[ImportBook]) -> Result<u64, Error> {
        let rows: Vec<(Origin, Book)> = batch
            .iter()
            .map(|item| {
                let book = Book::new(SystemIds.new_id(), item.book.clone(), None);
                (format!("goodbooks:book:{}", item.number.0), book)
            })
            .collect();
        let written =
            self.database.write_blocking(move |conn| import::books(conn, &SystemIds, &rows))?;
        self.books.extend(keyed(batch.iter().map(|item| item.number), written.keys));
        Ok(written.added as u64)
    }

    fn tags(&mut self, batch: &[ImportTag]) -> Result<u64, Error> {
        let rows: Vec<Tag> =
            batch.iter().map(|item| Tag::new(SystemIds.new_id(), item.name.clone())).collect();
        let written = self.database.write_blocking(move |conn| import::tags(conn, &rows))?;
        self.tags.extend(keyed(batch.iter().map(|item| item.number), written.keys));
        Ok(written.added as u64)
    }

    fn taggings(&mut self, batch: &[ImportTagging]) -> Result<u64, Error> {
        let rows: Vec<(BookId, TagId)> = batch
            .iter()
            .filter_map(|item| Some((*self.books.get(&item.book)?, *self.tags.get(&item.tag)?)))
            .collect();
        let added = self.database.write_blocking(move |conn| import::taggings(conn, &rows))?;
        Ok(added as u64)
    }

    fn readers(&mut self, batch: &[ImportReader]) -> Result<WrittenReaders, Error> {
        let batch = batch.to_vec();
        let (written, keys) =
            self.database.write_blocking(move |conn| write_readers(conn, &batch))?;
        self.readers.extend(keys);
        Ok(written)
    }

    fn reviews(&mut self, batch: &[ImportReview]) -> Result<u64, Error> {
        let review_text = ReviewText::parse("").expect("a review's text may be empty");
        let rows: Vec<Review> = batch
            .iter()
            .filter_map(|item| {
                let (reader, book) =
                    (*self.readers.get(&item.reader)?, *self.books.get(&item.book)?);
                let new = NewReview { rating: item.rating, review_text: review_text.clone() };
                Some(Review::new(SystemIds.new_id(), new, reader, book))
            })
            .collect();
        let added = self.database.write_blocking(move |conn| import::reviews(conn, &rows))?;
        Ok(added as u64)
    }
}

/// Pairs the numbers of a batch with the keys of its rows.
fn keyed<N, K>(
    numbers: impl Iterator<Item = N>,
    keys: Vec<Option<K>>,
) -> impl Iterator<Item = (N, K)> {
    numbers.zip(keys).filter_map(|(number, key)| Some((number, key?)))
}

type ReaderKeys = Vec<(ReaderNumber, UserId)>;

/// Writes readers. Readers whose username is taken are written with a numeric suffix.
fn write_readers(
    conn: &mut Connection,
    batch: &[ImportReader],
) -> Result<(WrittenReaders, ReaderKeys), Error> {
    let mut total = WrittenReaders::default();
    let mut keys = Vec::with_capacity(batch.len());
    let mut remaining: Vec<&ImportReader> = batch.iter().collect();
    for attempt in 1_u32.. {
        if remaining.is_empty() {
            break;
        }
        let rows: Vec<(Origin, User)> = remaining
            .iter()
            .map(|item| {
                let user = User::new(SystemIds.new_id(), username(item, attempt), None, None);
                (format!("goodbooks:reader:{}", item.number.0), user)
            })
            .collect();
        let written = import::readers(conn, &rows)?;
        total.added += written.added as u64;
        let mut refused = Vec::new();
        for (item, key) in remaining.into_iter().zip(written.keys) {
            match key {
                Some(key) if attempt > 1 => {
                    keys.push((item.number, key));
                    total.renamed.push((item.number, username(item, attempt)));
                }
                Some(key) => keys.push((item.number, key)),
                None => refused.push(item),
            }
        }
        remaining = refused;
    }
    Ok((total, keys))
}

fn username(item: &ImportReader, attempt: u32) -> Username {
    if attempt == 1 {
        return item.username.clone();
    }
    format!("{}-{attempt}", item.username)
        .parse()
        .expect("an imported username is short, so a suffix keeps it valid")
}
