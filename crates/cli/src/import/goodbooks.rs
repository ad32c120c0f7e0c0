//! The goodbooks-10k data set: `books.csv`, `tags.csv`, `book_tags.csv` and `ratings.csv`.
//!
//! Books are imported first, since the other files refer to them. Rows are processed in batches;
//! only the numbers of books, tags and readers stay in memory. A reader is a user of the data set
//! who rates books, and is imported as a user without an account.

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

/// The number of rows in a batch. Committing one blocks other writers of an embedded database for
/// about a tenth of a second.
const BATCH: usize = 20_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum GoodbooksError<E: std::error::Error + 'static> {
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error(transparent)]
    CsvFile(#[from] CsvError),
    #[error("{file}: the rows could not be written: {source}")]
    Write { file: &'static str, source: E },
}

trait FileFormat<const N: usize> {
    const FILE: &'static str;
    /// The columns to read.
    const COLUMNS: [CsvColumn; N];
    /// A parsed row.
    type Item;

    /// Parses a row, and adds the problems of cells that are left empty. Returns `None` if the row
    /// repeats an earlier one.
    fn parse(
        &mut self,
        row: &CsvRow<'_, N>,
        problems: &mut Vec<ImportProblem>,
    ) -> Result<Option<Self::Item>, ImportProblem>;

    /// Writes a batch, adds problems of rows that were written differently, and returns the number
    /// of added rows.
    fn write<T: ImportTarget>(
        &mut self,
        target: &mut T,
        batch: &[Self::Item],
        problems: &mut Vec<ImportProblem>,
    ) -> Result<u64, T::Error>;
}

/// Imports the files of a directory. Only `books.csv` is required. Without `tags.csv`,
/// `book_tags.csv` is ignored.
///
/// # Errors
/// See [`GoodbooksError`]. Batches that were written remain, and the import can be repeated.
pub(crate) fn import<T: ImportTarget>(
    directory: &Path,
    target: &mut T,
    reporter: &mut dyn Reporter,
) -> Result<ImportSummary, GoodbooksError<T::Error>> {
    let mut summary = ImportSummary::default();
    let mut books = Books::default();
    summary.books = import_file(open_books(directory)?, &mut books, target, reporter)?;

    let mut tags = Tags::default();
    if let Some(source) = open(directory, Tags::FILE)? {
        summary.tags = Some(import_file(source, &mut tags, target, reporter)?);
        if let Some(source) = open(directory, BookTags::FILE)? {
            let mut book_tags = BookTags::new(&books, &tags);
            summary.taggings = Some(import_file(source, &mut book_tags, target, reporter)?);
        }
    }
    if let Some(source) = open(directory, Ratings::FILE)? {
        let mut ratings = Ratings::new(&books);
        summary.reviews = Some(import_file(source, &mut ratings, target, reporter)?);
        summary.readers = Some(ratings.reader_counts());
    }
    Ok(summary)
}

/// Opens `books.csv`, the only required file.
///
/// # Errors
/// [`GoodbooksError::Open`] if it does not exist or cannot be read.
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

/// Imports one file.
fn import_file<const N: usize, F: FileFormat<N>, T: ImportTarget>(
    source: File,
    format: &mut F,
    target: &mut T,
    reporter: &mut dyn Reporter,
) -> Result<RowCounts, GoodbooksError<T::Error>> {
    let size = source.metadata().map_or(0, |metadata| metadata.len());
    reporter.begin(F::FILE, size);
    let mut csv = CsvFile::open(F::FILE, source, F::COLUMNS)?;
    let mut counts = RowCounts::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut problems = Vec::new();
    while read_batch(&mut batch, &mut csv, format, &mut counts, reporter)? {
        let added = format
            .write(target, &batch, &mut problems)
            .map_err(|source| GoodbooksError::Write { file: F::FILE, source })?;
        counts.written(batch.len(), added);
        batch.clear();
        for problem in problems.drain(..) {
            reporter.problem(&problem);
        }
        reporter.advance(csv.bytes_read());
    }
    debug_assert!(counts.balances(), "{counts}");
    reporter.end(&counts);
    Ok(counts)
}

/// Fills a batch with the file's next rows. Returns false at the end of the file.
fn read_batch<const N: usize, F: FileFormat<N>, R: Read>(
    batch: &mut Vec<F::Item>,
    csv: &mut CsvFile<R, N>,
    format: &mut F,
    counts: &mut RowCounts,
    reporter: &mut dyn Reporter,
) -> Result<bool, CsvError> {
    let mut problems = Vec::new();
    while batch.len() < BATCH {
        let Some(row) = csv.next()? else { break };
        counts.read += 1;
        match row.and_then(|row| format.parse(&row, &mut problems)) {
            Ok(Some(item)) => batch.push(item),
            Ok(None) => counts.present += 1,
            Err(problem) => {
                counts.skipped += 1;
                // Problems of cells in a skipped row are not reported.
                problems.clear();
                problems.push(problem);
            }
        }
        for problem in problems.drain(..) {
            counts.cleared += u64::from(problem.loss == Loss::Cell);
            reporter.problem(&problem);
        }
    }
    Ok(!batch.is_empty())
}

/// Parses the number of a row.
fn number(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "must be a non-negative whole number")
}

#[cfg(test)]
mod tests;
