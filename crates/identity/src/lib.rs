//! Passwords, tokens, throttling and access rules of Recto.
//!
//! * [`password`]: password hashing with Argon2id;
//! * [`token`]: access tokens (RFC 9068);
//! * [`secret`]: the server's secret, keys derived from it, and hashes of bearer secrets;
//! * [`device`]: recognizing devices;
//! * [`mailed_token`]: tokens of links in mails;
//! * [`throttle`]: limits on sign-ins, sign-ups and mails;
//! * [`quota`]: quotas of accounts;
//! * [`access`]: access rules.
//!
//! This crate knows neither HTTP nor SQL: other crates send the tokens and store the hashes.

pub mod access;
mod client_address;
pub mod device;
pub mod mailed_token;
pub mod password;
pub mod quota;
pub mod secret;
pub mod throttle;
pub mod token;

pub use access::{Access, AccessDenied, AuthenticatedBy, Caller, Forbidden};
pub use client_address::ClientAddress;
