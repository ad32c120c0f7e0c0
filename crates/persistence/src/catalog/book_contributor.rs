//! Rows of the link table between books and authors.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{BookId, Contribution};

use super::author::AuthorRow;
use super::book::BookRow;
use crate::Error;
use crate::row::RowContext;
use crate::schema::book_contributors;
use crate::sql_types::UidValue;

/// The link between a book and an author, with the position in the credit line and the role.
#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = book_contributors, primary_key(book_id, author_id))]
#[diesel(check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(BookRow, foreign_key = book_id))]
#[diesel(belongs_to(AuthorRow, foreign_key = author_id))]
pub struct BookContributorRow {
    pub(super) book_id: UidValue,
    pub(super) author_id: UidValue,
    position: i32,
    role: String,
}

impl TryFrom<BookContributorRow> for Contribution {
    type Error = Error;

    fn try_from(row: BookContributorRow) -> Result<Self, Error> {
        let book = BookId::from(row.book_id);
        let context = RowContext { table: "book_contributors", row: &book };
        Ok(Self {
            position: u32::try_from(row.position)
                .map_err(|reason| context.corrupt("position", &reason))?,
            role: row.role.parse().map_err(|reason| context.corrupt("role", &reason))?,
        })
    }
}
