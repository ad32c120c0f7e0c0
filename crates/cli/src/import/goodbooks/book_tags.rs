//! `book_tags.csv`.

use super::Format;
use super::books::Books;
use super::tags::Tags;
use crate::import::problem::Problem;
use crate::import::sheet::{Column, Row};
use crate::import::sink::{ImportTagging, Sink};

/// Reads which book bears which tag. How often readers gave it (`count`) has
/// no place in the catalogue.
#[derive(Debug)]
pub(super) struct BookTags<'a> {
    books: &'a Books,
    tags: &'a Tags,
}

impl<'a> BookTags<'a> {
    /// For the books and tags read before.
    pub(super) fn new(books: &'a Books, tags: &'a Tags) -> Self {
        Self { books, tags }
    }
}

impl Format<2> for BookTags<'_> {
    const FILE: &'static str = "book_tags.csv";
    const COLUMNS: [Column; 2] =
        [Column::required("goodreads_book_id"), Column::required("tag_id")];
    type Item = ImportTagging;

    fn parse(
        &mut self,
        row: &Row<'_, 2>,
        _: &mut Vec<Problem>,
    ) -> Result<Option<ImportTagging>, Problem> {
        let [book, tag] = row.cells();
        let book = book.required(|text| {
            let id = super::number(text)?;
            let book = self.books.by_goodreads_id(id);
            book.ok_or("is no book of books.csv")
        })?;
        let tag = tag.required(|text| {
            let tag = self.tags.by_id(super::number(text)?);
            tag.ok_or("is no tag of tags.csv")
        })?;
        Ok(Some(ImportTagging { book, tag }))
    }

    fn write<S: Sink>(
        &mut self,
        sink: &mut S,
        batch: &[ImportTagging],
        _: &mut Vec<Problem>,
    ) -> Result<u64, S::Error> {
        sink.taggings(batch)
    }
}
