//! Imports the small data set in `tests/data` into memory.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::import::target::{
    BookNumber, ImportBook, ImportReader, ImportReview, ImportTag, ImportTagging, ReaderNumber,
    TagNumber, WrittenReaders,
};

/// A target in memory that, like the database, adds nothing twice.
#[derive(Default)]
struct MemoryTarget {
    books: HashMap<BookNumber, ImportBook>,
    tags: HashMap<String, ImportTag>,
    tag_numbers: HashSet<TagNumber>,
    taggings: HashSet<(BookNumber, TagNumber)>,
    readers: HashMap<ReaderNumber, ImportReader>,
    reviews: HashMap<(ReaderNumber, BookNumber), ImportReview>,
}

impl ImportTarget for MemoryTarget {
    type Error = Infallible;

    fn books(&mut self, batch: &[ImportBook]) -> Result<u64, Infallible> {
        let before = self.books.len();
        for book in batch {
            self.books.entry(book.number).or_insert_with(|| book.clone());
        }
        Ok((self.books.len() - before) as u64)
    }

    fn tags(&mut self, batch: &[ImportTag]) -> Result<u64, Infallible> {
        let before = self.tags.len();
        for tag in batch {
            self.tag_numbers.insert(tag.number);
            self.tags.entry(tag.name.key()).or_insert_with(|| tag.clone());
        }
        Ok((self.tags.len() - before) as u64)
    }

    fn taggings(&mut self, batch: &[ImportTagging]) -> Result<u64, Infallible> {
        let before = self.taggings.len();
        for tagging in batch {
            assert!(self.books.contains_key(&tagging.book));
            assert!(self.tag_numbers.contains(&tagging.tag));
            self.taggings.insert((tagging.book, tagging.tag));
        }
        Ok((self.taggings.len() - before) as u64)
    }

    fn readers(&mut self, batch: &[ImportReader]) -> Result<WrittenReaders, Infallible> {
        let before = self.readers.len();
        for reader in batch {
            self.readers.entry(reader.number).or_insert_with(|| reader.clone());
        }
        Ok(WrittenReaders { added: (self.readers.len() - before) as u64, renamed: Vec::new() })
    }

    fn reviews(&mut self, batch: &[ImportReview]) -> Result<u64, Infallible> {
        let before = self.reviews.len();
        for review in batch {
            assert!(self.books.contains_key(&review.book));
            assert!(self.readers.contains_key(&review.reader));
            self.reviews.entry((review.reader, review.book)).or_insert(*review);
        }
        Ok((self.reviews.len() - before) as u64)
    }
}

/// A reporter that records files and problems.
#[derive(Default)]
struct RecordingReporter {
    files: Vec<&'static str>,
    problems: Vec<String>,
}

impl Reporter for RecordingReporter {
    fn begin(&mut self, file: &'static str, _: u64) {
        self.files.push(file);
    }
    fn advance(&mut self, _: u64) {}
    fn problem(&mut self, problem: &ImportProblem) {
        self.problems.push(problem.to_string());
    }
    fn end(&mut self, _: &dyn std::fmt::Display) {}
}

fn small() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/goodbooks-small"))
}

fn counts(read: u64, added: u64, present: u64, skipped: u64, cleared: u64) -> RowCounts {
    RowCounts { read, added, present, skipped, cleared }
}

#[test]
fn every_row_is_counted() {
    let summary =
        import(&small(), &mut MemoryTarget::default(), &mut RecordingReporter::default()).unwrap();
    assert_eq!(summary.books, counts(16, 11, 0, 5, 4));
    assert_eq!(summary.tags, Some(counts(13, 7, 3, 3, 0)));
    assert_eq!(summary.taggings, Some(counts(17, 9, 2, 6, 0)));
    assert_eq!(summary.readers, Some(counts(4, 4, 0, 0, 0)));
    assert_eq!(summary.reviews, Some(counts(14, 6, 1, 7, 0)));
    assert!(summary.books.balances() && summary.reviews.unwrap().balances());
}

#[test]
fn problems_name_file_line_and_column() {
    let mut reporter = RecordingReporter::default();
    import(&small(), &mut MemoryTarget::default(), &mut reporter).unwrap();
    let locations: Vec<_> = reporter
        .problems
        .iter()
        .map(|problem| problem.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        locations,
        [
            "books.csv:5 isbn",
            "books.csv:6 original_publication_year",
            "books.csv:8 language_code",
            "books.csv:11 original_publication_year",
            "books.csv:12 authors",
            "books.csv:15 book_id",
            "books.csv:16 book_id",
            "books.csv:17 goodreads_book_id",
            "books.csv:19 has 5 cells, but the header has 11 (row skipped)",
            "tags.csv:9 tag_name",
            "tags.csv:12 tag_id",
            "tags.csv:14 tag_id",
            "book_tags.csv:12 goodreads_book_id",
            "book_tags.csv:13 goodreads_book_id",
            "book_tags.csv:14 tag_id",
            "book_tags.csv:15 tag_id",
            "book_tags.csv:16 goodreads_book_id",
            "book_tags.csv:17 tag_id",
            "ratings.csv:7 rating",
            "ratings.csv:8 rating",
            "ratings.csv:9 rating",
            "ratings.csv:10 book_id",
            "ratings.csv:11 book_id",
            "ratings.csv:12 user_id",
            "ratings.csv:14 rating",
        ]
    );
}

