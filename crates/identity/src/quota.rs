//! Quotas: how much an account may own and write.
//!
//! The numbers that accounts own are counted in the database, but not for each new row: after a
//! count the account may create a tenth of what remains, for a minute, before the next count. Close
//! to the quota each new row is counted, so it is exact there. Creations within 24 hours are
//! reserved in the database ten at a time. The rate of writes is counted by each process.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use governor::clock::{Clock, MonotonicClock};
use recto_domain::{QuotaItem, UserId};

use crate::ClientAddress;
use crate::throttle::budget::{Budget, whole_seconds};
use crate::throttle::{Allowance, Limit, Throttled, charge_account};

/// The quotas of each account.
///
/// ```
/// use recto_domain::QuotaItem;
/// use recto_identity::quota::Quotas;
///
/// assert_eq!(Quotas::default().of(QuotaItem::Books), 10_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Books: 10,000.
    pub books: u32,
    /// Reviews: 50,000.
    pub reviews: u32,
    /// Created tags: 1,000.
    pub tags: u32,
    /// Created authors: 1,000.
    pub authors: u32,
    /// API keys: 50.
    pub api_keys: u32,
    /// Sessions: 50.
    pub sessions: u32,
    /// Creations of what has no owner (posts, comments, students, courses, companies, departments
    /// and employees) within 24 hours: 1,000.
    pub creations: u32,
    /// Writes: 100, then 10 a second.
    pub writes: Limit,
}

impl Quotas {
    /// Returns the quota of what an account owns.
    pub fn of(&self, owned: QuotaItem) -> u32 {
        match owned {
            QuotaItem::Books => self.books,
            QuotaItem::Reviews => self.reviews,
            QuotaItem::Tags => self.tags,
            QuotaItem::Authors => self.authors,
            QuotaItem::ApiKeys => self.api_keys,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        let burst = NonZeroU32::new(100).expect("it is not zero");
        Self {
            books: 10_000,
            reviews: 50_000,
            tags: 1_000,
            authors: 1_000,
            api_keys: 50,
            sessions: 50,
            creations: 1_000,
            writes: Limit::new(burst, Duration::from_millis(100)),
        }
    }
}

/// The quotas, and what this process knows of their use.
pub struct QuotaUse<C: Clock = MonotonicClock> {
    /// The quotas.
    pub quotas: Quotas,
    writes: Budget<C>,
    granted: Mutex<HashMap<(UserId, QuotaItem), Grant>>,
    reserved: Mutex<HashMap<UserId, Reserved>>,
}

/// How much an account may create before it is counted again.
#[derive(Debug, Clone, Copy)]
struct Grant {
    remaining: u32,
    until: DateTime<Utc>,
}

/// Creations that are reserved for an account.
#[derive(Debug, Clone, Copy)]
struct Reserved {
    /// The number of reserved creations that remain.
    unused: u32,
    /// The number that remained in the database when they were reserved.
    remaining: u32,
    ends_at: DateTime<Utc>,
}

/// The maximum number of accounts whose use is stored. Beyond it, all are dropped and counted
/// again.
const MAX_KEYS: usize = 1 << 14;

/// The maximum number of rows that are inserted between two counts.
const MAX_GRANT: u32 = 500;

/// The time after which rows are counted again, since other processes may have inserted some.
const GRANT_LIFETIME: TimeDelta = TimeDelta::minutes(1);

/// The number of creations that are reserved at a time.
pub const RESERVATION: u32 = 10;

impl QuotaUse {
    /// Returns quotas without recorded use, with the system's monotonic clock.
    pub fn new(quotas: Quotas) -> Self {
        Self::with_clock(quotas, &MonotonicClock)
    }
}

impl<C: Clock + Clone> QuotaUse<C> {
    /// As [`new`](QuotaUse::new), with another clock.
    pub fn with_clock(quotas: Quotas, clock: &C) -> Self {
        Self {
            quotas,
            writes: Budget::new("writes", quotas.writes, clock.clone()),
            granted: Mutex::default(),
            reserved: Mutex::default(),
        }
    }
}

impl<C: Clock> QuotaUse<C> {
    /// Counts a write.
    ///
    /// # Errors
    /// [`Throttled`] after too many.
    pub fn write(&self, client: &ClientAddress, user: UserId) -> Result<(), Throttled> {
        let detail = "too many writes by this account";
        charge_account(&self.writes, client, user.uuid().as_u128(), detail)
    }

