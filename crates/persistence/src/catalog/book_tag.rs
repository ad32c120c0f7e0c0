//! Rows of the link table between books and tags.

use diesel::prelude::*;

use crate::schema::book_tags;
use crate::sql_types::UidValue;

/// That a book bears a tag.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, Identifiable)]
// Several rows fit in one statement on SQLite only where none leaves out a column.
#[diesel(
    table_name = book_tags,
    primary_key(book_id, tag_id),
    treat_none_as_default_value = false
)]
pub(super) struct BookTagRow {
    pub(super) book_id: UidValue,
    pub(super) tag_id: UidValue,
}

/// Bearing a tag says nothing more than that.
impl From<BookTagRow> for () {
    fn from(_: BookTagRow) {}
}
