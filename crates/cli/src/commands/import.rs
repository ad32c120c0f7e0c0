//! `recto import`.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use recto_persistence::{DatabaseUrl, Options};

use crate::database::{self, DatabaseError, PendingMigrations};
use crate::import::database::DatabaseTarget;
use crate::import::goodbooks;
use crate::import::progress::Progress;

/// Why an import failed or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportCommandError {
    /// The database cannot be written to at all.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The files cannot be read, or what they hold not be written.
    #[error(transparent)]
    Goodbooks(#[from] goodbooks::GoodbooksError<recto_persistence::Error>),
}

/// Brings a goodbooks-10k directory into the database.
pub(super) fn goodbooks(url: &DatabaseUrl, directory: &Path) -> Result<(), ImportCommandError> {
    // A mistyped directory must not leave a new, empty database behind.
    goodbooks::open_books(directory)?;
    let options = Options { connections: NonZeroUsize::MIN, ..Options::default() };
    let database = database::open(url, options, PendingMigrations::Refuse)?;
    let began = Instant::now();
    let mut catalogue = DatabaseTarget::new(database);
    let total = goodbooks::import(directory, &mut catalogue, &mut Progress::new())?;
    eprintln!("{}", total.summary(began.elapsed()));
    Ok(())
}
