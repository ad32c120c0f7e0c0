//! Tests of the persistence crate against real databases: whatever holds on
//! SQLite has to hold on PostgreSQL, so each test is written once and run on
//! both.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

mod associations;
mod conflicts;
mod contributors;
mod database;
mod filters;
mod graphs;
mod identity_accounts;
mod identity_mail;
mod identity_records;
mod identity_sessions;
mod imports;
mod integer_keys;
mod loading;
mod migrations;
mod own_schema;
mod pages;
mod plans;
mod relations;
mod schema;
mod support;
mod writes;