#[test]
fn values_are_imported_correctly() {
    let mut catalogue = MemoryTarget::default();
    import(&small(), &mut catalogue, &mut RecordingReporter::default()).unwrap();
    let book = |number| &catalogue.books[&BookNumber(number)].book;
    let date = |number| book(number).published_date.as_ref().map(ToString::to_string);
    let isbn = |number| book(number).isbn.as_ref().map(ToString::to_string);

    assert_eq!(isbn(1).as_deref(), Some("9780141439518"));
    assert_eq!(isbn(4), None);
    assert_eq!(date(2).as_deref(), Some("-0719"));
    assert_eq!(date(3).as_deref(), Some("0065"));
    assert_eq!((date(5), date(7), date(9)), (None, None, None));
    assert_eq!(book(3).title.as_str(), "Letters from a Stoic, \"Epistulae\"");
    assert_eq!(book(11).title.as_str(), "War and Peace");
    assert_eq!(book(2).author.as_str(), "Homer, Robert Fagles");
    assert_eq!(book(2).language.as_ref().unwrap().as_str(), "en-US");
    assert!(book(6).language.is_none() && book(9).language.is_none());
    assert_eq!(catalogue.tags["classics"].name.as_str(), "Classics");
    assert_eq!(catalogue.readers[&ReaderNumber(7)].username.as_str(), "goodbooks-7");
    let repeated = catalogue.reviews[&(ReaderNumber(2), BookNumber(1))];
    assert_eq!(repeated.rating.get(), 3);
}

#[test]
fn second_run_adds_nothing() {
    let mut catalogue = MemoryTarget::default();
    let first = import(&small(), &mut catalogue, &mut RecordingReporter::default()).unwrap();
    let second = import(&small(), &mut catalogue, &mut RecordingReporter::default()).unwrap();
    assert_eq!(second.books.present, first.books.added);
    for counts in [Some(second.books), second.tags, second.taggings, second.readers, second.reviews]
    {
        assert_eq!(counts.unwrap().added, 0);
        assert!(counts.unwrap().balances());
    }
}

#[test]
fn only_books_csv_is_required() {
    let directory = tempfile::tempdir().unwrap();
    let run = |reporter: &mut RecordingReporter| {
        import(directory.path(), &mut MemoryTarget::default(), reporter)
    };
    let error = run(&mut RecordingReporter::default()).unwrap_err();
    assert!(error.to_string().contains("books.csv"), "{error}");

    let copy = |file: &str| fs::copy(small().join(file), directory.path().join(file)).unwrap();
    copy("books.csv");
    copy("book_tags.csv");
    let mut reporter = RecordingReporter::default();
    let summary = run(&mut reporter).unwrap();
    assert_eq!(reporter.files, ["books.csv"]);
    assert_eq!((summary.tags, summary.taggings, summary.reviews), (None, None, None));
}

/// Persian tags have zero-width non-joiners, and titles were copied from right-to-left text.
#[test]
fn existing_names_are_imported() {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(directory.path().join(file), text).unwrap();
    let (title, tag) = ("\u{202b}A Book\u{202c}", "می\u{200c}خواهم");
    write("books.csv", &format!("book_id,goodreads_book_id,title,authors\n1,1,{title},{title}\n"));
    write("tags.csv", &format!("tag_id,tag_name\n1,{tag}\n"));
    let mut catalogue = MemoryTarget::default();
    let mut reporter = RecordingReporter::default();
    import(directory.path(), &mut catalogue, &mut reporter).unwrap();
    assert_eq!(reporter.problems, [""; 0]);
    assert_eq!(catalogue.books[&BookNumber(1)].book.title.as_str(), title);
    assert_eq!(catalogue.tags[tag].name.as_str(), tag);
}

#[test]
fn missing_column_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let books = "book_id,goodreads_book_id,title\n1,1,A Book\n";
    fs::write(directory.path().join("books.csv"), books).unwrap();
    let error =
        import(directory.path(), &mut MemoryTarget::default(), &mut RecordingReporter::default())
            .unwrap_err();
    assert_eq!(error.to_string(), "books.csv:1: authors: the header has no such column");
}
