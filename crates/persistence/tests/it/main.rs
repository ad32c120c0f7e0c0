//! Tests of the persistence floor against real databases: whatever holds on
//! SQLite has to hold on PostgreSQL, so each test is written once and run on
//! both.

mod catalogue;
mod conflicts;
mod database;
mod filters;
mod imports;
mod introspection;
mod loading;
mod migrations;
mod model;
mod pages;
mod plans;
mod present;
mod relations;
mod schema;
