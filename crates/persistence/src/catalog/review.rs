//! Reviews.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{BookId, Conflict, Review, ReviewId, UserId};
use recto_relations_diesel::{SortColumn, Stored, Writable};

use super::book::BookRow;
use super::user::UserRow;
use crate::row::RowContext;
use crate::schema::reviews;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, DatabaseFailure, Error, Recto, Rules};

/// A row of `reviews`.
#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = reviews, primary_key(uid), check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(BookRow, foreign_key = book_uid))]
#[diesel(belongs_to(UserRow, foreign_key = user_uid))]
pub struct ReviewRow {
    uid: UidValue,
    rating: i16,
    review_text: String,
    pub(super) user_uid: Option<UidValue>,
    pub(super) book_uid: UidValue,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<ReviewRow> for Review {
    type Error = Error;

    fn try_from(row: ReviewRow) -> Result<Self, Error> {
        let uid = ReviewId::from(row.uid);
        let context = RowContext { table: "reviews", row: &uid };
        Ok(Self {
            rating: context.column("rating", i64::from(row.rating))?,
            review_text: context.column("review_text", row.review_text)?,
            user_uid: row.user_uid.map(UserId::from),
            book_uid: BookId::from(row.book_uid),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
            uid,
        })
    }
}

/// The written columns of a review.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(
    table_name = reviews,
    treat_none_as_null = true,
    // Needed to insert several rows in one statement on SQLite.
    treat_none_as_default_value = false
)]
pub struct ReviewRecord<'a> {
    uid: UidValue,
    rating: i16,
    review_text: &'a str,
    user_uid: Option<UidValue>,
    book_uid: UidValue,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Review> for ReviewRecord<'a> {
    fn from(review: &'a Review) -> Self {
        Self {
            uid: review.uid.into(),
            rating: i16::from(review.rating.get()),
            review_text: review.review_text.as_str(),
            user_uid: review.user_uid.map(UidValue::from),
            book_uid: review.book_uid.into(),
            created_at: InstantValue(review.created_at),
            updated_at: InstantValue(review.updated_at),
            version: review.version.into(),
        }
    }
}

impl Stored<Recto> for Review {
    type Row = ReviewRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("rating", &reviews::rating)];
}

impl Writable<Recto> for Review {
    type Record<'a> = ReviewRecord<'a>;
}

impl Rules for Review {
    type References = ();

    /// An error of the insert would end a transaction on PostgreSQL before the lookup.
    fn insert(self, conn: &mut Connection) -> Result<Self, Error> {
        let insert = diesel::insert_into(reviews::table).values(ReviewRecord::from(&self));
        let insert = insert.on_conflict((reviews::user_uid, reviews::book_uid)).do_nothing();
        if conn.execute(insert)? > 0 {
            return Ok(self);
        }
        let existing = reviews::table
            .filter(reviews::user_uid.eq(self.user_uid.map(UidValue::from)))
            .filter(reviews::book_uid.eq(UidValue::from(self.book_uid)))
            .select(reviews::uid);
        // If it has been deleted meanwhile, the work runs again.
        let existing = conn.first::<UidValue>(existing)?.ok_or(DatabaseFailure::Contended)?;
        Err(Conflict::AlreadyReviewed(existing.into()).into())
    }
}
