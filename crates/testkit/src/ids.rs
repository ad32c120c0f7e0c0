//! Ids and clocks that a test controls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use recto_domain::{Clock, IdGenerator, NewId};
use recto_persistence::SystemIds;

/// Generates ids one millisecond apart, starting at 2026-01-01T00:00:00.001Z.
///
/// They are the same in every run and on both engines, so a test can compare exact results.
///
/// ```
/// use recto_domain::{Clock, IdGenerator};
/// use recto_testkit::ids::SequentialIds;
///
/// let ids = SequentialIds::new();
/// assert!(ids.new_id().uid() < ids.new_id().uid());
/// assert_eq!(ids.now().to_rfc3339(), "2026-01-01T00:00:00.003+00:00");
/// assert_eq!(SequentialIds::new().new_id(), SequentialIds::new().new_id());
/// ```
#[derive(Debug, Default)]
pub struct SequentialIds {
    count: AtomicU64,
}

/// 2026-01-01T00:00:00Z in milliseconds since 1970.
const START: u64 = 1_767_225_600_000;

impl SequentialIds {
    /// Returns a sequence at its start.
    pub const fn new() -> Self {
        Self { count: AtomicU64::new(0) }
    }

    fn next(&self) -> u64 {
        1 + self.count.fetch_add(1, Ordering::Relaxed)
    }
}

impl Clock for SequentialIds {
    fn now(&self) -> DateTime<Utc> {
        self.new_id().at()
    }
}

impl IdGenerator for SequentialIds {
    fn new_id(&self) -> NewId {
        let number = self.next();
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        NewId::new(START + number, random)
    }

    fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        random[24..].copy_from_slice(&self.next().to_be_bytes());
        random
    }
}

/// The system's ids and clock, which a test can move forward. Clones share the offset.
///
/// ```
/// use std::time::Duration;
///
/// use recto_domain::Clock;
/// use recto_testkit::ids::MovableClock;
///
/// let clock = MovableClock::default();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert!((clock.now() - before).num_seconds() >= 60);
/// ```
#[derive(Debug, Clone, Default)]
pub struct MovableClock {
    ahead: Arc<AtomicU64>,
}

impl MovableClock {
    /// Moves the clock forward, in whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        self.new_id().at()
    }
}

impl IdGenerator for MovableClock {
    fn new_id(&self) -> NewId {
        let system = SystemIds.new_id();
        let ahead = self.ahead.load(Ordering::Relaxed);
        let millis = u64::try_from(system.at().timestamp_millis()).expect("it is after 1970");
        let mut random = [0; 10];
        random.copy_from_slice(&system.uid().as_bytes()[6..]);
        NewId::new(millis + ahead, random)
    }

    fn random(&self) -> [u8; 32] {
        SystemIds.random()
    }
}
