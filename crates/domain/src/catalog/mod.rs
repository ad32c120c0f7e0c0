//! The room `catalog`: people, their books, the reviews and the tags.

mod book;
mod relations;
mod review;
mod tag;
mod user;

pub use book::{
    Author, Book, BookBatch, BookEntry, BookOutcome, BookOutcomes, BookPatch, Isbn, Language,
    NewBook, Outcome, PageCount, PublishedDate, Publisher, Title,
};
pub use relations::*;
pub use review::{NewReview, Rating, Review, ReviewPatch, ReviewText};
pub use tag::{NewTag, Tag, TagName, TagNames};
pub use user::{PersonName, User, UserPatch, Username};
