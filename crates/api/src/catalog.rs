//! The module `catalog`: writing books, reviews and users. All else is done by the generic handlers
//! of [`crud`](crate::crud).

pub(crate) mod authors;
pub(crate) mod batch;
pub(crate) mod books;
pub(crate) mod reviews;
pub(crate) mod tags;
pub(crate) mod users;
