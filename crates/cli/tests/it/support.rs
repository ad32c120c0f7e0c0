//! Support code of the tests.

pub(crate) mod documents;
pub(crate) mod program;
