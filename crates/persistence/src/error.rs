//! Errors of work on the database.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use recto_domain::{Conflict, MODULES, User, Violations};
use recto_relations::{Cardinality, Entity as _, EntityInfo, Storage};
use recto_relations_diesel::{Corrupt, Interrupted};

/// An error of work on the database.
///
/// All variants except [`Failure`](Error::Failure) are mistakes of the request: sending it again
/// does not help while the data is the same.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request conflicts with stored data.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The input breaks rules that only the database can check.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// A foreign key refers to an entity that does not exist.
    #[error("{field} refers to no existing {}", entity.name.to_lowercase())]
    MissingReference {
        /// The foreign key.
        field: &'static str,
        /// The entity type that it refers to.
        entity: &'static EntityInfo,
    },
    /// The database failed.
    #[error(transparent)]
    Failure(#[from] DatabaseFailure),
}

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseFailure {
    /// A stored value breaks the rule of its type.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The queue is full, or the job waited too long.
    #[error("the database is overloaded")]
    Overloaded,
    /// The job did not end in time.
    #[error("the database did not respond in time")]
    TimedOut,
    /// Another transaction held a lock for too long.
    #[error("another transaction held a lock for too long")]
    LockTimedOut,
    /// The caller no longer waits.
    #[error("the caller no longer waits")]
    Cancelled,
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The database stayed locked for longer than the timeout.
    #[error("the database is busy")]
    Busy,
    /// Other transactions kept changing the same rows.
    #[error("other transactions kept changing the same rows")]
    Contended,
    /// There is no space for the write.
    #[error("the database has no space left: {0}")]
    StorageFull(String),
    /// The database cannot be written.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// A file of an embedded database was deleted or replaced while it was open.
    #[error(transparent)]
    FileReplaced(#[from] FileReplaced),
    /// The connection does not know whether a transaction is open.
    #[error("the state of the transaction is unknown: {0}")]
    BrokenTransaction(String),
    /// The work panicked.
    #[error("the query panicked: {0}")]
    Panicked(String),
    /// Any other error of the engine.
    #[error(transparent)]
    Query(DieselError),
}

/// The failure that a file of an embedded database was deleted or replaced while it was open.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} was deleted or replaced while the database was open", .0.display())]
pub struct FileReplaced(pub(crate) Arc<Path>);

impl DatabaseFailure {
    /// Returns whether the same work may succeed if it is run again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Contended => true,
            Self::Query(DieselError::DatabaseError(kind, info)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    // PostgreSQL reports a deadlock by its message only.
                    || info.message().contains("deadlock detected")
            }
            Self::Query(_)
            | Self::Corrupt(_)
            | Self::Overloaded
            | Self::TimedOut
            | Self::LockTimedOut
            | Self::Cancelled
            | Self::Unavailable(_)
            | Self::StorageFull(_)
            | Self::ReadOnly(_)
            | Self::FileReplaced(_)
            | Self::BrokenTransaction(_)
            | Self::Panicked(_) => false,
        }
    }

    /// Returns whether the connection may be broken.
    pub(crate) fn suspects_connection(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::StorageFull(_)
            | Self::ReadOnly(_)
            | Self::BrokenTransaction(_)
            | Self::Query(_)
            | Self::Panicked(_) => true,
            Self::Corrupt(_)
            | Self::Overloaded
            | Self::TimedOut
            | Self::LockTimedOut
            | Self::Cancelled
            | Self::Busy
            | Self::Contended
            | Self::FileReplaced(_) => false,
        }
    }
}

impl From<Corrupt> for Error {
    fn from(corrupt: Corrupt) -> Self {
        Self::Failure(corrupt.into())
    }
}

impl From<FileReplaced> for Error {
    fn from(replaced: FileReplaced) -> Self {
        Self::Failure(replaced.into())
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = &error else {
            return match Interrupted::of(&error) {
                Some(Interrupted::TimedOut) => DatabaseFailure::TimedOut,
                Some(Interrupted::Cancelled) => DatabaseFailure::Cancelled,
                None => transaction_failure(error),
            }
            .into();
        };
        let message = info.message();
        match kind {
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                DatabaseFailure::Unavailable(message.to_owned()).into()
            }
            DatabaseErrorKind::ReadOnlyTransaction => {
                DatabaseFailure::ReadOnly(message.to_owned()).into()
            }
            DatabaseErrorKind::Unknown => {
                match timeout(message).or_else(|| storage_failure(message)) {
                    Some(failure) => failure.into(),
                    None => DatabaseFailure::Query(error).into(),
                }
            }
            DatabaseErrorKind::ForeignKeyViolation => {
                match missing_reference(info.table_name(), info.constraint_name()) {
                    Some(missing) => missing,
                    None => DatabaseFailure::Query(error).into(),
                }
            }
            DatabaseErrorKind::UniqueViolation => {
                match unique_violation(message, info.constraint_name()) {
                    Some(violation) => violation,
                    None => DatabaseFailure::Query(error).into(),
                }
            }
            _ => DatabaseFailure::Query(error).into(),
        }
    }
}

/// Returns the failure of a statement that was cancelled: by a timeout on PostgreSQL, whose codes
/// Diesel does not pass on, or by its limits on SQLite.
fn timeout(message: &str) -> Option<DatabaseFailure> {
    if message == "canceling statement due to lock timeout" {
        Some(DatabaseFailure::LockTimedOut)
    } else if message.starts_with("canceling statement due to") || message == "interrupted" {
        Some(DatabaseFailure::TimedOut)
    } else {
        None
    }
}

