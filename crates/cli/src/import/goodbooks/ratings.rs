//! `ratings.csv`.

use std::collections::{HashMap, HashSet};

use recto_domain::Rating;

use super::Format;
use super::books::Books;
use crate::import::problem::{Lost, Problem};
use crate::import::sheet::{Column, Row};
use crate::import::sink::{ImportReader, ImportReview, ReaderNumber, Sink};
use crate::import::tally::Tally;

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
    tally: Tally,
}

impl<'a> Ratings<'a> {
    /// For the books read before.
    pub(super) fn new(books: &'a Books) -> Self {
        Self {
            books,
            known: HashSet::new(),
            met: Vec::new(),
            lines: HashMap::new(),
            tally: Tally::default(),
        }
    }

    /// What became of the readers, each counted once.
    pub(super) fn readers(&self) -> Tally {
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

impl Format<3> for Ratings<'_> {
    const FILE: &'static str = "ratings.csv";
    const COLUMNS: [Column; 3] =
        [Column::required("user_id"), Column::required("book_id"), Column::required("rating")];
    type Item = ImportReview;

    fn parse(
        &mut self,
        row: &Row<'_, 3>,
        _: &mut Vec<Problem>,
    ) -> Result<Option<ImportReview>, Problem> {
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
    fn write<S: Sink>(
        &mut self,
        sink: &mut S,
        batch: &[ImportReview],
        notes: &mut Vec<Problem>,
    ) -> Result<u64, S::Error> {
        if !self.met.is_empty() {
            let written = sink.readers(&self.met)?;
            self.tally.read += self.met.len() as u64;
            self.tally.written(self.met.len(), written.added);
            for (number, username) in written.renamed {
                notes.push(Problem {
                    file: Self::FILE,
                    line: self.lines.get(&number).copied().unwrap_or_default(),
                    column: Some("user_id"),
                    why: format!(
                        "the username that reader {} would have is somebody else's; the reader is {username}",
                        number.0
                    ),
                    lost: Lost::Nothing,
                });
            }
            self.met.clear();
            self.lines.clear();
        }
        sink.reviews(batch)
    }
}
