//! Bringing catalogues in from files.
//!
//! A format ([`goodbooks`]) reads its [`csv_file`]s row by row, turns each row
//! into domain values or names what is wrong with it ([`problem`]), and hands
//! batches to a [`target`], which writes them: to the [`catalogue`]. What was read
//! is reconciled with what was written in a [`tally`] a file.

pub(crate) mod csv_file;
pub(crate) mod database;
pub(crate) mod goodbooks;
pub(crate) mod problem;
pub(crate) mod progress;
pub(crate) mod summary;
pub(crate) mod target;
