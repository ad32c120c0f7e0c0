//! Throttling of failed sign-ins, sign-ups, requests for mail, and exports.
//!
//! Budgets belong to a network (see [`ClientAddress::network`]), a [site](ClientAddress::site), a
//! network and an account, or an account: attempts from elsewhere, known networks included, never
//! use up the budget of a network that the account is known to use. Each server process counts
//! separately.

pub(crate) mod budget;
mod exports;
mod limits;

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use recto_domain::{Email, UserId};
use sha2::{Digest as _, Sha256};

use crate::ClientAddress;
pub use exports::RunningExport;
pub use limits::{Limit, Limits};

use budget::{Budget, BudgetKey, Charge, Exhausted, whole_seconds};
use exports::Exports;

/// The state of a client's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The name of the budget.
    pub name: &'static str,
    /// The size of the budget.
    pub quota: u32,
    /// Seconds in which an empty budget is refilled.
    pub window: u64,
    /// The remaining amount.
    pub remaining: u32,
    /// Seconds until the next unit is available; `None` if the budget is full.
    pub next: Option<u64>,
}

/// The budgets of all clients of this process.
pub struct Throttle<C: Clock = MonotonicClock> {
    sign_in: Option<Budget<C>>,
    sign_in_network: Option<Budget<C>>,
    sign_in_site: Option<Budget<C>>,
    sign_in_account: Option<Budget<C>>,
    sign_up: Option<Budget<C>>,
    mail: Option<Budget<C>>,
    mailbox: Option<Budget<C>>,
    /// Notices to a mailbox. They have a budget of their own, so that requests for mail cannot
    /// suppress them.
    notices: Option<Budget<C>>,
    exports: Exports<C>,
    /// Audit entries for throttled requests of a network.
    throttling_audit: Option<Budget<C>>,
    /// Audit entries for forbidden requests of a network.
    refusal_audit: Option<Budget<C>>,
    /// Audit entries for refused credentials of a network.
    credential_audit: Option<Budget<C>>,
    /// Audit entries for what an administrator reads.
    reading_audit: Option<Budget<C>>,
}

const THROTTLING_AUDIT: Limit = Limit { burst: NonZeroU32::MIN, every: Duration::from_mins(1) };
const REFUSAL_AUDIT: Limit =
    Limit { burst: NonZeroU32::new(100).expect("it is not zero"), every: Duration::from_secs(10) };
const CREDENTIAL_AUDIT: Limit =
    Limit { burst: NonZeroU32::new(10).expect("it is not zero"), every: Duration::from_mins(1) };
const READING_AUDIT: Limit = Limit { burst: NonZeroU32::MIN, every: Duration::from_hours(1) };

/// The error for a client without remaining budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail}: try again in {seconds} s")]
pub struct Throttled {
    /// The reason.
    pub detail: &'static str,
    /// Seconds until the client may try again.
    pub seconds: u64,
}

/// The refusal of an attempt to sign in.
#[derive(Debug)]
pub struct RefusedSignIn {
    /// The error.
    pub throttled: Throttled,
    /// The attempt, if only the budget that unknown networks share was empty: it may be made from a
    /// network that the account is known to use. It counts as failed unless it is refunded.
    pub attempt: Option<Box<Attempt>>,
}

/// An attempt to sign in. It counts as failed unless it is [refunded](Self::refund).
#[must_use = "an attempt counts as failed unless it is refunded"]
pub struct Attempt {
    client: ClientAddress,
    charges: Vec<Charge>,
    /// The charge to the account, which the client does not see.
    account: Option<Charge>,
}

const FROM_NETWORK: &str = "too many failed sign-ins from this network";
const FROM_SITE: &str = "too many failed sign-ins from this IPv6 /48";
const FROM_HERE: &str = "too many failed sign-ins to this account from this network";
const TO_ACCOUNT: &str = "too many failed sign-ins to this account";

