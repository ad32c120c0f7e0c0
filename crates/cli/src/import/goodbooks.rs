//! The goodbooks-10k data set: `books.csv`, `tags.csv`, `book_tags.csv`,
//! `ratings.csv`.
//!
//! Books come first, since all else refers to them. Only the numbers of books,
//! tags and readers are kept in memory; rows go through in batches.

mod book_tags;
mod books;
mod ratings;
mod tags;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::csv_file::{CsvColumn, CsvError, CsvFile, CsvRow};
use super::problem::{ImportProblem, Loss, Reporter};
use super::summary::{ImportSummary, RowCounts};
use super::target::ImportTarget;
use book_tags::BookTags;
use books::Books;
use ratings::Ratings;
use tags::Tags;

/// Rows that go to the sink at once. A batch is a commit, and keeps other
/// writers of an embedded database waiting for about a tenth of a second.
const BATCH: usize = 20_000;

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GoodbooksError<E: std::error::Error + 'static> {
    /// A file cannot be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A file cannot be read as what it should be.
    #[error(transparent)]
    CsvFile(#[from] CsvError),
    /// Rows could not be written.
    #[error("{file}: the rows could not be written: {source}")]
    Write {
        /// The file that they came from.
        file: &'static str,
        /// What went wrong.
        source: E,
    },
}

/// How the rows of one file are read and written.
trait FileFormat<const N: usize> {
    /// The file's name.
    const FILE: &'static str;
    /// The columns that matter.
    const COLUMNS: [CsvColumn; N];
    /// What a row becomes.
    type Item;

    /// Parses a row. `None` says what an earlier row said already. Cells that
    /// were left empty are noted; a problem that is returned costs the row.
    fn parse(
        &mut self,
        row: &CsvRow<'_, N>,
        notes: &mut Vec<ImportProblem>,
    ) -> Result<Option<Self::Item>, ImportProblem>;

    /// Hands a batch to the sink; tells how many rows were added. What could
    /// not be written as the file has it is noted.
    fn write<S: ImportTarget>(
        &mut self,
        sink: &mut S,
        batch: &[Self::Item],
        notes: &mut Vec<ImportProblem>,
    ) -> Result<u64, S::Error>;
}

/// Imports the files of a directory. All but `books.csv` may be missing;
/// without `tags.csv`, `book_tags.csv` means nothing and is passed over.
///
/// # Errors
///
/// If `books.csv` is missing, a file cannot be read or lacks a required column,
/// or the sink fails. What was written until then stays; the import can be run
/// again.
pub(crate) fn import<S: ImportTarget>(
    directory: &Path,
    sink: &mut S,
    report: &mut dyn Reporter,
) -> Result<ImportSummary, GoodbooksError<S::Error>> {
    let mut total = ImportSummary::default();
    let mut books = Books::default();
    total.books = transfer(open_books(directory)?, &mut books, sink, report)?;

    let mut tags = Tags::default();
    if let Some(source) = open(directory, Tags::FILE)? {
        total.tags = Some(transfer(source, &mut tags, sink, report)?);
        if let Some(source) = open(directory, BookTags::FILE)? {
            let mut book_tags = BookTags::new(&books, &tags);
            total.taggings = Some(transfer(source, &mut book_tags, sink, report)?);
        }
    }
    if let Some(source) = open(directory, Ratings::FILE)? {
        let mut ratings = Ratings::new(&books);
        total.reviews = Some(transfer(source, &mut ratings, sink, report)?);
        total.readers = Some(ratings.readers());
    }
    Ok(total)
}

/// Opens `books.csv`, the one file that must be there.
///
/// # Errors
///
/// If it is not, or cannot be read.
pub(crate) fn open_books<E: std::error::Error>(
    directory: &Path,
) -> Result<File, GoodbooksError<E>> {
    let path = directory.join(Books::FILE);
    File::open(&path).map_err(|source| GoodbooksError::Open { path, source })
}

fn open<E: std::error::Error>(
    directory: &Path,
    file: &str,
) -> Result<Option<File>, GoodbooksError<E>> {
    let path = directory.join(file);
    match File::open(&path) {
        Ok(source) => Ok(Some(source)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GoodbooksError::Open { path, source }),
    }
}

/// Reads one file to its end, and writes it.
fn transfer<const N: usize, F: FileFormat<N>, S: ImportTarget>(
    source: File,
    format: &mut F,
    sink: &mut S,
    report: &mut dyn Reporter,
) -> Result<RowCounts, GoodbooksError<S::Error>> {
    let size = source.metadata().map_or(0, |metadata| metadata.len());
    report.begin(F::FILE, size);
    let mut sheet = CsvFile::open(F::FILE, source, F::COLUMNS)?;
    let mut tally = RowCounts::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut notes = Vec::new();
    while fill(&mut batch, &mut sheet, format, &mut tally, report)? {
        let added = format
            .write(sink, &batch, &mut notes)
            .map_err(|source| GoodbooksError::Write { file: F::FILE, source })?;
        tally.written(batch.len(), added);
        batch.clear();
        for problem in notes.drain(..) {
            report.problem(&problem);
        }
        report.advance(sheet.bytes_read());
    }
    debug_assert!(tally.balances(), "{tally}");
    report.end(&tally);
    Ok(tally)
}

/// Fills a batch with the file's next rows; false if there are none.
fn fill<const N: usize, F: FileFormat<N>, R: Read>(
    batch: &mut Vec<F::Item>,
    sheet: &mut CsvFile<R, N>,
    format: &mut F,
    tally: &mut RowCounts,
    report: &mut dyn Reporter,
) -> Result<bool, CsvError> {
    let mut notes = Vec::new();
    while batch.len() < BATCH {
        let Some(row) = sheet.next()? else { break };
        tally.read += 1;
        match row.and_then(|row| format.parse(&row, &mut notes)) {
            Ok(Some(item)) => batch.push(item),
            Ok(None) => tally.present += 1,
            Err(problem) => {
                tally.dropped += 1;
                // What a lost row's cells lack is of no interest.
                notes.clear();
                notes.push(problem);
            }
        }
        for problem in notes.drain(..) {
            tally.cleared += u64::from(problem.loss == Loss::Cell);
            report.problem(&problem);
        }
    }
    Ok(!batch.is_empty())
}

/// A number that rows go by.
fn number(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "must be a whole number, not negative")
}

#[cfg(test)]
mod tests;
