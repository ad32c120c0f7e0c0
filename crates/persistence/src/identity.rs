//! The room `identity`: accounts.

pub mod account;
