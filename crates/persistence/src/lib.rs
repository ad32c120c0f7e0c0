//! Recto's entities and relations on Diesel, for SQLite and PostgreSQL.
//!
//! The crates above pass closures to a [`Database`]. A closure receives a [`Connection`] and calls
//! its methods and the synchronous functions of this crate. The [`DatabaseUrl`] selects the engine
//! at run time.
//!
//! * [`catalog`], [`blog`], [`school`], [`org`], [`identity`]: the modules, with their rows and
//!   their own operations;
//! * [`write`](mod@write): creating, changing and deleting entities of any module;
//! * [`migrations`]: the versions of the schema;
//! * [`schema`]: the tables.
//!
//! Functions that take a [`Connection`] can return [`Error::Failure`]; their documentation lists
//! other errors only.
//!
//! `relations.rs` maps each relation in one line. `recto-relations-diesel` loads, pages, counts and
//! filters.

pub mod blog;
pub mod catalog;
mod connection;
mod database;
mod error;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "as in schema.rs"))]
mod generated;
pub mod identity;
mod ids;
pub mod migrations;
pub mod org;
mod relations;
mod row;
#[expect(missing_docs, reason = "Diesel's macros write the items")]
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "as Diesel prints them"))]
pub mod schema;
pub mod school;
pub mod sql_types;
pub mod write;

pub use connection::{Connection, Recto};
pub use database::{
    ClassStatistics, Database, DatabaseUrl, DatabaseUrlError, Options, Statistics, Unhealthy,
    is_expensive,
};
pub use error::{DatabaseFailure, Error, FileReplaced, WorkError};
pub use ids::SystemIds;
#[doc(no_inline)]
pub use recto_relations::PageRequest;
#[doc(no_inline)]
pub use recto_relations_diesel::{
    Corrupt, Engine, Lock, MappedMany, MappedOne, Page, Stored, Writable,
};
pub use write::{References, Rules};
