//! The module `identity`: accounts, sessions, API keys, passwords, mailed tokens and the audit log.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod auth;
pub mod key_usage;
pub(crate) mod keys;
pub mod mailed;
pub(crate) mod mailing;
pub mod password;
pub(crate) mod passwords;
pub(crate) mod pruning;
pub(crate) mod revocable;
pub mod secret;
pub(crate) mod sessions;
pub mod token;
