//! Support code of the benches.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod catalogue;
pub(crate) mod workspace;
