//! Accounts, sessions, API keys, mail and the audit log.
//!
//! Times are arguments, and secrets are passed as hashes. Callers use
//! [`Database::write`](crate::Database::write) to combine operations in a transaction.

pub mod account;
pub mod api_key;
pub mod audit;
pub mod idempotency_key;
pub mod known_device;
pub mod lease;
pub mod mail_request;
pub mod mailed_token;
pub mod outbox;
pub mod prune;
pub mod quota;
mod rotation;
pub mod session;

/// A page of items, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The items, at most as many as requested.
    pub items: Vec<T>,
    /// Whether there are older items.
    pub more: bool,
}

impl<T> Listed<T> {
    /// Removes the extra item that shows a next page.
    fn of(mut items: Vec<T>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

/// Returns the upper bound of the keys of a page: `after`, or the greatest key.
fn before<K: Into<crate::sql_types::UidValue>>(after: Option<K>) -> crate::sql_types::UidValue {
    after.map_or(crate::sql_types::UidValue(uuid::Uuid::max()), K::into)
}
