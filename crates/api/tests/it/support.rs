//! Support code of the tests.

pub(crate) mod accounts;
pub(crate) mod assertions;
pub(crate) mod fixtures;
pub(crate) mod json_schema;
pub(crate) mod limits;
pub(crate) mod mailbox;
pub(crate) mod matrix;
pub(crate) mod operations;
pub(crate) mod parallel;
pub(crate) mod raw_http;
pub(crate) mod samples;
