//! What can go wrong between a query and its answer.

use std::convert::Infallible;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use recto_domain::Conflict;
use recto_relations_diesel::Corrupt;

/// A failure of the database, or its refusal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked contradicts what is stored.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// A stored value breaks the rule of its type.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The row that a foreign key points at is not there.
    #[error("the key {key} points at a row that does not exist")]
    Dangling {
        /// The table and the column, `reviews.book_uid`.
        key: String,
    },
    /// More work is waiting than can be queued.
    #[error("the database is overloaded")]
    Overloaded,
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The database stayed locked for longer than was waited.
    #[error("the database is busy")]
    Busy,
    /// The work panicked.
    #[error("the query panicked")]
    Panicked,
    /// Anything else the engine says.
    #[error(transparent)]
    Query(DieselError),
}

impl Error {
    /// Whether the same work may succeed if it is done again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Query(DieselError::DatabaseError(kind, info)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    // PostgreSQL says so in words only.
                    || info.message().contains("deadlock detected")
            }
            _ => false,
        }
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => {
                Self::Unavailable(info.message().to_owned())
            }
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, info)
                if info.message() == "database is locked" =>
            {
                Self::Busy
            }
            DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, info) => {
                match dangling(info.table_name(), info.constraint_name()) {
                    Some(key) => Self::Dangling { key },
                    None => Self::Query(error),
                }
            }
            _ => match violated(&error) {
                Some(conflict) => Self::Conflict(conflict),
                None => Self::Query(error),
            },
        }
    }
}

/// Reading a link that holds nothing cannot fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// An error that work on a database may return.
pub trait Failure: From<Error> + Send + 'static {
    /// The database's own error, where it is one.
    fn database(&self) -> Option<&Error>;
}

impl Failure for Error {
    fn database(&self) -> Option<&Error> {
        Some(self)
    }
}

/// The constraints that a request can run into, under the name that PostgreSQL
/// tells and the columns that SQLite tells.
const UNIQUE: &[(&str, &str, Conflict)] = &[
    ("users_username_key_key", "users.username_key", Conflict::UsernameTaken),
    ("accounts_email_key_key", "accounts.email_key", Conflict::EmailTaken),
    ("tags_name_key_key", "tags.name_key", Conflict::TagExists),
    (
        "reviews_user_uid_book_uid_key",
        "reviews.user_uid, reviews.book_uid",
        Conflict::AlreadyReviewed,
    ),
];

/// Foreign keys are named `<table>_<column>_fkey`. SQLite tells no name; there
/// the row is looked for within the transaction that writes the key.
fn dangling(table: Option<&str>, constraint: Option<&str>) -> Option<String> {
    let table = table?;
    let column = constraint?.strip_prefix(table)?.strip_prefix('_')?.strip_suffix("_fkey")?;
    Some(format!("{table}.{column}"))
}

fn violated(error: &DieselError) -> Option<Conflict> {
    let DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) = error else {
        return None;
    };
    let name = info.constraint_name();
    let columns = info.message().strip_prefix("UNIQUE constraint failed: ");
    UNIQUE
        .iter()
        .find(|(constraint, on, _)| name == Some(constraint) || columns == Some(on))
        .map(|(_, _, conflict)| *conflict)
}
