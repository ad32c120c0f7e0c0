//! The client against servers of its own: Recto on both engines, and a fake one that loses
//! responses.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

mod account;
mod errors;
mod items;
mod lost_responses;
mod pages;
mod relations;
mod retries;
mod sessions;
mod support;
