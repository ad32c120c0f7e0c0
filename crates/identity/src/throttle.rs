//! How often a client may try what costs or tempts: signing in, signing up, having mail sent.
//!
//! Counted in this process alone, so several copies of the server allow that much each. Who is
//! counted is a place (see [`Client::network`]), or a place and an account together: a stranger
//! elsewhere uses up nothing of the owner's.

mod budget;

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use governor::clock::{Clock, MonotonicClock};
use recto_domain::Email;
use sha2::{Digest as _, Sha256};

use crate::Client;
use budget::{Budget, BudgetKey, Exhausted, Taken, whole_seconds};

/// What a client has left of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The name of the budget.
    pub name: &'static str,
    /// The size of the budget.
    pub quota: u32,
    /// Seconds in which an empty budget is refilled.
    pub window: u64,
    /// What is left.
    pub remaining: u32,
    /// Seconds until the budget is full again; if nothing is left, until there is something.
    pub reset: u64,
}

/// Some at once, and then one each so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    burst: NonZeroU32,
    every: Duration,
}

/// What is limited, and how; `None` is not limited at all.
///
/// ```
/// use recto_identity::throttle::Limits;
///
/// assert!(Limits::default().sign_up.is_some());
/// assert!(Limits::none().sign_up.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failed sign-ins of a place to an account: 10, and one in 6 s.
    pub sign_in: Option<Limit>,
    /// Failed sign-ins of a place to any accounts: 50, and one a second.
    pub sign_in_place: Option<Limit>,
    /// Sign-ups of a place, which may be a school: 100, and one in 10 s.
    pub sign_up: Option<Limit>,
    /// Mails that a place has had sent: 30, and one a minute.
    pub mail: Option<Limit>,
    /// Mails to one address that anybody has had sent: 10, and one in 10 minutes.
    pub mailbox: Option<Limit>,
}

impl Limit {
    /// So many at once, and one more after each period; one of no length counts as a nanosecond.
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

    /// As often later on, but so many at once.
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    fn quota(self) -> Quota {
        let quota = Quota::with_period(self.every).expect("a period has at least a nanosecond");
        quota.allow_burst(self.burst)
    }
}

impl Limits {
    /// Nothing is limited.
    pub fn none() -> Self {
        Self { sign_in: None, sign_in_place: None, sign_up: None, mail: None, mailbox: None }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let limit = |burst, seconds| {
            NonZeroU32::new(burst).map(|burst| Limit::new(burst, Duration::from_secs(seconds)))
        };
        Self {
            sign_in: limit(10, 6),
            sign_in_place: limit(50, 1),
            sign_up: limit(100, 10),
            mail: limit(30, 60),
            mailbox: limit(10, 600),
        }
    }
}

/// What the clients of this process have left.
pub struct Throttle<C: Clock = MonotonicClock> {
    sign_in: Option<Budget<C>>,
    sign_in_place: Option<Budget<C>>,
    sign_up: Option<Budget<C>>,
    mail: Option<Budget<C>>,
    mailbox: Option<Budget<C>>,
    /// How often a place gets into the audit for having been refused.
    noted: Option<Budget<C>>,
    /// How often a place gets into the audit for having asked for what it may not.
    refused: Option<Budget<C>>,
}

const NOTED: Limit = Limit { burst: NonZeroU32::MIN, every: Duration::from_mins(1) };
const REFUSED: Limit =
    Limit { burst: NonZeroU32::new(100).expect("it is not zero"), every: Duration::from_secs(10) };

/// The error that a client has used up a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail}: try again in {seconds} s")]
pub struct Throttled {
    /// The reason.
    pub detail: &'static str,
    /// Seconds until the client may try again.
    pub seconds: u64,
}

/// A try to sign in, on its way. It counts as failed unless it is given back.
#[must_use = "what is not given back counts as a failed try"]
pub struct Attempt {
    client: Client,
    taken: Vec<Taken>,
}

impl Throttle {
    /// Counts from now on, by the system's monotonic clock.
    ///
    /// ```
    /// use recto_identity::Client;
    /// use recto_identity::throttle::{Limits, Throttle};
    ///
    /// let throttle = Throttle::new(Limits::default());
    /// let client = Client::at("192.0.2.1".parse()?);
    /// for _ in 0..30 {
    ///     assert!(throttle.mail(&client).is_ok());
    /// }
    /// assert!(throttle.mail(&client).is_err());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, &MonotonicClock)
    }
}

