//! Exports of accounts: one at a time, and few an hour.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::clock::Clock;
use recto_domain::UserId;

use super::budget::Budget;
use super::{Limit, Throttled, key, throttled};
use crate::ClientAddress;

/// The seconds after which to try again while another export is under way.
const RETRY: u64 = 10;

/// The budgets of exports, and the accounts with one under way.
pub(super) struct Exports<C: Clock> {
    budget: Option<Budget<C>>,
    running: Arc<Mutex<HashSet<UserId>>>,
}

/// An export that is under way, until this is dropped.
#[must_use = "the export is over when this is dropped"]
pub struct RunningExport {
    user: UserId,
    running: Arc<Mutex<HashSet<UserId>>>,
}

impl<C: Clock> Exports<C> {
    pub(super) fn new(limit: Option<Limit>, clock: C) -> Self {
        let budget = limit.map(|limit| Budget::new("export", limit, clock));
        Self { budget, running: Arc::default() }
    }

    pub(super) fn start(
        &self,
        client: &ClientAddress,
        user: UserId,
    ) -> Result<RunningExport, Throttled> {
        // Until the budget is checked, this also keeps a second export from being charged.
        let mut running = lock(&self.running);
        if running.contains(&user) {
            let detail = "an export of this account is under way";
            return Err(Throttled { detail, seconds: RETRY });
        }
        if let Some(budget) = &self.budget {
            let charge = budget.charge(key(&[&user.to_string()]));
            let charge = charge.map_err(|exhausted| {
                throttled(client, exhausted, "too many exports of this account")
            })?;
            client.record(charge.allowance().clone());
        }
        running.insert(user);
        Ok(RunningExport { user, running: Arc::clone(&self.running) })
    }
}

impl Drop for RunningExport {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.user);
    }
}

impl fmt::Debug for RunningExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningExport").field("user", &self.user).finish_non_exhaustive()
    }
}

fn lock(running: &Mutex<HashSet<UserId>>) -> MutexGuard<'_, HashSet<UserId>> {
    // Each change is one call, so a panic leaves no inconsistent state.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
