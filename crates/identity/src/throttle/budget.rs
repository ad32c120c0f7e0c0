//! A budget for each key: a burst, then one per period.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference as _};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::{Allowance, Limit};

/// The owner of a budget: a hash, so that no IP or e-mail addresses are stored.
pub(crate) type BudgetKey = u128;

/// The maximum number of keys, at about 40 bytes each.
const MAX_KEYS: usize = 1 << 16;

/// The number of keys below which none are dropped.
const MIN_KEYS: usize = 1 << 10;

/// A budget for each key.
pub(crate) struct Budget<C: Clock> {
    name: &'static str,
    quota: Quota,
    store: BudgetStore,
    limiter: RateLimiter<BudgetKey, BudgetStore, C, StateInformationMiddleware>,
    /// The time that the store counts from.
    start: C::Instant,
}

/// One unit charged to a budget.
pub(crate) struct Charge {
    store: BudgetStore,
    key: BudgetKey,
    every: Duration,
    allowance: Allowance,
}

/// The error for an empty budget.
pub(crate) struct Exhausted {
    /// The time until one unit is available.
    pub(crate) wait: Duration,
    /// The allowance for the response headers.
    pub(crate) allowance: Allowance,
}

impl<C: Clock> Budget<C> {
    pub(crate) fn new(name: &'static str, limit: Limit, clock: C) -> Self {
        let store = BudgetStore::default();
        let quota = limit.quota();
        let start = clock.now();
        let limiter = RateLimiter::new(quota, store.clone(), clock);
        Self { name, quota, store, limiter, start }
    }

    /// Charges one unit, if the budget has one.
    pub(crate) fn charge(&self, key: BudgetKey) -> Result<Charge, Exhausted> {
        self.drop_keys();
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(Charge {
                store: self.store.clone(),
                key,
                every: self.quota.replenish_interval(),
                allowance: self.allowance(&key, state.remaining_burst_capacity()),
            }),
            Err(exhausted) => {
                let wait = exhausted.wait_time_from(self.limiter.clock().now());
                let next = Some(whole_seconds(wait));
                Err(Exhausted { wait, allowance: Allowance { next, ..self.allowance(&key, 0) } })
            }
        }
    }

    /// Charges units whether or not the budget has them, and returns the allowance after that. What
    /// it does not have delays later charges.
    pub(crate) fn charge_debt(&self, key: BudgetKey, units: u32) -> Allowance {
        let now = self.limiter.clock().now().duration_since(self.start);
        let every = self.quota.replenish_interval();
        let until_full = {
            let mut state = self.store.lock();
            let full_at = state.full_at.entry(key).or_insert(now);
            *full_at = (*full_at).max(now) + Nanos::from(every.saturating_mul(units));
            Duration::from(full_at.saturating_sub(now))
        };
        let missing = until_full.as_nanos().div_ceil(every.as_nanos());
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        self.allowance(&key, self.quota.burst_size().get().saturating_sub(missing))
    }

    fn allowance(&self, key: &BudgetKey, remaining: u32) -> Allowance {
        let quota = self.quota.burst_size().get();
        // All but one of the missing units come after the next one.
        let later = quota.saturating_sub(remaining).checked_sub(1);
        let later = later.map(|units| self.quota.replenish_interval().saturating_mul(units));
        let now = self.limiter.clock().now().duration_since(self.start);
        let full_at = self.store.lock().full_at.get(key).copied().unwrap_or(now);
        let until_full = Duration::from(full_at.saturating_sub(now));
        Allowance {
            name: self.name,
            quota,
            window: whole_seconds(self.quota.burst_size_replenished_in()),
            remaining,
            next: later.map(|later| whole_seconds(until_full.saturating_sub(later))),
        }
    }

    /// Drops keys with a full budget once there are many keys. If too many remain, the fuller half
    /// is dropped, too.
    fn drop_keys(&self) {
        let mut state = self.store.lock();
        if state.full_at.len() < state.next_drop {
            return;
        }
        drop(state);
        self.limiter.retain_recent();
        state = self.store.lock();
        if state.full_at.len() >= MAX_KEYS {
            let mut times: Vec<_> = state.full_at.values().copied().collect();
            let (_, median, _) = times.select_nth_unstable(MAX_KEYS / 2);
            let median = *median;
            state.full_at.retain(|_, full_at| *full_at > median);
        }
        state.next_drop = (state.full_at.len() * 2).clamp(MIN_KEYS, MAX_KEYS);
    }
}

