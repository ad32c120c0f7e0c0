//! Reviews.

use chrono::{DateTime, Utc};

use crate::{
    BookId, Change, Create, NewId, ReviewId, Update, UserId,
    id::later_than,
    record::{entity, input},
    text::PARAGRAPHS,
    value::{number_value, text_value},
};
use recto_relations::Version;

number_value! {
    /// A rating of a book, from 1 (worst) to 5 (best).
    Rating(u8), 1..=5, 4
}

text_value! {
    /// The text of a review, in any number of lines; may be empty.
    ReviewText, 0..=20_000, PARAGRAPHS, "Read it twice in a week."
}

entity! {
    /// A user's review of a book.
    pub struct Review in "reviews", key uid: ReviewId, sorts [rating: Rating], weight 4 {
        /// The id.
        pub uid: ReviewId,
        /// The rating, from 1 (worst) to 5 (best).
        pub rating: Rating,
        /// The text; may be empty.
        pub review_text: ReviewText,
        /// The reviewer's id; `null` if the user has been deleted.
        pub user_uid: Option<UserId>,
        /// The id of the book.
        pub book_uid: BookId,
    }
}

impl Review {
    /// Returns a new review; its key and creation time are those of `new_id`.
    ///
    /// ```
    /// use recto_domain::{BookId, Input, NewReview, Review, NewId, UserId};
    /// use serde_json::json;
    ///
    /// let new_id = |n| NewId::new(1_767_225_600_000, [n; 10]);
    /// let (user, book) = (new_id(1).uid(), new_id(2).uid());
    /// let new = NewReview::parse(&json!({"rating": 5, "review_text": ""}))?;
    /// let review = Review::new(new_id(3), new, UserId::from_uuid(user), BookId::from_uuid(book));
    /// assert_eq!(review.rating.get(), 5);
    /// # Ok::<(), recto_domain::Violations>(())
    /// ```
    pub fn new(new_id: NewId, new: NewReview, reader: UserId, book: BookId) -> Self {
        let NewReview { rating, review_text } = new;
        Self {
            uid: ReviewId::from_uuid(new_id.uid()),
            rating,
            review_text,
            user_uid: Some(reader),
            book_uid: book,
            created_at: new_id.at(),
            updated_at: new_id.at(),
            version: Version::FIRST,
        }
    }
}

impl Create for Review {
    type New = NewReview;
    type Parent = BookId;

    fn create(new_id: NewId, new: NewReview, book: BookId, user: UserId) -> Self {
        Self::new(new_id, new, user, book)
    }
}

impl Update for Review {
    type Patch = ReviewPatch;

    fn apply(&mut self, patch: ReviewPatch, now: DateTime<Utc>) -> bool {
        let ReviewPatch { rating, review_text } = patch;
        let changed =
            rating.apply_to(&mut self.rating) | review_text.apply_to(&mut self.review_text);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

input! {
    /// A review to create.
    pub struct NewReview {
        /// The rating, from 1 (worst) to 5 (best).
        pub rating: Rating,
        /// The text; may be empty.
        pub review_text: ReviewText,
    }
}

input! {
    /// Changes to a review. Absent fields stay as they are.
    pub struct ReviewPatch {
        /// The new rating, from 1 (worst) to 5 (best).
        pub rating: Change<Rating>,
        /// The new text; may be empty.
        pub review_text: Change<ReviewText>,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Input;

    #[test]
    fn ratings_are_one_to_five() {
        for number in 1..=5 {
            assert_eq!(i64::from(Rating::new(number).unwrap()), number);
        }
        for number in [i64::MIN, -1, 0, 6, 256, 257, i64::MAX] {
            assert!(Rating::try_from(number).is_err(), "{number}");
        }
        for text in ["", "0", "6", "4.5", "five"] {
            assert!(text.parse::<Rating>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn texts_may_be_empty_or_multiline() {
        assert_eq!(ReviewText::parse("").unwrap().as_str(), "");
        assert_eq!(ReviewText::parse("One.\n\n\tTwo.\n").unwrap().as_str(), "One.\n\n\tTwo.");
        assert!(ReviewText::parse("One.\0").is_err());
        assert!(ReviewText::parse(&"é".repeat(20_000)).is_ok());
        assert!(ReviewText::parse(&"é".repeat(20_001)).is_err());
    }

    #[test]
    fn patch_changes_given_fields() {
        let id = |n| NewId::new(1000, [n; 10]).uid();
        let new = NewReview::parse(&json!({"rating": 2, "review_text": "Hm."})).unwrap();
        let new_id = NewId::new(1000, [1; 10]);
        let mut review =
            Review::new(new_id, new, UserId::from_uuid(id(2)), BookId::from_uuid(id(3)));
        let later = NewId::new(2000, [1; 10]).at();

        assert!(!review.apply(ReviewPatch::parse(&json!({"rating": 2})).unwrap(), later));
        assert_eq!(review.updated_at, new_id.at());
        assert!(review.apply(ReviewPatch::parse(&json!({"rating": 4})).unwrap(), later));
        assert_eq!((review.rating.get(), review.review_text.as_str()), (4, "Hm."));
        assert_eq!(review.updated_at, later);
    }

    #[test]
    fn updated_at_increases_despite_clock() {
        let id = NewId::new(1000, [1; 10]);
        let new = NewReview::parse(&json!({"rating": 2, "review_text": ""})).unwrap();
        let mut review =
            Review::new(id, new, UserId::from_uuid(id.uid()), BookId::from_uuid(id.uid()));
        let earlier = NewId::new(500, [1; 10]).at();
        assert!(review.apply(ReviewPatch::parse(&json!({"rating": 4})).unwrap(), earlier));
        assert_eq!(review.updated_at, NewId::new(1001, [1; 10]).at());
    }

    proptest! {
        #[test]
        fn parse_inverts_display(number in 1..=5_i64) {
            let rating = Rating::new(number).unwrap();
            prop_assert_eq!(rating.to_string().parse::<Rating>().unwrap(), rating);
        }

        #[test]
        fn arbitrary_text_does_not_panic(raw in any::<String>()) {
            let _ = raw.parse::<Rating>();
            if let Ok(text) = ReviewText::parse(&raw) {
                let shown = text.to_string();
                prop_assert_eq!(ReviewText::parse(&shown).unwrap(), text);
            }
        }
    }
}
