//! The quotas of the caller: checked after rows are inserted, in the same transaction.

use recto_domain::{Account, AuditAction, AuditDetail, QuotaItem, UserId};
use recto_identity::access::may;
use recto_identity::quota::{QuotaUse, RESERVATION};
use recto_persistence::catalog::Creator;
use recto_persistence::identity::{quota, session};
use recto_relations::Entity;

use super::transaction::ReservedCreations;
use super::{ReadTransaction, WriteTransaction};
use crate::error::Error;
use crate::problem::{Problem, ProblemType};

impl<'t> ReadTransaction<'t> {
    /// Returns the quotas, unless they are off or the account may exceed them.
    fn quotas_of(&self, account: Option<&Account>) -> Option<(&'t QuotaUse, UserId)> {
        let account = account.filter(|account| !may::exceed_quotas(account))?;
        Some((self.state.quotas.as_deref()?, account.user_uid))
    }
}

impl WriteTransaction<'_> {
    /// Checks the caller's quota after `added` entities with an owner were inserted.
    ///
    /// # Errors
    /// 409 if the caller owns too many.
    pub(crate) fn check_quota(&mut self, owned: QuotaItem, added: usize) -> Result<(), Error> {
        let Some((quotas, user)) = self.quotas_of(self.optional_caller()) else { return Ok(()) };
        let now = self.now();
        if added == 0 || quotas.take(user, owned, added, now) {
            return Ok(());
        }
        let rows = quota::count(self, user, owned)?;
        if quotas.counted(user, owned, rows, now) {
            return Ok(());
        }
        let detail = format!("an account may have at most {} {owned}", quotas.quotas.of(owned));
        Err(Problem::new(ProblemType::QuotaExceeded, detail).into())
    }

    /// Checks the quotas of tags and authors after a creator has inserted some.
    ///
    /// # Errors
    /// 409 if the caller has created too many.
    pub(crate) fn check_creator(&mut self, creator: &Creator<'_>) -> Result<(), Error> {
        self.check_quota(QuotaItem::Tags, creator.tags())?;
        self.check_quota(QuotaItem::Authors, creator.authors())
    }

    /// Checks the quota of an entity, or that of all entities without one, after `count` of them
    /// were inserted.
    ///
    /// # Errors
    /// 409 if the caller owns too many; 429 if the caller has created too much within 24 hours.
    pub(crate) fn check_created<E: Entity>(&mut self, count: usize) -> Result<(), Error> {
        if let Some(item) = QuotaItem::of(E::INFO) {
            return self.check_quota(item, count);
        }
        let Some((quotas, user)) = self.quotas_of(self.optional_caller()) else { return Ok(()) };
        let (now, client) = (self.now(), &self.origin().client);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if quotas.take_creations(client, user, count, now) {
            return Ok(());
        }
        let numbers = [count, count.max(RESERVATION), quotas.quotas.creations];
        let reservation = quota::reserve(self, user, numbers, now)?;
        let quota::Reservation { reserved, remaining, ends_at } = reservation;
        let Some(unused) = reserved.checked_sub(count) else {
            return Err(quotas.exhausted(client, remaining, ends_at, now).into());
        };
        self.reserve(ReservedCreations { user, unused, remaining, ends_at });
        Ok(())
    }

    /// Counts the request as a write of the caller, once, although its work may run again.
    ///
    /// # Errors
    /// 429 if the caller writes too much.
    pub(crate) fn count_write(&self) -> Result<(), Error> {
        if let Some((quotas, user)) = self.quotas_of(self.optional_caller())
            && self.is_counted()
        {
            quotas.write(&self.origin().client, user)?;
        }
        Ok(())
    }

    /// Counts the items of a request as writes, before they are written, so that a request that is
    /// refused counts too. They delay the caller's next writes.
    pub(crate) fn count_items(&self, items: usize) {
        if let Some((quotas, user)) = self.quotas_of(self.optional_caller())
            && self.is_first_run()
        {
            // The request itself has been counted.
            quotas.more_writes(&self.origin().client, user, items.saturating_sub(1));
        }
    }

    /// Ends the oldest sessions of an account that has opened one too many.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn end_oldest_sessions(&mut self, account: &Account) -> Result<(), Error> {
        let Some((quotas, user)) = self.quotas_of(Some(account)) else { return Ok(()) };
        let (most, now) = (quotas.quotas.sessions, self.now());
        let ended = session::end_oldest(self, user, most, now)?;
        if ended > 0 {
            let entry = self.audit(AuditAction::SessionRevoked);
            entry.actor_uid = Some(user);
            entry.detail =
                AuditDetail::parse(&format!("{ended} of more than {most} sessions")).ok();
        }
        Ok(())
    }
}
