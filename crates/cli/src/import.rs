//! Importing catalogues from files.
//!
//! A format ([`goodbooks`]) reads the rows of a [`csv_file`], parses them into domain values or
//! reports a [`problem`], and passes batches to a [`target`], the [`database`]. The [`summary`]
//! counts the rows of each file.

pub(crate) mod csv_file;
pub(crate) mod database;
pub(crate) mod goodbooks;
pub(crate) mod problem;
pub(crate) mod progress;
pub(crate) mod summary;
pub(crate) mod target;
