//! `book_tags.csv`.

use super::FileFormat;
use super::books::Books;
use super::tags::Tags;
use crate::import::csv_file::{CsvColumn, CsvRow};
use crate::import::problem::ImportProblem;
use crate::import::target::{ImportTagging, ImportTarget};

/// Reads the tags of books. How often each was assigned (`count`) is not imported.
#[derive(Debug)]
pub(super) struct BookTags<'a> {
    books: &'a Books,
    tags: &'a Tags,
}

impl<'a> BookTags<'a> {
    /// Returns a format for these books and tags.
    pub(super) fn new(books: &'a Books, tags: &'a Tags) -> Self {
        Self { books, tags }
    }
}

impl FileFormat<2> for BookTags<'_> {
    const FILE: &'static str = "book_tags.csv";
    const COLUMNS: [CsvColumn; 2] =
        [CsvColumn::required("goodreads_book_id"), CsvColumn::required("tag_id")];
    type Item = ImportTagging;

    fn parse(
        &mut self,
        row: &CsvRow<'_, 2>,
        _: &mut Vec<ImportProblem>,
    ) -> Result<Option<ImportTagging>, ImportProblem> {
        let [book, tag] = row.cells();
        let book = book.required(|text| {
            let id = super::number(text)?;
            let book = self.books.by_goodreads_id(id);
            book.ok_or("is not a book in books.csv")
        })?;
        let tag = tag.required(|text| {
            let tag = self.tags.by_id(super::number(text)?);
            tag.ok_or("is not a tag in tags.csv")
        })?;
        Ok(Some(ImportTagging { book, tag }))
    }

    fn write<T: ImportTarget>(
        &mut self,
        target: &mut T,
        batch: &[ImportTagging],
        _: &mut Vec<ImportProblem>,
    ) -> Result<u64, T::Error> {
        target.taggings(batch)
    }
}
