//! `recto migrate`, `recto migrate status`, `recto migrate revert`.

use recto_persistence::migrations::{self, State};
use recto_persistence::{Connection, DatabaseUrl};

use super::{CommandError, print};
use crate::cli::MigrateAction;
use crate::database::{self, DatabaseError};

/// Applies, lists or undoes migrations, and prints a line for each.
pub(super) fn run(url: &DatabaseUrl, action: Option<MigrateAction>) -> Result<(), CommandError> {
    if let Some(MigrateAction::Revert) = action {
        // To undo something in a database is not to make one.
        database::must_exist(url)?;
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
    let all = migrations::list(conn).map_err(|source| database::failed(url, source))?;
    for migration in all {
        let standing = if migration.applied { "applied" } else { "pending" };
        print(&format_args!("{standing} {}", migration.name))?;
    }
    if let State::Newer(versions) = database::state(url, conn)? {
        for version in versions {
            print(&format_args!("unknown {version}"))?;
        }
    }
    Ok(())
}

fn revert(url: &DatabaseUrl, conn: &mut Connection) -> Result<(), CommandError> {
    refuse_newer(url, conn)?;
    let name = migrations::revert(conn).map_err(|source| database::failed(url, source))?;
    print(&format_args!("reverted {name}"))?;
    Ok(())
}

/// What a later program has done to the database is its own to build on or undo.
fn refuse_newer(url: &DatabaseUrl, conn: &mut Connection) -> Result<(), DatabaseError> {
    match database::state(url, conn)? {
        State::Newer(versions) => Err(DatabaseError::Newer { url: url.to_string(), versions }),
        State::Current | State::Behind(_) => Ok(()),
    }
}
