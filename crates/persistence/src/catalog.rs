//! The catalogue: users, books, authors, reviews and tags.

pub mod author;
pub mod batch;
pub mod book;
pub mod book_contributor;
pub mod book_graph;
pub mod book_tag;
mod creator;
pub mod import;
mod insert;
pub mod review;
pub mod tag;
pub mod user;

pub use book::BookFilter;
pub use creator::Creator;
pub use user::UserFilter;
