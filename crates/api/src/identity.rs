//! The module `identity`: accounts, sessions, API keys, passwords, mailed tokens and the audit log.

pub(crate) mod account;
pub(crate) mod account_fields;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod email_change;
pub(crate) mod export;
pub(crate) mod key_usage;
pub(crate) mod mail_requests;

pub(crate) mod passwords;
pub(crate) mod pruning;
pub(crate) mod revocable;
pub(crate) mod sessions;
pub(crate) mod token_holder;
pub(crate) mod verification;
