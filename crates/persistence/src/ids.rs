//! Ids and times from the operating system.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use recto_domain::{Clock, IdGenerator, NewId};

/// Ids from the system's clock and random numbers.
///
/// The ids of one process ascend even within a millisecond.
///
/// ```
/// use recto_domain::IdGenerator;
/// use recto_persistence::SystemIds;
///
/// assert!(SystemIds.new_id().uid() < SystemIds.new_id().uid());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

/// The latest time of an id, or of [`Clock::now`], in milliseconds since 1970. Neither goes back
/// when the system's clock does.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// Returns the later of a time and [`LATEST`], and stores it there.
fn latest(time: DateTime<Utc>) -> DateTime<Utc> {
    let time = time.timestamp_millis();
    let latest = LATEST.fetch_max(time, Ordering::Relaxed).max(time);
    DateTime::from_timestamp_millis(latest).unwrap_or_default()
}

impl Clock for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the only caller of the system clock")]
    fn now(&self) -> DateTime<Utc> {
        latest(SystemTime::now().into())
    }
}

impl IdGenerator for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the only caller of the system clock")]
    fn new_id(&self) -> NewId {
        let id = NewId::from_v7(uuid::Uuid::now_v7()).expect("now_v7 returns version 7");
        latest(id.at());
        id
    }

    fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        // Without randomness secrets could be guessed.
        getrandom::fill(&mut random).expect("the operating system provides randomness");
        random
    }
}
