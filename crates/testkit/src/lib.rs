//! A disposable Recto for integration tests, on SQLite and PostgreSQL.

pub mod database;
pub mod mint;
pub mod postgres;
pub mod server;
