//! The limits of budgets.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

/// A limit: a number at once (the burst), then one per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub(super) burst: NonZeroU32,
    pub(super) every: Duration,
}

/// All limits. `None` means unlimited.
///
/// ```
/// use recto_identity::throttle::Limits;
///
/// assert!(Limits::default().sign_up.is_some());
/// assert!(Limits::none().sign_up.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failed sign-ins to one account from one network: 10, then one in 6 s.
    pub sign_in: Option<Limit>,
    /// Failed sign-ins to any account from one network: 50, then one a second.
    pub sign_in_network: Option<Limit>,
    /// Failed sign-ins to any account from one IPv6 /48: 200, then four a second.
    pub sign_in_site: Option<Limit>,
    /// Failed sign-ins to one account from anywhere: 100, then one a minute. Each network that the
    /// account is known to use has a budget of its own.
    pub sign_in_account: Option<Limit>,
    /// Sign-ups from one network, which may be a school's: 100, then one in 10 s.
    pub sign_up: Option<Limit>,
    /// Mails requested from one network: 30, then one a minute.
    pub mail: Option<Limit>,
    /// Mails to one mailbox, requested from anywhere: 10, then one in 10 minutes. As many notices
    /// of sign-ins and keys.
    pub mailbox: Option<Limit>,
    /// Exports of one account, requested from anywhere: 3, then one in 20 minutes.
    pub export: Option<Limit>,
}

impl Limit {
    /// Returns a limit of `burst` at once and one more after each period. The period is at least a
    /// nanosecond.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    ///
    /// use recto_identity::throttle::Limit;
    ///
    /// let limit = Limit::new(NonZeroU32::MIN, Duration::from_secs(60));
    /// assert_ne!(limit, Limit::new(NonZeroU32::MIN, Duration::from_secs(61)));
    /// ```
    pub fn new(burst: NonZeroU32, every: Duration) -> Self {
        Self { burst, every: every.max(Duration::from_nanos(1)) }
    }

    /// Returns this limit with another burst.
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    pub(super) fn quota(self) -> Quota {
        let quota = Quota::with_period(self.every).expect("a period has at least a nanosecond");
        quota.allow_burst(self.burst)
    }
}

impl Limits {
    /// Returns no limits.
    pub fn none() -> Self {
        Self {
            sign_in: None,
            sign_in_network: None,
            sign_in_site: None,
            sign_in_account: None,
            sign_up: None,
            mail: None,
            mailbox: None,
            export: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let every = |burst, period| NonZeroU32::new(burst).map(|burst| Limit::new(burst, period));
        let limit = |burst, seconds| every(burst, Duration::from_secs(seconds));
        Self {
            sign_in: limit(10, 6),
            sign_in_network: limit(50, 1),
            sign_in_site: every(200, Duration::from_millis(250)),
            sign_in_account: limit(100, 60),
            sign_up: limit(100, 10),
            mail: limit(30, 60),
            mailbox: limit(10, 600),
            export: limit(3, 1200),
        }
    }
}
