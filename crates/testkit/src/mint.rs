//! Identities and times as a test wants them: the same in every run, or moved on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use recto_domain::{Mint, Stamp};
use recto_persistence::SystemMint;

/// Mints stamps a millisecond apart, the first at 2026-01-01T00:00:00.001Z.
///
/// What a test makes with it has the same keys and times in every run and on
/// either engine, so that the results can be stated word for word.
///
/// ```
/// use recto_domain::Mint;
/// use recto_testkit::mint::Sequence;
///
/// let mint = Sequence::new();
/// assert!(mint.stamp().uid() < mint.stamp().uid());
/// assert_eq!(mint.now().to_rfc3339(), "2026-01-01T00:00:00.003+00:00");
/// assert_eq!(Sequence::new().stamp(), Sequence::new().stamp());
/// ```
#[derive(Debug, Default)]
pub struct Sequence {
    minted: AtomicU64,
}

/// 2026-01-01T00:00:00Z in milliseconds since 1970.
const START: u64 = 1_767_225_600_000;

impl Sequence {
    /// A sequence that has minted nothing yet.
    pub const fn new() -> Self {
        Self { minted: AtomicU64::new(0) }
    }
}

impl Mint for Sequence {
    fn stamp(&self) -> Stamp {
        let number = 1 + self.minted.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        Stamp::new(START + number, random)
    }

    fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        let number = 1 + self.minted.fetch_add(1, Ordering::Relaxed);
        random[24..].copy_from_slice(&number.to_be_bytes());
        random
    }
}

/// The system's mint, with a clock that a test can set forward. Its clones are one clock.
///
/// ```
/// use std::time::Duration;
///
/// use recto_domain::Mint;
/// use recto_testkit::mint::MovableMint;
///
/// let mint = MovableMint::default();
/// let before = mint.now();
/// mint.advance(Duration::from_secs(60));
/// assert!((mint.now() - before).num_seconds() >= 60);
/// ```
#[derive(Debug, Clone, Default)]
pub struct MovableMint {
    ahead: Arc<AtomicU64>,
}

impl MovableMint {
    /// From now on it is that much later than it would have been, to the millisecond.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Mint for MovableMint {
    fn stamp(&self) -> Stamp {
        let system = SystemMint.stamp();
        let ahead = self.ahead.load(Ordering::Relaxed);
        let millis = u64::try_from(system.at().timestamp_millis()).expect("it is after 1970");
        let mut random = [0; 10];
        random.copy_from_slice(&system.uid().as_bytes()[6..]);
        Stamp::new(millis + ahead, random)
    }

    fn random(&self) -> [u8; 32] {
        SystemMint.random()
    }
}
