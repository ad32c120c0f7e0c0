//! Reviews.

use diesel::prelude::*;
use recto_domain::{BookId, Review, ReviewId, UserId};

use super::relations::EDGES;
use crate::connection::{lock_row, on_engine};
use crate::query::SqlKey as _;
use crate::relation::{optional, stored};
use crate::row::Reading;
use crate::schema::reviews;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = reviews, primary_key(uid))]
pub(crate) struct ReviewRow {
    uid: UidValue,
    rating: i16,
    review_text: String,
    pub(super) user_uid: Option<UidValue>,
    pub(super) book_uid: UidValue,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl TryFrom<ReviewRow> for Review {
    type Error = Error;

    fn try_from(row: ReviewRow) -> Result<Self, Error> {
        let uid = ReviewId::from_uuid(row.uid.0);
        let reading = Reading { table: "reviews", row: &uid };
        Ok(Self {
            rating: reading.column("rating", i64::from(row.rating))?,
            review_text: reading.column("review_text", row.review_text)?,
            user_uid: row.user_uid.map(|uid| UserId::from_uuid(uid.0)),
            book_uid: BookId::from_uuid(row.book_uid.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            uid,
        })
    }
}

#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = reviews, treat_none_as_null = true)]
pub(super) struct ReviewRecord<'a> {
    uid: UidValue,
    rating: i16,
    review_text: &'a str,
    user_uid: Option<UidValue>,
    book_uid: UidValue,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl<'a> From<&'a Review> for ReviewRecord<'a> {
    fn from(review: &'a Review) -> Self {
        Self {
            uid: review.uid.value(),
            rating: i16::from(review.rating.get()),
            review_text: review.review_text.as_str(),
            user_uid: review.user_uid.map(UserId::value),
            book_uid: review.book_uid.value(),
            created_at: InstantValue(review.created_at),
            updated_at: InstantValue(review.updated_at),
        }
    }
}

stored! { Review, ReviewRow, reviews.uid, edges: EDGES, sorts: ["rating" => "rating"] }

/// Adds a review. Its book must be known to exist; should it go away in the
/// meantime, the foreign key decides.
///
/// # Errors
/// [`AlreadyReviewed`](recto_domain::Conflict::AlreadyReviewed).
pub fn insert(conn: &mut Connection, review: &Review) -> Result<(), Error> {
    on_engine!(conn, c => {
        diesel::insert_into(reviews::table).values(ReviewRecord::from(review)).execute(c)?
    });
    Ok(())
}

/// The review with that key, kept as it is until the transaction ends.
///
/// # Errors
/// A failing database.
pub fn lock(conn: &mut Connection, uid: ReviewId) -> Result<Option<Review>, Error> {
    let row = lock_row!(conn, reviews, uid.value(), ReviewRow);
    optional(row)?.map(Review::try_from).transpose()
}

/// Stores what has changed about a review.
///
/// # Errors
/// A failing database.
pub fn update(conn: &mut Connection, review: &Review) -> Result<(), Error> {
    let record = ReviewRecord::from(review);
    on_engine!(conn, c => {
        diesel::update(reviews::table.find(review.uid.value())).set(&record).execute(c)?
    });
    Ok(())
}

/// Deletes a review. Tells whether there was one.
///
/// # Errors
/// A failing database.
pub fn delete(conn: &mut Connection, uid: ReviewId) -> Result<bool, Error> {
    let deleted = on_engine!(conn, c => {
        diesel::delete(reviews::table.find(uid.value())).execute(c)?
    });
    Ok(deleted > 0)
}
