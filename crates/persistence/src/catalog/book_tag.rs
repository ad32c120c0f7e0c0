//! Rows of the link table between books and tags.

use diesel::prelude::*;

use crate::schema::book_tags;
use crate::sql_types::UidValue;

/// That a book bears a tag.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, Identifiable)]
#[diesel(table_name = book_tags, primary_key(book_id, tag_id))]
pub(super) struct BookTagRow {
    pub(super) book_id: UidValue,
    pub(super) tag_id: UidValue,
}

/// Bearing a tag says nothing more than that.
impl From<BookTagRow> for () {
    fn from(_: BookTagRow) {}
}
