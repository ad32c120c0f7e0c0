//! Support code of the benches.

pub(crate) mod catalogue;
pub(crate) mod workspace;
