//! Support code of the tests.

pub(crate) mod consistency;
pub(crate) mod documents;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod writers;
