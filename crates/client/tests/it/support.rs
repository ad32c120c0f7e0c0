//! Support code.

pub(crate) mod fake_server;
pub(crate) mod fixtures;
