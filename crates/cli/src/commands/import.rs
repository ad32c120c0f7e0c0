//! `recto import`.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use recto_persistence::{DatabaseUrl, Options};

use crate::database::{self, DatabaseError, IfBehind};
use crate::import::catalogue::Catalogue;
use crate::import::goodbooks;
use crate::import::progress::Progress;

/// Why an import failed or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The database cannot be written to at all.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The files cannot be read, or what they hold not be written.
    #[error(transparent)]
    Goodbooks(#[from] goodbooks::ImportError<recto_persistence::Error>),
}

/// Brings a goodbooks-10k directory into the database.
pub(super) fn goodbooks(url: &DatabaseUrl, directory: &Path) -> Result<(), ImportError> {
    // A mistyped directory must not leave a new, empty database behind.
    goodbooks::open_books(directory)?;
    let options = Options { connections: NonZeroUsize::MIN, ..Options::default() };
    let database = database::open(url, options, IfBehind::Refuse)?;
    let began = Instant::now();
    let mut catalogue = Catalogue::new(database);
    let total = goodbooks::import(directory, &mut catalogue, &mut Progress::new())?;
    eprintln!("{}", total.summary(began.elapsed()));
    Ok(())
}
