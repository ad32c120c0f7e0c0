//! The answers that are stored for idempotency keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use recto_domain::UserId;

/// The bytes of answers that this server has stored for each account since the oldest were deleted.
#[derive(Debug, Default)]
pub struct StoredBytes(Mutex<HashMap<UserId, u64>>);

impl StoredBytes {
    /// The bytes after which the oldest answers of an account are deleted again.
    pub(crate) const STEP: u64 = 2_000_000;

    /// The maximum number of accounts that are remembered.
    const MAX_ACCOUNTS: usize = 10_000;

    /// Adds an answer, and returns whether the oldest are to be deleted: then, and at the first
    /// answer of an account.
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
