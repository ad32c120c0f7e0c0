//! `recto import`.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use recto_domain::{AuditAction, AuditDetail, AuditEntry, IdGenerator as _};
use recto_persistence::identity::audit;
use recto_persistence::{DatabaseUrl, Options, SystemIds};

use crate::database::{self, DatabaseError, PendingMigrations};
use crate::import::database::DatabaseTarget;
use crate::import::goodbooks;
use crate::import::progress::Progress;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportCommandError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Goodbooks(#[from] goodbooks::GoodbooksError<recto_persistence::Error>),
    /// The start of the import could not be recorded.
    #[error(transparent)]
    Audit(#[from] recto_persistence::Error),
}

/// Imports a goodbooks-10k directory into the database.
pub(super) fn goodbooks(url: &DatabaseUrl, directory: &Path) -> Result<(), ImportCommandError> {
    // A wrong directory must not create a database.
    goodbooks::open_books(directory)?;
    let options = Options { connections: NonZeroUsize::MIN, ..Options::default() };
    let database = database::open(url, options, PendingMigrations::Refuse)?;
    // Before the first row, so that an import that is stopped is recorded, too.
    let mut entry = AuditEntry::new(SystemIds.new_id(), AuditAction::ImportStarted);
    entry.detail = AuditDetail::parse("command line, goodbooks").ok();
    database.write_blocking(move |conn| audit::insert(conn, &entry))?;
    let started = Instant::now();
    let mut target = DatabaseTarget::new(database);
    let summary = goodbooks::import(directory, &mut target, &mut Progress::new())?;
    crate::log::print(summary.sentence(started.elapsed()));
    Ok(())
}
