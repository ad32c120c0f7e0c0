//! The program, run as a process: what it prints where, and how it exits.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

mod book;
mod import;
mod mail;
mod migrate;
mod page;
mod program;
mod schema;
mod serve;
mod settings;
mod tour;
mod user;
