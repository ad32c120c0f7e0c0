//! The room `catalog`: what is written there. Reading is [`read`](crate::read)'s.

pub(crate) mod batch;
pub(crate) mod books;
pub(crate) mod reviews;
pub(crate) mod users;
