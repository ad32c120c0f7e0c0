//! The schema's versions: embedded in the program, applied under a lock.

use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use recto_relations_diesel::{Engine, RawConnection};

use crate::{Connection, Error};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Taken by whoever migrates on PostgreSQL; "recto" in ASCII.
const ADVISORY_LOCK: i64 = 0x72_65_63_74_6f;

/// A version of the schema and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name, which begins with its date: `2026-11-22-000001_catalog`.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// How the database's schema stands to the one this program was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// They are the same.
    Current,
    /// These migrations are still to be applied.
    Behind(Vec<String>),
    /// The database has versions that this program does not know.
    Newer(Vec<String>),
}

/// A migration that could not be applied, listed or undone.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
    /// The migration failed, and has been undone.
    #[error("migration failed: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// There is nothing to undo.
    #[error("no migration has been applied, so there is none to revert")]
    NothingToRevert,
}

/// Applies what is still to be applied and gives the names. Of several
/// programs that start at once one does, and the others wait for it.
///
/// # Errors
/// A migration that fails; it is undone, those before it stay.
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

/// Undoes the migration that was applied last and gives its name.
///
/// # Errors
/// [`NothingToRevert`](MigrationError::NothingToRevert); a migration that fails.
pub fn revert(conn: &mut Connection) -> Result<String, MigrationError> {
    locked(conn, |conn| {
        if listed(conn)?.iter().all(|migration| !migration.applied) {
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

/// Every migration this program knows, oldest first.
///
/// # Errors
/// A failing database.
pub fn list(conn: &mut Connection) -> Result<Vec<Migration>, MigrationError> {
    locked(conn, listed)
}

fn listed(conn: &mut Connection) -> Result<Vec<Migration>, MigrationError> {
    let applied = applied(conn)?;
    Ok(names(conn)?
        .into_iter()
        .map(|(version, name)| Migration { applied: applied.contains(&version), name })
        .collect())
}

/// How the database's schema stands to this program's.
///
/// # Errors
/// A failing database.
pub fn state(conn: &mut Connection) -> Result<State, MigrationError> {
    locked(conn, compared)
}

fn compared(conn: &mut Connection) -> Result<State, MigrationError> {
    let known = names(conn)?;
    let unknown: Vec<String> = applied(conn)?
        .into_iter()
        .filter(|version| !known.iter().any(|(known, _)| known == version))
        .collect();
    if !unknown.is_empty() {
        return Ok(State::Newer(unknown));
    }
    let pending: Vec<String> = listed(conn)?
        .into_iter()
        .filter(|migration| !migration.applied)
        .map(|migration| migration.name)
        .collect();
    Ok(if pending.is_empty() { State::Current } else { State::Behind(pending) })
}

/// Versions and names of the migrations, oldest first.
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

/// Versions that the database has, whether or not this program knows them.
///
/// Diesel makes its table first where there is none, and on PostgreSQL two
/// that do so at once collide: hence the lock even around looking.
fn applied(conn: &mut Connection) -> Result<Vec<String>, MigrationError> {
    let versions = match conn.raw() {
        RawConnection::Sqlite(c) => c.applied_migrations(),
        RawConnection::Postgres(c) => c.applied_migrations(),
    };
    let versions = versions.map_err(MigrationError::Failed)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// Keeps every other migrating program out while `work` runs.
fn locked<T>(
    conn: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, MigrationError>,
) -> Result<T, MigrationError> {
    match conn.engine() {
        // Holds the write lock throughout; the migrations become savepoints.
        Engine::Sqlite => conn.transaction(work),
        Engine::Postgres => {
            conn.execute_batch(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))?;
            let result = work(conn);
            conn.execute_batch(&format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})"))?;
            result
        }
    }
}
