//! The room `catalog`: users, books, reviews and tags.

pub mod batch;
pub mod book;
mod book_tag;
pub mod import;
mod relations;
pub mod review;
pub mod tag;
pub mod user;

pub use book::BookFilter;
