//! The responses that are stored for idempotency keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use recto_domain::UserId;

/// The bytes of responses that this server has stored for each account since it deleted the oldest.
///
/// Each server counts its own. So up to [`KEPT`](Self::KEPT) bytes and a [`STEP`](Self::STEP) for
/// each server are stored for an account: 16 MB for eight servers.
#[derive(Debug, Default)]
pub struct StoredBytes(Mutex<HashMap<UserId, u64>>);

impl StoredBytes {
    /// The bytes of the newest responses of an account, which are not deleted.
    pub(crate) const KEPT: u64 = 8_000_000;

    /// The bytes after which the oldest responses of an account are deleted again.
    const STEP: u64 = 1_000_000;

    /// The maximum number of accounts that are remembered.
    const MAX_ACCOUNTS: usize = 10_000;

    /// Adds a response. Returns `true` after each [`STEP`](Self::STEP) bytes and at the first response
    /// of an account: the oldest responses must then be deleted.
    pub(crate) fn add(&self, user: UserId, bytes: u64) -> bool {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= Self::MAX_ACCOUNTS && !accounts.contains_key(&user) {
            accounts.clear();
        }
        let stored = accounts.entry(user).or_insert(Self::STEP);
        *stored += bytes;
        let is_due = *stored >= Self::STEP;
        if is_due {
            *stored = 0;
        }
        is_due
    }
}