impl Throttle {
    /// Returns full budgets, with the system's monotonic clock.
    ///
    /// ```
    /// use recto_identity::ClientAddress;
    /// use recto_identity::throttle::{Limits, Throttle};
    ///
    /// let throttle = Throttle::new(Limits::default());
    /// let client = ClientAddress::at("192.0.2.1".parse()?);
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
    /// Returns full budgets, with another clock.
    pub fn with_clock(limits: Limits, clock: &C) -> Self {
        let budget =
            |name, limit: Option<Limit>| limit.map(|limit| Budget::new(name, limit, clock.clone()));
        Self {
            sign_in: budget("sign-in", limits.sign_in),
            sign_in_network: budget("sign-in-network", limits.sign_in_network),
            sign_in_site: budget("sign-in-site", limits.sign_in_site),
            sign_in_account: budget("sign-in-account", limits.sign_in_account),
            sign_up: budget("sign-up", limits.sign_up),
            mail: budget("mail", limits.mail),
            mailbox: budget("mailbox", limits.mailbox),
            notices: budget("notices", limits.mailbox),
            exports: Exports::new(limits.export, clock.clone()),
            throttling_audit: budget("throttling-audit", Some(THROTTLING_AUDIT)),
            refusal_audit: budget("refusal-audit", Some(REFUSAL_AUDIT)),
            credential_audit: budget("credential-audit", Some(CREDENTIAL_AUDIT)),
            reading_audit: budget("reading-audit", Some(READING_AUDIT)),
        }
    }

    /// Counts an attempt to sign in, before the password is checked. Concurrent attempts therefore
    /// share one budget; a successful one is refunded.
    ///
    /// The account need not exist. An invalid e-mail address (`None`) counts for network and site
    /// only. If the account's budget is empty, the attempt counts as failed all the same, so that
    /// nobody can repeat it for nothing. It may then be made [from a known
    /// network](Self::sign_in_from_known_network).
    ///
    /// # Errors
    /// [`RefusedSignIn`] after too many failed sign-ins from the network or its site, or to the
    /// account, from the network or from unknown networks.
    pub fn sign_in(
        &self,
        client: &ClientAddress,
        email: Option<&Email>,
    ) -> Result<Attempt, RefusedSignIn> {
        let mut attempt = Attempt { client: client.clone(), charges: Vec::new(), account: None };
        let network = client.network().to_string();
        let site = client.site().map(|site| site.to_string());
        let account = email.map(Email::key);
        let budgets = [
            (self.sign_in_network.as_ref(), Some(key(&[&network])), FROM_NETWORK),
            (self.sign_in_site.as_ref(), site.map(|site| key(&[&site])), FROM_SITE),
            (self.sign_in.as_ref(), account.as_ref().map(|to| key(&[&network, to])), FROM_HERE),
        ];
        for (budget, key, detail) in budgets {
            let Some((budget, key)) = budget.zip(key) else { continue };
            match budget.charge(key) {
                Ok(charge) => {
                    client.record(charge.allowance().clone());
                    attempt.charges.push(charge);
                }
                Err(exhausted) => {
                    attempt.refund();
                    let throttled = throttled(client, exhausted, detail);
                    return Err(RefusedSignIn { throttled, attempt: None });
                }
            }
        }
        // All unknown networks share a budget.
        match email.map(|email| self.charge_to_account(&mut attempt, email, "")).transpose() {
            Ok(_) => Ok(attempt),
            Err(throttled) => Err(RefusedSignIn { throttled, attempt: Some(Box::new(attempt)) }),
        }
    }

    /// Makes a [refused](RefusedSignIn) attempt to sign in again, if the network of its client is
    /// that of one of the `known` IP addresses, from which the account was used. Each such network
    /// has a budget of its own.
    ///
    /// # Errors
    /// [`Throttled`] for an unknown network, and after too many failed sign-ins to the account from
    /// the network.
    pub fn sign_in_from_known_network(
        &self,
        refused: RefusedSignIn,
        email: &Email,
        known: &[IpAddr],
    ) -> Result<Attempt, Throttled> {
        let RefusedSignIn { throttled, attempt } = refused;
        let mut attempt = attempt.ok_or(throttled)?;
        let network = attempt.client.network();
        if !known.iter().any(|&address| ClientAddress::at(address).network() == network) {
            return Err(throttled);
        }
        self.charge_to_account(&mut attempt, email, &network.to_string())?;
        Ok(*attempt)
    }

    /// Charges the budget of an account. The client does not get a record of it: strangers must not
    /// see how often others tried.
    fn charge_to_account(
        &self,
        attempt: &mut Attempt,
        email: &Email,
        network: &str,
    ) -> Result<(), Throttled> {
        let Some(budget) = &self.sign_in_account else { return Ok(()) };
        let charge = budget.charge(key(&["account", network, &email.key()]));
        let charge = charge.map_err(|exhausted| {
            let seconds = whole_seconds(exhausted.wait).max(1);
            Throttled { detail: TO_ACCOUNT, seconds }
        })?;
        attempt.account = Some(charge);
        Ok(())
    }

