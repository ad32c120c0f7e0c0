//! Rows of the link table between books and tags.

use diesel::prelude::*;

use super::book::BookRow;
use super::tag::TagRow;
use crate::schema::book_tags;
use crate::sql_types::UidValue;

/// The link between a book and a tag.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, Identifiable, Associations)]
#[diesel(belongs_to(BookRow, foreign_key = book_id), belongs_to(TagRow, foreign_key = tag_id))]
// Several rows fit in one statement on SQLite only where none leaves out a column.
#[diesel(table_name = book_tags, primary_key(book_id, tag_id), treat_none_as_default_value = false)]
pub struct BookTagRow {
    pub(super) book_id: UidValue,
    pub(super) tag_id: UidValue,
}

impl From<BookTagRow> for () {
    fn from(_: BookTagRow) {}
}
