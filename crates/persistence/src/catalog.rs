//! The room `catalog`: users, books, authors, reviews and tags.

pub mod author;
pub mod batch;
pub mod book;
mod book_contributor;
mod book_tag;
pub mod import;
mod relations;
pub mod review;
pub mod tag;
pub mod user;

pub use book::BookFilter;