    /// Counts further items of a write that is counted. They delay the next writes.
    pub fn more_writes(&self, client: &ClientAddress, user: UserId, items: usize) {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let debt = self.writes.charge_debt(user.uuid().as_u128(), items);
        client.record(debt);
    }

    /// Subtracts `added` from the rows that may be inserted without counting, and returns whether
    /// there were enough. Otherwise the caller counts, and reports the number by
    /// [`counted`](Self::counted).
    pub fn take(&self, user: UserId, owned: QuotaItem, added: usize, now: DateTime<Utc>) -> bool {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(grant) = granted.get_mut(&(user, owned)).filter(|grant| now < grant.until) else {
            return false;
        };
        match u32::try_from(added).ok().and_then(|added| grant.remaining.checked_sub(added)) {
            Some(remaining) => {
                grant.remaining = remaining;
                true
            }
            None => false,
        }
    }

    /// Returns whether the quota allows the number of rows that was counted, and records how many
    /// may be inserted before the next count.
    pub fn counted(&self, user: UserId, owned: QuotaItem, rows: u64, now: DateTime<Utc>) -> bool {
        let Some(total) = u64::from(self.quotas.of(owned)).checked_sub(rows) else { return false };
        let remaining = u32::try_from(total / 10).unwrap_or(u32::MAX).min(MAX_GRANT);
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        if granted.len() >= MAX_KEYS {
            granted.clear();
        }
        granted.insert((user, owned), Grant { remaining, until: now + GRANT_LIFETIME });
        true
    }

    /// Subtracts `count` from the reserved creations, and returns whether there were enough.
    pub fn take_creations(
        &self,
        client: &ClientAddress,
        user: UserId,
        count: u32,
        now: DateTime<Utc>,
    ) -> bool {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = reserved.get_mut(&user).filter(|known| now < known.ends_at) else {
            return false;
        };
        let Some(unused) = known.unused.checked_sub(count) else { return false };
        known.unused = unused;
        client.record(self.creations(unused + known.remaining, known.ends_at, now));
        true
    }

    /// Records creations that are reserved until a time, and the number that remains beyond them.
    pub fn reserved(
        &self,
        client: &ClientAddress,
        user: UserId,
        [unused, remaining]: [u32; 2],
        ends_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        client.record(self.creations(unused + remaining, ends_at, now));
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        if reserved.len() >= MAX_KEYS {
            reserved.clear();
        }
        let earlier = reserved.get(&user).filter(|known| known.ends_at == ends_at);
        let unused = unused + earlier.map_or(0, |known| known.unused);
        reserved.insert(user, Reserved { unused, remaining, ends_at });
    }

    /// Returns the error for an account that may create nothing more until a time.
    pub fn exhausted(
        &self,
        client: &ClientAddress,
        remaining: u32,
        ends_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Throttled {
        let allowance = self.creations(remaining, ends_at, now);
        let seconds = allowance.next.unwrap_or(1).max(1);
        client.record(allowance);
        let detail = "too many creations by this account within 24 hours";
        Throttled { detail, seconds }
    }

    fn creations(&self, remaining: u32, ends_at: DateTime<Utc>, now: DateTime<Utc>) -> Allowance {
        let until_end = (ends_at - now).to_std().unwrap_or_default();
        Allowance {
            name: "creations",
            quota: self.quotas.creations,
            window: 24 * 60 * 60,
            remaining,
            next: Some(whole_seconds(until_end)),
        }
    }
}

impl<C: Clock> fmt::Debug for QuotaUse<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuotaUse").field("quotas", &self.quotas).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use recto_domain::NewId;

