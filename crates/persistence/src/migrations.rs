//! Versions of the schema, embedded in the program and applied under a lock.

use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use recto_relations_diesel::{Engine, RawConnection};

use crate::{Connection, Error};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// The advisory lock for migrations on PostgreSQL: "recto" in ASCII.
const ADVISORY_LOCK: i64 = 0x72_65_63_74_6f;

/// A migration, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name, which begins with a date: `2026-11-22-000001_catalog`.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// The database's schema compared with the one that this program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// It is the same.
    Current,
    /// These migrations are not applied.
    Behind(Vec<String>),
    /// These applied versions are unknown to the program.
    Newer(Vec<String>),
}

/// An error of applying, listing or reverting migrations.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
    /// The migration failed and was rolled back.
    #[error("migration failed: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// No migration is applied.
    #[error("no migration has been applied, so there is none to revert")]
    NothingToRevert,
}

/// Applies the pending migrations and returns their names. Other programs that migrate at the same
/// time wait.
///
/// # Errors
/// A migration that fails. It is rolled back, on SQLite with all others of this call.
pub fn apply(conn: &mut Connection) -> Result<Vec<String>, MigrationError> {
    locked(conn, |conn| {
        let applied = match conn.raw() {
            RawConnection::Sqlite(c) => c.run_pending_migrations(SQLITE),
            RawConnection::Postgres(c) => c.run_pending_migrations(POSTGRES),
        };
        let versions: Vec<String> =
            applied.map_err(MigrationError::Failed)?.iter().map(ToString::to_string).collect();
        let known = names(conn)?;
        Ok(known.into_iter().filter(|(v, _)| versions.contains(v)).map(|(_, name)| name).collect())
    })
}

/// Reverts the last applied migration and returns its name.
///
/// # Errors
/// [`NothingToRevert`](MigrationError::NothingToRevert); a migration that fails.
pub fn revert(conn: &mut Connection) -> Result<String, MigrationError> {
    locked(conn, |conn| {
        if list_unlocked(conn)?.iter().all(|migration| !migration.applied) {
            return Err(MigrationError::NothingToRevert);
        }
        let reverted = match conn.raw() {
            RawConnection::Sqlite(c) => c.revert_last_migration(SQLITE),
            RawConnection::Postgres(c) => c.revert_last_migration(POSTGRES),
        };
        let version = reverted.map_err(MigrationError::Failed)?.to_string();
        let name = names(conn)?.into_iter().find(|(known, _)| *known == version);
        Ok(name.map_or(version, |(_, name)| name))
    })
}

/// Lists the migrations of this program, oldest first.
pub fn list(conn: &mut Connection) -> Result<Vec<Migration>, MigrationError> {
    locked(conn, list_unlocked)
}

fn list_unlocked(conn: &mut Connection) -> Result<Vec<Migration>, MigrationError> {
    let applied = applied(conn)?;
    Ok(names(conn)?
        .into_iter()
        .map(|(version, name)| Migration { applied: applied.contains(&version), name })
        .collect())
}

/// Compares the database's schema with the one that this program needs.
pub fn state(conn: &mut Connection) -> Result<SchemaState, MigrationError> {
    locked(conn, state_unlocked)
}

fn state_unlocked(conn: &mut Connection) -> Result<SchemaState, MigrationError> {
    let known = names(conn)?;
    let unknown: Vec<String> = applied(conn)?
        .into_iter()
        .filter(|version| !known.iter().any(|(known, _)| known == version))
        .collect();
    if !unknown.is_empty() {
        return Ok(SchemaState::Newer(unknown));
    }
    let pending: Vec<String> = list_unlocked(conn)?
        .into_iter()
        .filter(|migration| !migration.applied)
        .map(|migration| migration.name)
        .collect();
    Ok(if pending.is_empty() { SchemaState::Current } else { SchemaState::Behind(pending) })
}

/// Returns versions and names of the migrations, oldest first.
fn names(conn: &Connection) -> Result<Vec<(String, String)>, MigrationError> {
    let mut names: Vec<(String, String)> = match conn.engine() {
        Engine::Sqlite => {
            let all = diesel::migration::MigrationSource::<Sqlite>::migrations(&SQLITE);
            all.map_err(MigrationError::Failed)?
                .iter()
                .map(|m| version_and_name(m.name()))
                .collect()
        }
        Engine::Postgres => {
            let all = diesel::migration::MigrationSource::<Pg>::migrations(&POSTGRES);
            all.map_err(MigrationError::Failed)?
                .iter()
                .map(|m| version_and_name(m.name()))
                .collect()
        }
    };
    names.sort();
    Ok(names)
}

fn version_and_name(name: &dyn diesel::migration::MigrationName) -> (String, String) {
    (name.version().to_string(), name.to_string())
}

/// Returns the applied versions, whether this program knows them or not.
///
/// Diesel creates its table if it is missing. On PostgreSQL that fails if two programs do it at
/// once, so even reading needs the lock.
fn applied(conn: &mut Connection) -> Result<Vec<String>, MigrationError> {
    let versions = match conn.raw() {
        RawConnection::Sqlite(c) => c.applied_migrations(),
        RawConnection::Postgres(c) => c.applied_migrations(),
    };
    let versions = versions.map_err(MigrationError::Failed)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// Runs `work` while no other program migrates.
fn locked<T>(
    conn: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, MigrationError>,
) -> Result<T, MigrationError> {
    match conn.engine() {
        // The transaction holds the write lock; migrations become savepoints.
        Engine::Sqlite => conn.transaction(work),
        Engine::Postgres => {
            conn.execute_batch(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))?;
            let result = work(conn);
            conn.execute_batch(&format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})"))?;
            result
        }
    }
}
