//! Bringing catalogues in from files.
//!
//! A format ([`goodbooks`]) reads its [`sheet`]s row by row, turns each row
//! into domain values or names what is wrong with it ([`problem`]), and hands
//! batches to a [`sink`], which writes them: to the [`catalogue`]. What was read
//! is reconciled with what was written in a [`tally`] a file.

pub(crate) mod catalogue;
pub(crate) mod goodbooks;
pub(crate) mod problem;
pub(crate) mod progress;
pub(crate) mod sheet;
pub(crate) mod sink;
pub(crate) mod tally;
