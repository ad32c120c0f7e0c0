//! Which columns the relations of the catalogue are stored in.

use recto_domain::{
    AuthorBooks, BookContributors, BookReviews, BookTags, BookUser, ReviewBook, ReviewUser,
    TagBooks, UserBooks, UserReviews,
};

use super::author::AuthorRow;
use super::book::BookRow;
use super::book_contributor::BookContributorRow;
use super::book_tag::BookTagRow;
use super::review::ReviewRow;
use super::tag::TagRow;
use crate::relation::map_relations;
use crate::schema::{authors, book_contributors, book_tags, books, reviews, tags, users};

map_relations! {
    /// The edges between the entities of the catalogue.
    pub(crate) static EDGES;

    UserBooks <=> BookUser: books.user_uid -> users.uid as BookRow;
    UserReviews <=> ReviewUser: reviews.user_uid -> users.uid as ReviewRow;
    BookReviews <=> ReviewBook: reviews.book_uid -> books.uid as ReviewRow;
    BookTags <=> TagBooks: book_tags(book_id -> books.uid as BookRow, tag_id -> tags.uid as TagRow) as BookTagRow;
    BookContributors <=> AuthorBooks: book_contributors(book_id -> books.uid as BookRow, author_id -> authors.uid as AuthorRow) as BookContributorRow by position;
}
