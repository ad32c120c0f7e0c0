//! The bytes of the responses that are stored for idempotency keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use recto_domain::UserId;

/// The bytes of responses that this server may store for each account until it counts the rows.
///
/// Counting at each request would be slow. So a server that has counted may store an eighth of what
/// was missing to [`MAX`](Self::MAX) before it counts again. Up to eight servers together store at
/// most that for an account.
#[derive(Debug, Default)]
pub struct StoredBytes(Mutex<HashMap<UserId, u64>>);

impl StoredBytes {
    /// The maximum number of bytes of an account.
    const MAX: u64 = 16_000_000;

    /// The number of bytes above which the oldest responses are deleted.
    pub(crate) const DELETED_ABOVE: u64 = 15_000_000;

    /// The number of bytes that are kept then.
    pub(crate) const KEPT: u64 = 14_000_000;

    /// The maximum number of servers that share a database and keep within [`MAX`](Self::MAX).
    const SERVERS: u64 = 8;

    /// The maximum number of accounts that are remembered.
    const MAX_ACCOUNTS: usize = 10_000;

    /// Adds a response. Returns `false` if the rows of the account must be counted first, and
    /// [`counted`](Self::counted) called.
    pub(crate) fn add(&self, user: UserId, bytes: u64) -> bool {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(free) = accounts.get_mut(&user) else { return false };
        match free.checked_sub(bytes) {
            Some(rest) => *free = rest,
            None => return false,
        }
        true
    }

    /// Sets the number of bytes that are stored for an account.
    pub(crate) fn counted(&self, user: UserId, bytes: u64) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= Self::MAX_ACCOUNTS && !accounts.contains_key(&user) {
            accounts.clear();
        }
        accounts.insert(user, Self::MAX.saturating_sub(bytes) / Self::SERVERS);
    }
}

#[cfg(test)]
mod tests {
    use recto_domain::NewId;

    use super::*;

    #[test]
    fn servers_together_keep_the_maximum() {
        let user = UserId::from_uuid(NewId::new(0, [1; 10]).uid());
        let servers = [0; 8].map(|_| StoredBytes::default());
        let mut stored = 0;
        for server in servers.iter().cycle().take(8_000) {
            let bytes = 7_000;
            stored += bytes;
            if !server.add(user, bytes) {
                if stored > StoredBytes::DELETED_ABOVE {
                    stored = StoredBytes::KEPT;
                }
                server.counted(user, stored);
            }
            assert!(stored <= StoredBytes::MAX, "{stored}");
        }
        assert!(stored >= StoredBytes::KEPT, "{stored}");
    }
}
