//! Requests that are well formed but contradict what is stored.

/// A request that contradicts what is stored.
///
/// ```
/// use recto_domain::Conflict;
///
/// assert_eq!(Conflict::TagExists.to_string(), "a tag of that name exists");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// Usernames are unique without regard to case.
    #[error("the username is taken")]
    UsernameTaken,
    /// E-mail addresses are unique without regard to case.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Tag names are unique without regard to case.
    #[error("a tag of that name exists")]
    TagExists,
    /// A reader reviews a book once.
    #[error("the reader has already reviewed the book")]
    AlreadyReviewed,
    /// Somebody must be left to administer.
    #[error("the last administrator cannot be demoted, disabled or deleted")]
    LastAdmin,
    /// An employee cannot manage those who manage it.
    #[error("an employee cannot end up above itself")]
    AboveItself,
    /// What restricts a delete must go, or be moved, first.
    #[error("{count} of its {relation} stand in the way")]
    InTheWay {
        /// The relation that leads to what is in the way.
        relation: &'static str,
        /// How many there are.
        count: u64,
    },
}