/// Returns the failure for an error that the database did not report itself.
fn transaction_failure(error: DieselError) -> DatabaseFailure {
    match error {
        // Commit and rollback have failed. The cause is the error of the commit.
        DieselError::RollbackErrorOnCommit { commit_error, .. } => match (*commit_error).into() {
            error @ (Error::Failure(DatabaseFailure::Query(_))
            | Error::Conflict(_)
            | Error::Violations(_)
            | Error::MissingReference { .. }) => {
                DatabaseFailure::BrokenTransaction(error.to_string())
            }
            Error::Failure(failure) => failure,
        },
        DieselError::BrokenTransactionManager
        | DieselError::AlreadyInTransaction
        | DieselError::NotInTransaction => DatabaseFailure::BrokenTransaction(error.to_string()),
        error => DatabaseFailure::Query(error),
    }
}

/// Returns the failure of the storage that a message reports.
///
/// Diesel hides the codes of such errors. The messages of SQLite are those of `sqlite3_errstr`,
/// constants of the SQLite that is compiled in. Those of PostgreSQL are in English unless
/// `lc_messages` of the server is another language.
fn storage_failure(message: &str) -> Option<DatabaseFailure> {
    Some(match message {
        "database is locked" => DatabaseFailure::Busy,
        "database or disk is full" => DatabaseFailure::StorageFull(message.to_owned()),
        "attempt to write a readonly database" => DatabaseFailure::ReadOnly(message.to_owned()),
        "disk I/O error" | "unable to open database file" => {
            DatabaseFailure::Unavailable(message.to_owned())
        }
        // The text of the operating system, which PostgreSQL appends to its own (SQLSTATE 53100).
        _ if message.contains("No space left on device")
            || message.contains("Disk quota exceeded") =>
        {
            DatabaseFailure::StorageFull(message.to_owned())
        }
        // SQLSTATE 53200.
        _ if message.starts_with("out of memory")
            || message.starts_with("out of shared memory") =>
        {
            DatabaseFailure::Unavailable(message.to_owned())
        }
        // SQLSTATE 57P01 and 57P02, if the connection is not yet known to be closed.
        _ if message.starts_with("terminating connection") => {
            DatabaseFailure::Unavailable(message.to_owned())
        }
        _ => return None,
    })
}

/// The conversion of a link row without data cannot fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// An error type of work on the database.
pub trait WorkError: From<Error> + Send + 'static {
    /// Returns the database failure behind the error, if any. After a transient one the work runs
    /// again.
    fn failure(&self) -> Option<&DatabaseFailure>;
}

impl WorkError for Error {
    fn failure(&self) -> Option<&DatabaseFailure> {
        match self {
            Self::Failure(failure) => Some(failure),
            Self::Conflict(_) | Self::Violations(_) | Self::MissingReference { .. } => None,
        }
    }
}

/// The unique constraints that concurrent requests can violate: the name that PostgreSQL reports,
/// the columns that SQLite reports, and the conflict. With `None` the work runs again, and its
/// check finds the existing entity.
const UNIQUE: &[(&str, &str, Option<Conflict>)] = &[
    ("users_username_key_key", "users.username_key", Some(Conflict::UsernameTaken)),
    ("accounts_email_key_key", "accounts.email_key", Some(Conflict::EmailTaken)),
    ("tags_name_key_key", "tags.name_key", None),
    ("authors_name_key_key", "authors.name_key", None),
];

fn unique_violation(message: &str, constraint: Option<&str>) -> Option<Error> {
    let columns = message.strip_prefix("UNIQUE constraint failed: ");
    UNIQUE
        .iter()
        .find(|(name, on, _)| constraint == Some(name) || columns == Some(on))
        .map(|(_, _, conflict)| conflict.map_or(DatabaseFailure::Contended.into(), Error::Conflict))
}

/// Returns the error for a foreign-key constraint, which is named `<table>_<column>_fkey`.
///
/// SQLite reports no name. There a transaction looks up the referenced row before it writes the
/// key, and nothing can delete the row in between.
fn missing_reference(table: Option<&str>, constraint: Option<&str>) -> Option<Error> {
    let table = table?;
    let column = constraint?.strip_prefix(table)?.strip_prefix('_')?.strip_suffix("_fkey")?;
    if let Some(field) = ["user_uid", "creator_uid"].into_iter().find(|field| *field == column) {
        return Some(Error::MissingReference { field, entity: User::INFO });
    }
    MODULES.iter().flat_map(|module| module.relations).find_map(|relation| {
        let (field, entity) = match relation.storage {
            Storage::ForeignKey { table: of, column }
                if of == table && relation.cardinality != Cardinality::Many =>
            {
                (column, relation.to)
            }
            Storage::Link { table: of, to, .. } if of == table => (to, relation.to),
            Storage::ForeignKey { .. } | Storage::Link { .. } | Storage::Through { .. } => {
                return None;
            }
        };
        (field == column).then_some(Error::MissingReference { field, entity })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_commit_keeps_its_cause() {
        let taken = "UNIQUE constraint failed: users.username_key".to_owned();
        let kind = DatabaseErrorKind::UniqueViolation;
        let error = Error::from(DieselError::RollbackErrorOnCommit {
            commit_error: Box::new(DieselError::DatabaseError(kind, Box::new(taken))),
            rollback_error: Box::new(DieselError::NotInTransaction),
        });
        let Error::Failure(DatabaseFailure::BrokenTransaction(cause)) = error else {
            panic!("{error:?}")
        };
        assert_eq!(cause, Conflict::UsernameTaken.to_string());
    }
}
