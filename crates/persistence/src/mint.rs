//! Where keys and times come from outside of tests.

use recto_domain::{Mint, Stamp};

/// Mints from the system's clock and random numbers.
///
/// Keys of one process ascend even within a millisecond.
///
/// ```
/// use recto_domain::Mint;
/// use recto_persistence::SystemMint;
///
/// assert!(SystemMint.stamp().uid() < SystemMint.stamp().uid());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemMint;

impl Mint for SystemMint {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    fn stamp(&self) -> Stamp {
        Stamp::from_v7(uuid::Uuid::now_v7()).expect("now_v7 makes version 7")
    }

    fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        // A key that could be guessed would be worse than none.
        getrandom::fill(&mut random).expect("the system has randomness to give");
        random
    }
}
