//! The database engines.

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, embedded in the process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}
