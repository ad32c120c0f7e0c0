//! A disposable Recto for integration tests, on SQLite and PostgreSQL.

pub mod database;
pub mod mint;
pub mod postgres;
pub mod server;

// The Rust code in the documents compiles and runs, as examples of this crate.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../ARCHITECTURE.md")]
    struct Architecture;
    #[doc = include_str!("../../../docs/api-conventions.md")]
    struct ApiConventions;
}
