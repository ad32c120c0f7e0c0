//! Recto's entities and relations on Diesel, on SQLite and PostgreSQL alike.
//!
//! Upper layers hold a [`Database`] and give it closures over a [`Connection`]; in there they call
//! the connection's methods and the plain synchronous functions of this crate. The
//! [`DatabaseUrl`] decides at run time which engine answers.
//!
//! * [`catalog`], [`blog`], [`school`], [`org`], [`identity`]: the modules, each with its rows and
//!   with what is particular about writing them;
//! * [`write`](mod@write): creating, changing and deleting entities of any module;
//! * [`migrations`]: the versions of the schema;
//! * [`schema`]: the tables.
//!
//! `relations.rs` maps every relation in one line. Loading, paging, counting and filtering are
//! those of `recto-relations-diesel`, for tables of anybody's.

pub mod blog;
pub mod catalog;
mod connection;
mod database;
mod error;
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
pub use database::{Database, DatabaseUrl, DatabaseUrlError, Options};
pub use error::{Error, Failure, WorkError};
pub use ids::SystemIds;
#[doc(no_inline)]
pub use recto_relations::PageRequest;
#[doc(no_inline)]
pub use recto_relations_diesel::{
    Corrupt, Engine, Lock, MappedMany, MappedOne, Page, Stored, Writable,
};
pub use write::{References, Rules};
