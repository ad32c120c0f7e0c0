//! The module `catalog`: users, books, reviews, tags and authors.

mod author;
mod book;
mod relations;
mod review;
mod tag;
mod user;

pub use author::{
    Author, AuthorName, AuthorPatch, Contribution, Contributor, ContributorRole, Contributors,
};
pub use book::{
    BatchOutcome, Book, BookBatch, BookEntry, BookOutcome, BookOutcomes, BookPatch, CreditLine,
    Isbn, Language, NewBook, NewBookGraph, PageCount, PublishedDate, Publisher, Title,
};
pub use relations::*;
pub use review::{NewReview, Rating, Review, ReviewPatch, ReviewText};
pub use tag::{NewTag, Tag, TagName, TagNames};
pub use user::{PersonName, User, UserPatch, Username};
