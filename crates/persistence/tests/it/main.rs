//! Tests of the persistence crate with real databases. Each test runs on both engines.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

mod associations;
mod bulk_writes;
mod conflicts;
mod contributors;
mod database;
mod database_files;
mod faults;
mod filters;
mod hanging_server;
mod identity_accounts;
mod identity_audit;
mod identity_mail;
mod identity_pruning;
mod identity_sessions;
mod imports;
mod integer_keys;
mod loading;
mod migrations;
mod own_schema;
mod pages;
mod plans;
mod relations;
mod requests;
mod schema;
mod support;
mod transactions;
mod writes;
