//! Rows of the link table between books and authors.

use diesel::prelude::*;
use recto_domain::{BookId, Contribution};

use crate::Error;
use crate::row::Reading;
use crate::schema::book_contributors;
use crate::sql_types::UidValue;

/// That a book credits somebody, where in its credit line, and for what.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = book_contributors, primary_key(book_id, author_id))]
pub(super) struct BookContributorRow {
    pub(super) book_id: UidValue,
    pub(super) author_id: UidValue,
    position: i32,
    role: String,
}

impl TryFrom<BookContributorRow> for Contribution {
    type Error = Error;

    fn try_from(row: BookContributorRow) -> Result<Self, Error> {
        let book = BookId::from_uuid(row.book_id.0);
        let reading = Reading { table: "book_contributors", row: &book };
        Ok(Self {
            position: u32::try_from(row.position)
                .map_err(|reason| reading.corrupt("position", &reason))?,
            role: row.role.parse().map_err(|reason| reading.corrupt("role", &reason))?,
        })
    }
}

#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = book_contributors)]
pub(super) struct BookContributorRecord {
    pub(super) book_id: UidValue,
    pub(super) author_id: UidValue,
    pub(super) position: i32,
    pub(super) role: &'static str,
}