    /// Counts a mail with a link, and returns whether it may be sent.
    ///
    /// An e-mail address without `+`, or one that is verified, has a budget of its own. Others of
    /// the same mailbox ([`Email::mailbox_key`]) share one: mails to `ada+1@example.org`, which
    /// anybody can sign up with, do not suppress those to Ada.
    pub fn may_be_mailed(&self, email: &Email, is_verified: bool) -> bool {
        let (address, mailbox) = (email.key(), email.mailbox_key());
        let is_own = is_verified || address == mailbox;
        let owner = if is_own { ["address", &address] } else { ["mailbox", &mailbox] };
        self.mailbox.as_ref().is_none_or(|budget| budget.charge(key(&owner)).is_ok())
    }

    /// Counts a notice that sign-ins or new keys cause, and returns whether it may be sent.
    pub fn may_be_notified(&self, email: &Email) -> bool {
        let mailbox = key(&[&email.mailbox_key()]);
        self.notices.as_ref().is_none_or(|budget| budget.charge(mailbox).is_ok())
    }

    /// Counts an audit entry for a throttled request, and returns whether to write it: one a minute
    /// for each network, so that nobody can fill the audit log.
    pub fn should_audit_throttling(&self, client: &ClientAddress) -> bool {
        try_charge(self.throttling_audit.as_ref(), client)
    }

    /// Counts an audit entry for a forbidden request, and returns whether to write it: 100 for each
    /// network, then one in 10 s.
    pub fn should_audit_refusal(&self, client: &ClientAddress) -> bool {
        try_charge(self.refusal_audit.as_ref(), client)
    }

    /// Counts an audit entry for a refused credential, and returns whether to write it: 10 for each
    /// network, then one a minute.
    pub fn should_audit_credential(&self, client: &ClientAddress) -> bool {
        try_charge(self.credential_audit.as_ref(), client)
    }

    /// Counts an audit entry for an administrator who reads the accounts of others, one account or
    /// the audit log (`what`), and returns whether to write it: once an hour for each.
    pub fn should_audit_reading(&self, reader: UserId, what: &str) -> bool {
        let budget = self.reading_audit.as_ref();
        budget.is_some_and(|budget| budget.charge(key(&[&reader.to_string(), what])).is_ok())
    }

    /// Counts a sign-up.
    ///
    /// # Errors
    /// [`Throttled`] after too many sign-ups from the network.
    pub fn sign_up(&self, client: &ClientAddress) -> Result<(), Throttled> {
        charge(self.sign_up.as_ref(), client, "too many accounts created from this network")
    }

    /// Counts an export of an account, and records that it is under way.
    ///
    /// # Errors
    /// [`Throttled`] while another one is under way, and after too many.
    pub fn export(&self, client: &ClientAddress, user: UserId) -> Result<RunningExport, Throttled> {
        self.exports.start(client, user)
    }

    /// Counts a request for mail.
    ///
    /// # Errors
    /// [`Throttled`] after too many requests from the network.
    pub fn mail(&self, client: &ClientAddress) -> Result<(), Throttled> {
        charge(self.mail.as_ref(), client, "too many mails requested from this network")
    }
}

impl Attempt {
    /// Refunds a successful attempt, or one whose password was not checked: it does not count.
    pub fn refund(self) {
        for charge in self.charges {
            self.client.record(charge.refund());
        }
        if let Some(charge) = self.account {
            charge.refund();
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

/// Charges a budget, and returns whether it was sufficient.
fn try_charge<C: Clock>(budget: Option<&Budget<C>>, client: &ClientAddress) -> bool {
    let network = key(&[&client.network().to_string()]);
    budget.is_some_and(|budget| budget.charge(network).is_ok())
}

fn charge<C: Clock>(
    budget: Option<&Budget<C>>,
    client: &ClientAddress,
    detail: &'static str,
) -> Result<(), Throttled> {
    let Some(budget) = budget else { return Ok(()) };
    let charge = budget
        .charge(key(&[&client.network().to_string()]))
        .map_err(|exhausted| throttled(client, exhausted, detail))?;
    client.record(charge.allowance().clone());
    Ok(())
}

/// Charges the budget of an account, and records its allowance for the client.
pub(crate) fn charge_account<C: Clock>(
    budget: &Budget<C>,
    client: &ClientAddress,
    account: BudgetKey,
    detail: &'static str,
) -> Result<(), Throttled> {
    let charge =
        budget.charge(account).map_err(|exhausted| throttled(client, exhausted, detail))?;
    client.record(charge.allowance().clone());
    Ok(())
}

fn throttled(client: &ClientAddress, exhausted: Exhausted, detail: &'static str) -> Throttled {
    let seconds = whole_seconds(exhausted.wait).max(1);
    client.record(exhausted.allowance);
    Throttled { detail, seconds }
}

/// Returns the first half of the SHA-256 of the parts, each preceded by its length.
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
