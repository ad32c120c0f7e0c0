//! Opening the database in a state that the program can work with.

use recto_persistence::migrations::{self, MigrationError, State};
use recto_persistence::{Connection, Database, DatabaseUrl, Options};

/// Why the database cannot be worked with. Each says which one it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// An embedded database that is not there.
    #[error("{url} does not exist")]
    Missing {
        /// The database.
        url: String,
    },
    /// It does not answer, or answers with an error.
    #[error("{url}: {source}")]
    Failed {
        /// The database, without its password.
        url: String,
        /// What went wrong.
        source: recto_persistence::Error,
    },
    /// It could not be migrated, or its migrations not be listed.
    #[error("{url}: {source}")]
    Migration {
        /// The database, without its password.
        url: String,
        /// What went wrong.
        source: MigrationError,
    },
    /// It lacks migrations, and is not to be migrated in passing.
    #[error(
        "{url}: the database has not been migrated: {} to be applied; run `recto migrate`, or start the server with `--migrate`",
        listed(.missing, "is", "are")
    )]
    Behind {
        /// The database, without its password.
        url: String,
        /// The names of the migrations that it lacks.
        missing: Vec<String>,
    },
    /// A later program has migrated it.
    #[error(
        "{url}: the database is newer than this program, which does not know its {}; use the `recto` that migrated it, or a later one",
        unknown(.versions)
    )]
    Newer {
        /// The database, without its password.
        url: String,
        /// The versions that this program does not know.
        versions: Vec<String>,
    },
}

/// What happens to a database on a server that lacks migrations. (An embedded
/// one, which no other program uses, is migrated in any case.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingMigrations {
    /// It is migrated.
    Apply,
    /// It is refused, with a hint: other programs may not be ready for it.
    Refuse,
}

/// Opens a database that has exactly the schema of this program.
///
/// # Errors
///
/// See [`DatabaseError`].
pub(crate) fn open(
    url: &DatabaseUrl,
    options: Options,
    pending: PendingMigrations,
) -> Result<Database, DatabaseError> {
    let mut conn = connect(url)?;
    match state(url, &mut conn)? {
        State::Current => {}
        State::Behind(_) if url.is_embedded() || pending == PendingMigrations::Apply => {
            for name in migrate(url, &mut conn)? {
                tracing::info!(migration = name, "applied");
            }
        }
        State::Behind(missing) => {
            return Err(DatabaseError::Behind { url: url.to_string(), missing });
        }
        State::Newer(versions) => {
            return Err(DatabaseError::Newer { url: url.to_string(), versions });
        }
    }
    Database::open(url, options)
        .map_err(|source| DatabaseError::Failed { url: url.to_string(), source })
}

/// Refuses an embedded database that is not there.
pub(crate) fn must_exist(url: &DatabaseUrl) -> Result<(), DatabaseError> {
    match url.path() {
        Some(path) if !path.exists() => Err(DatabaseError::Missing { url: url.to_string() }),
        _ => Ok(()),
    }
}

/// Connects without looking at the schema.
pub(crate) fn connect(url: &DatabaseUrl) -> Result<Connection, DatabaseError> {
    Database::connect(url).map_err(|source| DatabaseError::Failed { url: url.to_string(), source })
}

/// How the schema stands to this program's.
pub(crate) fn state(url: &DatabaseUrl, conn: &mut Connection) -> Result<State, DatabaseError> {
    migrations::state(conn).map_err(|source| failed(url, source))
}

/// Applies what is missing, and gives the names.
pub(crate) fn migrate(
    url: &DatabaseUrl,
    conn: &mut Connection,
) -> Result<Vec<String>, DatabaseError> {
    migrations::apply(conn).map_err(|source| failed(url, source))
}

/// Says of which database an error speaks.
pub(crate) fn failed(url: &DatabaseUrl, source: MigrationError) -> DatabaseError {
    DatabaseError::Migration { url: url.to_string(), source }
}

fn listed(names: &[String], one: &str, several: &str) -> String {
    let verb = if names.len() == 1 { one } else { several };
    format!("{} {verb}", names.join(", "))
}

fn unknown(versions: &[String]) -> String {
    let noun = if versions.len() == 1 { "migration" } else { "migrations" };
    format!("{noun} {}", versions.join(", "))
}
