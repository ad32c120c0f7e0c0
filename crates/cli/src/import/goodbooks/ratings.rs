//! `ratings.csv`.

use std::collections::{HashMap, HashSet};

use recto_domain::Rating;

use super::FileFormat;
use super::books::Books;
use crate::import::csv_file::{CsvColumn, CsvRow};
use crate::import::problem::{ImportProblem, Loss};
use crate::import::summary::RowCounts;
use crate::import::target::{ImportReader, ImportReview, ImportTarget, ReaderNumber};

/// What a cell that is no whole number should have been.
const NO_RATING: &str = "must be a whole number from 1 to 5";

/// Reads ratings as reviews without text, and finds the readers in them.
#[derive(Debug)]
pub(super) struct Ratings<'a> {
    books: &'a Books,
    known: HashSet<ReaderNumber>,
    /// Readers met since the last batch was written.
    met: Vec<ImportReader>,
    /// The lines that those were met on.
    lines: HashMap<ReaderNumber, u64>,
    tally: RowCounts,
}

impl<'a> Ratings<'a> {
    /// For the books read before.
    pub(super) fn new(books: &'a Books) -> Self {
        Self {
            books,
            known: HashSet::new(),
            met: Vec::new(),
            lines: HashMap::new(),
            tally: RowCounts::default(),
        }
    }

    /// What became of the readers, each counted once.
    pub(super) fn readers(&self) -> RowCounts {
        self.tally
    }

    fn meet(&mut self, number: ReaderNumber, line: u64) {
        if self.known.insert(number) {
            self.lines.insert(number, line);
            let username = format!("goodbooks-{}", number.0)
                .parse()
                .expect("a short word of letters, a hyphen and digits is a username");
            self.met.push(ImportReader { number, username });
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
            book.ok_or("is no book of books.csv")
        })?;
        let rating = rating.required(|text| {
            let rating = text.parse().map_err(|_| NO_RATING.to_owned())?;
            Rating::new(rating).map_err(|why| why.to_string())
        })?;
        self.meet(reader, row.line());
        Ok(Some(ImportReview { reader, book, rating }))
    }

    /// Writes the readers that were met, then the reviews, which refer to them.
    fn write<S: ImportTarget>(
        &mut self,
        sink: &mut S,
        batch: &[ImportReview],
        notes: &mut Vec<ImportProblem>,
    ) -> Result<u64, S::Error> {
        if !self.met.is_empty() {
            let written = sink.readers(&self.met)?;
            self.tally.read += self.met.len() as u64;
            self.tally.written(self.met.len(), written.added);
            for (number, username) in written.renamed {
                notes.push(ImportProblem {
                    file: Self::FILE,
                    line: self.lines.get(&number).copied().unwrap_or_default(),
                    column: Some("user_id"),
                    why: format!(
                        "the username that reader {} would have is somebody else's; the reader is {username}",
                        number.0
                    ),
                    loss: Loss::Nothing,
                });
            }
            self.met.clear();
            self.lines.clear();
        }
        sink.reviews(batch)
    }
}
