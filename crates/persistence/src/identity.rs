//! The room `identity`: accounts, sessions and keys, mail, and the audit.
//!
//! Moments are passed in, secrets come as their hashes. What must happen as a
//! whole is done within one transaction of the caller's
//! ([`Database::write`](crate::Database::write)).

pub mod account;
pub mod audit;
pub mod key;
pub mod lease;
pub mod mailed;
pub mod outbox;
pub mod prune;
mod rotation;
pub mod session;

/// Some of what there is, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// As many as there are, or were asked for.
    pub items: Vec<T>,
    /// Whether there are older ones.
    pub more: bool,
}

impl<T> Listed<T> {
    /// Of one more than were asked for, those that were.
    fn of(mut items: Vec<T>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

/// The key before which a list begins: `after`, or one greater than all.
fn before<K: Into<crate::sql_types::UidValue>>(after: Option<K>) -> crate::sql_types::UidValue {
    after.map_or(crate::sql_types::UidValue(uuid::Uuid::max()), K::into)
}
