//! Recto's entities and relations on Diesel, on SQLite and PostgreSQL alike.
//!
//! Upper floors hold a [`Database`] and give it closures over a
//! [`Connection`]; what they call in there are the plain synchronous functions
//! of this crate. Which engine answers is decided by the
//! [`DatabaseUrl`] at run time and seen nowhere above.
//!
//! * [`relation`]: loading entities with the relations that an include tree
//!   asks for, by batch;
//! * [`catalog`], [`identity`]: the rooms, each with what is written there;
//! * [`map_relations!`], [`stored!`]: the same for tables of one's own;
//! * [`migrations`]: the schema's versions;
//! * [`schema`]: the tables.

pub mod blog;
pub mod catalog;
#[doc(hidden)]
pub mod connection;
mod database;
mod error;
pub mod identity;
pub mod migrations;
mod mint;
mod numbered;
pub mod org;
#[doc(hidden)]
pub mod query;
pub mod relation;
#[doc(hidden)]
pub mod row;
#[expect(missing_docs, reason = "Diesel's macros write the items")]
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "as Diesel prints them"))]
pub mod schema;
pub mod school;
pub mod sql_types;

#[doc(inline)]
pub use connection::Connection;
pub use database::{Database, DatabaseUrl, DatabaseUrlError, Options};
pub use error::{Error, Failure};
pub use mint::SystemMint;
pub use numbered::{Numbered, Refused};
#[doc(inline)]
pub use query::SqlKey;
pub use recto_relations::PageRequest;
pub use relation::{
    MappedMany, MappedOne, Page, Stored, find, page, page_where, related, related_one,
};
