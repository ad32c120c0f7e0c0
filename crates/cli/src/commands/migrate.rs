//! `recto migrate`, `recto migrate status`, `recto migrate revert`.

use recto_persistence::migrations::{self, SchemaState};
use recto_persistence::{Connection, DatabaseUrl};

use super::{CommandError, print};
use crate::cli::MigrateAction;
use crate::database::{self, DatabaseError};

/// Applies, lists or reverts migrations, and prints a line for each.
pub(super) fn run(url: &DatabaseUrl, action: Option<MigrateAction>) -> Result<(), CommandError> {
    if let Some(MigrateAction::Revert) = action {
        // Connecting would create the file.
        database::check_exists(url)?;
    }
    let mut conn = database::connect(url)?;
    match action {
        None => apply(url, &mut conn),
        Some(MigrateAction::Status) => status(url, &mut conn),
        Some(MigrateAction::Revert) => revert(url, &mut conn),
    }
}

fn apply(url: &DatabaseUrl, conn: &mut Connection) -> Result<(), CommandError> {
    refuse_newer(url, conn)?;
    let applied = database::migrate(url, conn)?;
    if applied.is_empty() {
        print(&"nothing to apply")?;
    }
    for name in applied {
        print(&format_args!("applied {name}"))?;
    }
    Ok(())
}

fn status(url: &DatabaseUrl, conn: &mut Connection) -> Result<(), CommandError> {
    let all = migrations::list(conn).map_err(|source| database::migration_error(url, source))?;
    for migration in all {
        let status = if migration.applied { "applied" } else { "pending" };
        print(&format_args!("{status} {}", migration.name))?;
    }
    if let SchemaState::Newer(versions) = database::state(url, conn)? {
        for version in versions {
            print(&format_args!("unknown {version}"))?;
        }
    }
    Ok(())
}

fn revert(url: &DatabaseUrl, conn: &mut Connection) -> Result<(), CommandError> {
    refuse_newer(url, conn)?;
    let name = migrations::revert(conn).map_err(|source| database::migration_error(url, source))?;
    print(&format_args!("reverted {name}"))?;
    Ok(())
}

/// Refuses a database that a newer program has migrated.
fn refuse_newer(url: &DatabaseUrl, conn: &mut Connection) -> Result<(), DatabaseError> {
    match database::state(url, conn)? {
        SchemaState::Newer(versions) => {
            Err(DatabaseError::Newer { url: url.to_string(), versions })
        }
        SchemaState::Current | SchemaState::Behind(_) => Ok(()),
    }
}
