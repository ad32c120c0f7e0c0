//! Who may do what in Recto: passwords, tokens, throttling and access rules.
//!
//! * [`password`]: hashing and checking passwords with Argon2id;
//! * [`token`]: access tokens (RFC 9068);
//! * [`secret`]: the server's secret, keys derived from it, and hashes of bearer secrets;
//! * [`mailed_token`]: the tokens of links in mails;
//! * [`throttle`]: how often a client may try;
//! * [`access`]: what a caller may do.
//!
//! No HTTP and no SQL: layers above send the tokens, and store the hashes.

pub mod access;
mod client;
pub mod mailed_token;
pub mod password;
pub mod secret;
pub mod throttle;
pub mod token;

pub use access::{Access, Caller, Forbidden};
pub use client::Client;
