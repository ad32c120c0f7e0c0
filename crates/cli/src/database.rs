//! Opening the database, with the schema that the program requires.

use recto_persistence::migrations::{self, MigrationError, SchemaState};
use recto_persistence::{Connection, Database, DatabaseUrl, Options};

/// The reason why a database cannot be used. Passwords are removed from URLs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("{url} does not exist")]
    Missing { url: String },
    #[error("{url}: {source}")]
    Failed { url: String, source: recto_persistence::Error },
    /// Its migrations cannot be listed, applied or reverted.
    #[error("{url}: {source}")]
    Migration { url: String, source: MigrationError },
    /// Migrations are pending, and must not be applied here.
    #[error(
        "{url}: the database has not been migrated (pending: {}); run `recto migrate`, or start the server with `--migrate`",
        missing.join(", ")
    )]
    Behind {
        url: String,
        /// The names of the pending migrations.
        missing: Vec<String>,
    },
    /// A newer program has migrated it.
    #[error(
        "{url}: the database is newer than this program (unknown migrations: {}); use the version of `recto` that migrated it, or a later one",
        versions.join(", ")
    )]
    Newer { url: String, versions: Vec<String> },
}

/// The treatment of pending migrations on a server. An embedded database, which no other program
/// uses, is always migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingMigrations {
    Apply,
    /// They are an error, since other programs may depend on the old schema.
    Refuse,
}

/// Opens a database, whose schema must be that of this program.
pub(crate) fn open(
    url: &DatabaseUrl,
    options: Options,
    pending: PendingMigrations,
) -> Result<Database, DatabaseError> {
    let mut conn = connect(url)?;
    match state(url, &mut conn)? {
        SchemaState::Current => {}
        SchemaState::Behind(_) if url.is_embedded() || pending == PendingMigrations::Apply => {
            for name in migrate(url, &mut conn)? {
                tracing::info!(migration = name, "applied a migration");
            }
        }
        SchemaState::Behind(missing) => {
            return Err(DatabaseError::Behind { url: url.to_string(), missing });
        }
        SchemaState::Newer(versions) => {
            return Err(DatabaseError::Newer { url: url.to_string(), versions });
        }
    }
    Database::open(url, options)
        .map_err(|source| DatabaseError::Failed { url: url.to_string(), source })
}

/// Checks that the file of an embedded database exists.
pub(crate) fn check_exists(url: &DatabaseUrl) -> Result<(), DatabaseError> {
    match url.path() {
        Some(path) if !path.exists() => Err(DatabaseError::Missing { url: url.to_string() }),
        _ => Ok(()),
    }
}

/// Connects without checking the schema.
pub(crate) fn connect(url: &DatabaseUrl) -> Result<Connection, DatabaseError> {
    Database::connect(url).map_err(|source| DatabaseError::Failed { url: url.to_string(), source })
}

/// Compares the schema with this program's.
pub(crate) fn state(
    url: &DatabaseUrl,
    conn: &mut Connection,
) -> Result<SchemaState, DatabaseError> {
    migrations::state(conn).map_err(|source| migration_error(url, source))
}

/// Applies pending migrations and returns their names.
pub(crate) fn migrate(
    url: &DatabaseUrl,
    conn: &mut Connection,
) -> Result<Vec<String>, DatabaseError> {
    migrations::apply(conn).map_err(|source| migration_error(url, source))
}

/// Adds the URL of the database to an error.
pub(crate) fn migration_error(url: &DatabaseUrl, source: MigrationError) -> DatabaseError {
    DatabaseError::Migration { url: url.to_string(), source }
}
