//! Ids and times from the operating system.

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

impl Clock for SystemIds {
    fn now(&self) -> DateTime<Utc> {
        self.new_id().at()
    }
}

impl IdGenerator for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the only caller of the system clock")]
    fn new_id(&self) -> NewId {
        NewId::from_v7(uuid::Uuid::now_v7()).expect("now_v7 returns version 7")
    }

    fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        // Without randomness secrets could be guessed.
        getrandom::fill(&mut random).expect("the operating system provides randomness");
        random
    }
}