impl Charge {
    /// Returns the allowance after this charge.
    pub(crate) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Undoes the charge, and returns the allowance after that.
    pub(crate) fn refund(self) -> Allowance {
        let every = Nanos::from(self.every);
        if let Some(full_at) = self.store.lock().full_at.get_mut(&self.key) {
            *full_at = full_at.saturating_sub(every);
        }
        let remaining = (self.allowance.remaining + 1).min(self.allowance.quota);
        let next = self.allowance.next.filter(|_| remaining < self.allowance.quota);
        Allowance { remaining, next, ..self.allowance }
    }
}

/// The state of all keys. Governor's own stores do not support refunds.
#[derive(Clone, Default)]
struct BudgetStore(Arc<Mutex<StoreState>>);

struct StoreState {
    /// The time at which each budget is full again.
    full_at: HashMap<BudgetKey, Nanos>,
    /// The number of keys at which keys are dropped next.
    next_drop: usize,
}

impl Default for StoreState {
    fn default() -> Self {
        Self { full_at: HashMap::new(), next_drop: MIN_KEYS }
    }
}

impl BudgetStore {
    fn lock(&self) -> MutexGuard<'_, StoreState> {
        // Each change is one assignment, so a panic leaves no inconsistent state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for BudgetStore {
    type Key = BudgetKey;

    fn measure_and_replace<T, F, E>(&self, key: &BudgetKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut state = self.lock();
        let (outcome, full_at) = measure(state.full_at.get(key).copied())?;
        state.full_at.insert(*key, full_at);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<BudgetKey> for BudgetStore {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().full_at.retain(|_, full_at| *full_at > drop_below);
    }

    fn shrink_to_fit(&self) {
        self.lock().full_at.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.lock().full_at.len()
    }

    fn is_empty(&self) -> bool {
        self.lock().full_at.is_empty()
    }
}

/// Rounds up to whole seconds, so that a client that waits this long has waited long enough.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn budget(clock: &FakeRelativeClock) -> Budget<FakeRelativeClock> {
        let burst = NonZeroU32::new(3).unwrap();
        Budget::new("test", Limit::new(burst, Duration::from_secs(10)), clock.clone())
    }

    /// Charges a budget until it is empty, and returns how often.
    fn drain(budget: &Budget<FakeRelativeClock>, key: BudgetKey) -> usize {
        std::iter::from_fn(|| budget.charge(key).ok()).count()
    }

    #[test]
    fn full_budgets_are_dropped() {
        let clock = FakeRelativeClock::default();
        let budget = budget(&clock);
        for key in 0..MIN_KEYS {
            assert!(budget.charge(key as BudgetKey).is_ok());
        }
        assert_eq!(budget.store.len(), MIN_KEYS);
        clock.advance(Duration::from_secs(30));
        assert!(budget.charge(0).is_ok());
        assert_eq!(budget.store.len(), 1);
    }

    #[test]
    fn key_limit_drops_the_fullest_budgets() {
        let clock = FakeRelativeClock::default();
        let budget = budget(&clock);
        assert_eq!(drain(&budget, BudgetKey::MAX), 3);
        for key in 0..3 * MAX_KEYS {
            assert!(budget.charge(key as BudgetKey).is_ok());
            assert!(budget.store.len() <= MAX_KEYS);
        }
        assert_eq!(drain(&budget, BudgetKey::MAX), 0);
    }

    #[test]
    fn refund_restores_the_budget() {
        let clock = FakeRelativeClock::default();
        let budget = budget(&clock);
        let charges: Vec<_> = (0..3).map(|_| budget.charge(1).ok().unwrap()).collect();
        assert!(budget.charge(1).is_err());
        let left: Vec<_> = charges.into_iter().map(|charge| charge.refund().remaining).collect();
        assert_eq!(left, [3, 2, 1]);
        assert_eq!(drain(&budget, 1), 3);
        // A late refund does not exceed the quota.
        let late =
            Budget::new("test", Limit::new(NonZeroU32::MIN, Duration::from_secs(1)), clock.clone());
        let charge = late.charge(1).ok().unwrap();
        clock.advance(Duration::from_mins(1));
        assert_eq!(charge.refund().remaining, 1);
        assert_eq!(drain(&late, 1), 1);
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
