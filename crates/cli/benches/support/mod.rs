//! What the benches share.

pub(crate) mod catalogue;
pub(crate) mod workspace;
