//! Valid requests that contradict what is stored.

use crate::{AuthorId, ReviewId, TagId};

/// The reason why a valid request contradicts what is stored.
///
/// ```
/// use recto_domain::Conflict;
///
/// assert_eq!(Conflict::UsernameTaken.to_string(), "the username is taken");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The username is taken. Usernames are unique without regard to case.
    #[error("the username is taken")]
    UsernameTaken,
    /// The e-mail address is taken. E-mail addresses are unique without regard to case.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The tag with this key has the name. Tag names are unique without regard to case.
    #[error("a tag of that name exists")]
    TagExists(TagId),
    /// The author with this key has the name. Names of authors are unique without regard to case.
    #[error("an author of that name exists")]
    AuthorExists(AuthorId),
    /// The user has already reviewed the book, which is possible once, by the review with this key.
    #[error("the user has already reviewed the book")]
    AlreadyReviewed(ReviewId),
    /// The account is the last enabled, verified administrator.
    #[error("the last administrator cannot be demoted, disabled or deleted")]
    LastAdmin,
    /// The employee would report to itself, directly or through others.
    #[error("an employee cannot report to itself, directly or through others")]
    ReportingCycle,
    /// Other entities refer to the one that is to be deleted.
    #[error("still referenced by its {relation} ({count})")]
    StillReferenced {
        /// The relation that leads to them.
        relation: &'static str,
        /// The number of them.
        count: u64,
    },
}