impl<C: Clock + Clone> Throttle<C> {
    /// Counts from now on, by that clock.
    pub fn with_clock(limits: Limits, clock: &C) -> Self {
        let budget =
            |name, limit: Option<Limit>| limit.map(|limit| Budget::new(name, limit, clock.clone()));
        Self {
            sign_in: budget("sign-in", limits.sign_in),
            sign_in_place: budget("sign-in-place", limits.sign_in_place),
            sign_up: budget("sign-up", limits.sign_up),
            mail: budget("mail", limits.mail),
            mailbox: budget("mailbox", limits.mailbox),
            noted: budget("noted", Some(NOTED)),
            refused: budget("refused", Some(REFUSED)),
        }
    }

    /// Before a password is checked. The try is counted at once, so that many at a time are no
    /// more than one after the other, and given back if it turns out good.
    ///
    /// It is the same whether or not there is such an account; what is no address at all (`None`)
    /// counts for the place alone.
    ///
    /// # Errors
    /// 429: too many have failed, from there for that account or from there altogether.
    pub fn sign_in(&self, client: &Client, email: Option<&Email>) -> Result<Attempt, Throttled> {
        let mut attempt = Attempt { client: client.clone(), taken: Vec::new() };
        let network = client.network().to_string();
        let account = self.sign_in.as_ref().zip(email);
        let budgets = [
            self.sign_in_place.as_ref().map(|budget| {
                (budget, key(&[&network]), "too many sign-ins have failed from there")
            }),
            account.map(|(budget, email)| {
                let detail = "too many sign-ins to that account have failed from there";
                (budget, key(&[&network, &email.key()]), detail)
            }),
        ];
        for (budget, key, detail) in budgets.into_iter().flatten() {
            match budget.take(key) {
                Ok(taken) => {
                    client.record(taken.left().clone());
                    attempt.taken.push(taken);
                }
                Err(exhausted) => {
                    // Nothing will be tried.
                    attempt.give_back();
                    return Err(refusal(client, exhausted, detail));
                }
            }
        }
        Ok(attempt)
    }

    /// Whether an address may be written to once more, whoever asks for it.
    pub fn may_be_mailed(&self, email: &Email) -> bool {
        let budget = self.mailbox.as_ref();
        budget.is_none_or(|budget| budget.take(key(&[&email.key()])).is_ok())
    }

    /// Whether it is a minute since the audit last heard of throttling there, so that whoever is
    /// throttled cannot fill it.
    pub fn is_worth_noting(&self, client: &Client) -> bool {
        takes(self.noted.as_ref(), client)
    }

    /// Whether a refusal still gets into the audit: a hundred at once do, and then one in 10 s.
    /// The log has them all.
    pub fn is_refusal_worth_noting(&self, client: &Client) -> bool {
        takes(self.refused.as_ref(), client)
    }

    /// Before an account is made.
    ///
    /// # Errors
    /// 429: too many have been, from there.
    pub fn sign_up(&self, client: &Client) -> Result<(), Throttled> {
        spend(self.sign_up.as_ref(), client, "too many accounts have been made from there")
    }

    /// Before a mail is sent to whatever address somebody names.
    ///
    /// # Errors
    /// 429: too many have been, for somebody there.
    pub fn mail(&self, client: &Client) -> Result<(), Throttled> {
        spend(self.mail.as_ref(), client, "too many mails have been asked for from there")
    }
}

impl Attempt {
    /// It was good, or was never judged: it does not count.
    pub fn give_back(self) {
        for taken in self.taken {
            self.client.record(taken.give_back());
        }
    }
}

impl<C: Clock> fmt::Debug for Throttle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Throttle(…)")
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Whether there is something left of a budget, which is then less.
fn takes<C: Clock>(budget: Option<&Budget<C>>, client: &Client) -> bool {
    let network = key(&[&client.network().to_string()]);
    budget.is_some_and(|budget| budget.take(network).is_ok())
}

fn spend<C: Clock>(
    budget: Option<&Budget<C>>,
    client: &Client,
    detail: &'static str,
) -> Result<(), Throttled> {
    let Some(budget) = budget else { return Ok(()) };
    let taken = budget
        .take(key(&[&client.network().to_string()]))
        .map_err(|exhausted| refusal(client, exhausted, detail))?;
    client.record(taken.left().clone());
    Ok(())
}

fn refusal(client: &Client, exhausted: Exhausted, detail: &'static str) -> Throttled {
    let seconds = whole_seconds(exhausted.wait).max(1);
    client.record(exhausted.left);
    Throttled { detail, seconds }
}

/// The first half of SHA-256 of the parts, each with its length before it.
fn key(parts: &[&str]) -> BudgetKey {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut half = [0; size_of::<BudgetKey>()];
    half.copy_from_slice(&hash.finalize()[..size_of::<BudgetKey>()]);
    BudgetKey::from_be_bytes(half)
}

#[cfg(test)]
mod tests;