    use super::*;

    const NOON: DateTime<Utc> = DateTime::from_timestamp_nanos(1_767_268_800_000_000_000);

    fn fixture() -> (FakeRelativeClock, QuotaUse<FakeRelativeClock>, ClientAddress, UserId) {
        let clock = FakeRelativeClock::default();
        let quotas = QuotaUse::with_clock(Quotas::default(), &clock);
        let client = ClientAddress::at("192.0.2.1".parse().unwrap());
        (clock, quotas, client, UserId::from_uuid(NewId::new(0, [1; 10]).uid()))
    }

    #[test]
    fn writes_have_a_rate() {
        let (clock, quotas, client, ada) = fixture();
        let bob = UserId::from_uuid(NewId::new(0, [2; 10]).uid());
        let written = |user| std::iter::from_fn(|| quotas.write(&client, user).ok()).count();
        assert_eq!((written(ada), written(bob)), (100, 100));
        assert_eq!(quotas.write(&client, ada).unwrap_err().seconds, 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(written(ada), 10);
    }

    #[test]
    fn batch_delays_the_next_writes() {
        let (clock, quotas, client, ada) = fixture();
        quotas.write(&client, ada).unwrap();
        quotas.more_writes(&client, ada, 999);
        let allowances = client.allowances();
        let [allowance] = allowances.as_slice() else { panic!("{allowances:?}") };
        // 900 of the 1,000 are a debt.
        assert_eq!((allowance.remaining, allowance.next), (0, Some(91)));
        assert_eq!(quotas.write(&client, ada).unwrap_err().seconds, 91);
        clock.advance(Duration::from_secs(91));
        assert!(quotas.write(&client, ada).is_ok());
    }

    #[test]
    fn rows_are_counted_exactly_near_quota() {
        let (_, quotas, _, ada) = fixture();
        let take = |added| quotas.take(ada, QuotaItem::Tags, added, NOON);
        assert!(!take(1));
        assert!(quotas.counted(ada, QuotaItem::Tags, 500, NOON));
        assert!(take(30) && take(20) && !take(1));
        assert!(quotas.counted(ada, QuotaItem::Tags, 991, NOON));
        assert!(!take(1), "nine remain");
        assert!(quotas.counted(ada, QuotaItem::Tags, 1_000, NOON));
        assert!(!quotas.counted(ada, QuotaItem::Tags, 1_001, NOON));
        // Another kind and a later time are counted, too.
        assert!(quotas.counted(ada, QuotaItem::Books, 0, NOON));
        assert!(quotas.take(ada, QuotaItem::Books, 500, NOON));
        assert!(quotas.counted(ada, QuotaItem::Books, 0, NOON));
        assert!(!quotas.take(ada, QuotaItem::Books, 1, NOON + GRANT_LIFETIME));
    }

    #[test]
    fn reserved_creations_last_until_the_end() {
        let (_, quotas, client, ada) = fixture();
        let (soon, end) = (NOON + TimeDelta::seconds(1), NOON + TimeDelta::hours(24));
        let take = |count, now| quotas.take_creations(&client, ada, count, now);
        assert!(!take(1, NOON));
        quotas.reserved(&client, ada, [9, 990], end, NOON);
        assert!(take(4, soon) && take(5, soon) && !take(1, soon));
        let allowances = client.allowances();
        assert_eq!((allowances[0].remaining, allowances[0].next), (990, Some(86_399)));
        quotas.reserved(&client, ada, [9, 980], end, NOON);
        assert!(!take(1, end));
        assert_eq!(quotas.exhausted(&client, 0, end, NOON).seconds, 86_400);
    }
}
