//! `ratings.csv`.

use std::collections::{HashMap, HashSet};

use recto_domain::Rating;

use super::FileFormat;
use super::books::Books;
use crate::import::csv_file::{CsvColumn, CsvRow};
use crate::import::problem::{ImportProblem, Loss};
use crate::import::summary::RowCounts;
use crate::import::target::{ImportReader, ImportReview, ImportTarget, ReaderNumber};

/// The error for a rating that is not a whole number.
const INVALID_RATING: &str = "must be a whole number from 1 to 5";

/// Reads ratings as reviews without text, and their readers.
#[derive(Debug)]
pub(super) struct Ratings<'a> {
    books: &'a Books,
    /// All readers read so far.
    readers: HashSet<ReaderNumber>,
    /// Readers that have not been written yet.
    new_readers: Vec<ImportReader>,
    /// The first lines of those.
    lines: HashMap<ReaderNumber, u64>,
    counts: RowCounts,
}

impl<'a> Ratings<'a> {
    /// Returns a format for ratings of these books.
    pub(super) fn new(books: &'a Books) -> Self {
        Self {
            books,
            readers: HashSet::new(),
            new_readers: Vec::new(),
            lines: HashMap::new(),
            counts: RowCounts::default(),
        }
    }

    /// Returns the counts of readers.
    pub(super) fn reader_counts(&self) -> RowCounts {
        self.counts
    }

    fn add_reader(&mut self, number: ReaderNumber, line: u64) {
        if self.readers.insert(number) {
            self.lines.insert(number, line);
            let username = format!("goodbooks-{}", number.0)
                .parse()
                .expect("letters, a hyphen and digits are a username");
            self.new_readers.push(ImportReader { number, username });
        }
    }
}

impl FileFormat<3> for Ratings<'_> {
    const FILE: &'static str = "ratings.csv";
    const COLUMNS: [CsvColumn; 3] = [
        CsvColumn::required("user_id"),
        CsvColumn::required("book_id"),
        CsvColumn::required("rating"),
    ];
    type Item = ImportReview;

    fn parse(
        &mut self,
        row: &CsvRow<'_, 3>,
        _: &mut Vec<ImportProblem>,
    ) -> Result<Option<ImportReview>, ImportProblem> {
        let [reader, book, rating] = row.cells();
        let reader = reader.required(|text| super::number(text).map(ReaderNumber))?;
        let book = book.required(|text| {
            let book = self.books.by_number(super::number(text)?);
            book.ok_or("is not a book in books.csv")
        })?;
        let rating = rating.required(|text| {
            let rating = text.parse().map_err(|_| INVALID_RATING.to_owned())?;
            Rating::new(rating).map_err(|error| error.to_string())
        })?;
        self.add_reader(reader, row.line());
        Ok(Some(ImportReview { reader, book, rating }))
    }

    /// Writes new readers, then the reviews, which refer to them.
    fn write<T: ImportTarget>(
        &mut self,
        target: &mut T,
        batch: &[ImportReview],
        problems: &mut Vec<ImportProblem>,
    ) -> Result<u64, T::Error> {
        if !self.new_readers.is_empty() {
            let written = target.readers(&self.new_readers)?;
            self.counts.read += self.new_readers.len() as u64;
            self.counts.written(self.new_readers.len(), written.added);
            for (number, username) in written.renamed {
                problems.push(ImportProblem {
                    file: Self::FILE,
                    line: self.lines.get(&number).copied().unwrap_or_default(),
                    column: Some("user_id"),
                    reason: format!(
                        "the username of reader {} is taken; imported as {username}",
                        number.0
                    ),
                    loss: Loss::Nothing,
                });
            }
            self.new_readers.clear();
            self.lines.clear();
        }
        target.reviews(batch)
    }
}
