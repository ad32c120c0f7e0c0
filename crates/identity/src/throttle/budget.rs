//! One budget a key: some at once, and one more each so often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::{Allowance, Limit};

/// Whom a budget belongs to: a hash, so that neither addresses nor e-mails are kept.
pub(super) type BudgetKey = u128;

/// How many keys a budget keeps at the most, at some 40 bytes each.
const MOST_KEYS: usize = 1 << 16;

/// With fewer, nothing is looked for that could be forgotten.
const FEW_KEYS: usize = 1 << 10;

/// A budget for each key.
pub(super) struct Budget<C: Clock> {
    name: &'static str,
    quota: Quota,
    spent: Spent,
    limiter: RateLimiter<BudgetKey, Spent, C, StateInformationMiddleware>,
}

/// What has been taken from a budget; not given back, it stays taken.
pub(super) struct Taken {
    spent: Spent,
    key: BudgetKey,
    every: Duration,
    left: Allowance,
}

/// Nothing is left.
pub(super) struct Exhausted {
    /// How long until there is something again.
    pub(super) wait: Duration,
    /// The same, for the headers.
    pub(super) left: Allowance,
}

impl<C: Clock> Budget<C> {
    pub(super) fn new(name: &'static str, limit: Limit, clock: C) -> Self {
        let spent = Spent::default();
        let quota = limit.quota();
        let limiter = RateLimiter::new(quota, spent.clone(), clock);
        Self { name, quota, spent, limiter }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self, key: BudgetKey) -> Result<Taken, Exhausted> {
        self.forget();
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(Taken {
                spent: self.spent.clone(),
                key,
                every: self.quota.replenish_interval(),
                left: self.allowance(state.remaining_burst_capacity()),
            }),
            Err(refusal) => {
                let wait = refusal.wait_time_from(self.limiter.clock().now());
                let left = Allowance { reset: whole_seconds(wait), ..self.allowance(0) };
                Err(Exhausted { wait, left })
            }
        }
    }

    fn allowance(&self, remaining: u32) -> Allowance {
        let quota = self.quota.burst_size().get();
        let every = self.quota.replenish_interval();
        Allowance {
            name: self.name,
            quota,
            window: whole_seconds(self.quota.burst_size_replenished_in()),
            remaining,
            reset: whole_seconds(every.saturating_mul(quota.saturating_sub(remaining))),
        }
    }

    /// Forgets whoever has all of the budget again, once the keys have become many. Should there
    /// be too many still, those who have the most left are forgotten: that costs the least.
    fn forget(&self) {
        let mut counts = self.spent.lock();
        if counts.until.len() < counts.look_at {
            return;
        }
        drop(counts);
        self.limiter.retain_recent();
        counts = self.spent.lock();
        if counts.until.len() >= MOST_KEYS {
            let mut moments: Vec<_> = counts.until.values().copied().collect();
            let (_, median, _) = moments.select_nth_unstable(MOST_KEYS / 2);
            let median = *median;
            counts.until.retain(|_, until| *until > median);
        }
        counts.look_at = (counts.until.len() * 2).clamp(FEW_KEYS, MOST_KEYS);
    }
}

impl Taken {
    /// What is left.
    pub(super) fn left(&self) -> &Allowance {
        &self.left
    }

    /// As if it had not been taken.
    pub(super) fn give_back(self) -> Allowance {
        let every = Nanos::from(self.every);
        if let Some(until) = self.spent.lock().until.get_mut(&self.key) {
            *until = until.saturating_sub(every);
        }
        let every = whole_seconds(self.every);
        let remaining = (self.left.remaining + 1).min(self.left.quota);
        Allowance { remaining, reset: self.left.reset.saturating_sub(every), ..self.left }
    }
}

/// Until when each key has been provided for. A map of our own, since governor's take nothing back.
#[derive(Clone, Default)]
struct Spent(Arc<Mutex<Counts>>);

struct Counts {
    until: HashMap<BudgetKey, Nanos>,
    /// At how many keys to look for those that can be forgotten.
    look_at: usize,
}

impl Default for Counts {
    fn default() -> Self {
        Self { until: HashMap::new(), look_at: FEW_KEYS }
    }
}

impl Spent {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Each change is one assignment: a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Spent {
    type Key = BudgetKey;

    fn measure_and_replace<T, F, E>(&self, key: &BudgetKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut counts = self.lock();
        let (outcome, until) = measure(counts.until.get(key).copied())?;
        counts.until.insert(*key, until);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<BudgetKey> for Spent {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().until.retain(|_, until| *until > drop_below);
    }

    fn shrink_to_fit(&self) {
        self.lock().until.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.lock().until.len()
    }

    fn is_empty(&self) -> bool {
        self.lock().until.is_empty()
    }
}

/// Rounded up, so that whoever waits that long has waited long enough.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
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

    fn takes(budget: &Budget<FakeRelativeClock>, key: BudgetKey) -> usize {
        std::iter::from_fn(|| budget.take(key).ok()).count()
    }

    #[test]
    fn whoever_has_all_of_it_again_is_forgotten() {
        let clock = FakeRelativeClock::default();
        let budget = budget(&clock);
        for key in 0..FEW_KEYS {
            assert!(budget.take(key as BudgetKey).is_ok());
        }
        assert_eq!(budget.spent.len(), FEW_KEYS);
        clock.advance(Duration::from_secs(30));
        assert!(budget.take(0).is_ok());
        assert_eq!(budget.spent.len(), 1);
    }

    #[test]
    fn there_are_never_too_many_and_those_who_spent_the_most_are_kept() {
        let clock = FakeRelativeClock::default();
        let budget = budget(&clock);
        assert_eq!(takes(&budget, BudgetKey::MAX), 3);
        for key in 0..3 * MOST_KEYS {
            assert!(budget.take(key as BudgetKey).is_ok());
            assert!(budget.spent.len() <= MOST_KEYS);
        }
        assert_eq!(takes(&budget, BudgetKey::MAX), 0);
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let clock = FakeRelativeClock::default();
        let budget = budget(&clock);
        let taken: Vec<_> = (0..3).map(|_| budget.take(1).ok().unwrap()).collect();
        assert!(budget.take(1).is_err());
        let left: Vec<_> = taken.into_iter().map(|taken| taken.give_back().remaining).collect();
        assert_eq!(left, [3, 2, 1]);
        assert_eq!(takes(&budget, 1), 3);
        // However late it comes: there is never more than all of it.
        let late =
            Budget::new("test", Limit::new(NonZeroU32::MIN, Duration::from_secs(1)), clock.clone());
        let taken = late.take(1).ok().unwrap();
        clock.advance(Duration::from_mins(1));
        assert_eq!(taken.give_back().remaining, 1);
        assert_eq!(takes(&late, 1), 1);
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
