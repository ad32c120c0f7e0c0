//! Transactions that change data, as handlers see them.

use std::ops::{Deref, DerefMut};

use actix_web::ResponseError as _;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use recto_domain::{
    Account, AuditAction, AuditDetail, AuditEntry, Email, MailDetail, MailKind, MailRequestId,
    NewId, UserId,
};
use recto_persistence::catalog::Creator;
use recto_persistence::identity::mail_request::{self, MailRequest};
use recto_persistence::identity::{audit, known_device};
use recto_persistence::{Connection, Lock, Recto, Stored};
use recto_relations::Entity;

use super::{ReadTransaction, RequestOrigin};
use crate::conditional::{IfMatch, TargetResource};
use crate::error::Error;
use crate::problem::Problem;
use crate::stored_responses::StoredBytes;

/// A transaction that changes data.
pub(crate) struct WriteTransaction<'t> {
    read: ReadTransaction<'t>,
    request: ChangeRequest<'t>,
    /// The entity that the request changes, as it was before.
    target: Option<TargetResource>,
    effects: Effects,
}

/// A request that changes data.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangeRequest<'t> {
    pub(super) origin: &'t RequestOrigin,
    /// Its condition.
    pub(super) if_match: Option<&'t IfMatch>,
    /// Whether it counts as a write of the caller.
    pub(super) is_counted: bool,
    /// Whether its work has not run before.
    pub(super) is_first_run: bool,
}

/// The effects of a transaction once it is committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Audit entries to log.
    pub(super) entries: Vec<AuditEntry>,
    /// Whether the mail worker has something to send.
    pub(super) mail_enqueued: bool,
    /// Whether the mail worker has a request to handle.
    pub(super) mail_requested: bool,
    /// Creations that are reserved for the caller.
    pub(super) reserved: Option<ReservedCreations>,
}

/// Creations that a transaction has reserved and not used.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReservedCreations {
    pub(super) user: UserId,
    /// The number of reserved creations that remain.
    pub(super) unused: u32,
    /// The number that can still be reserved.
    pub(super) remaining: u32,
    pub(super) ends_at: DateTime<Utc>,
}

impl<'t> WriteTransaction<'t> {
    pub(super) fn new(read: ReadTransaction<'t>, request: ChangeRequest<'t>) -> Self {
        Self { read, request, target: None, effects: Effects::default() }
    }

    /// Runs the work, then compares `If-Match`. 412 replaces a success, a 409 or a 422, and the
    /// work is rolled back. Any other error of the work is returned.
    ///
    /// # Errors
    /// The errors of `work`; 412.
    pub(super) fn run_with_if_match<T>(
        &mut self,
        work: impl Fn(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let result = work(self);
        let is_replaceable = match &result {
            Ok(_) => true,
            Err(error) => matches!(
                error.status_code(),
                StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
            ),
        };
        if is_replaceable
            && let (Some(target), Some(if_match)) = (&self.target, self.request.if_match)
        {
            target.check(if_match)?;
        }
        result
    }

    /// Returns whether the work has not run before.
    pub(super) fn is_first_run(&self) -> bool {
        self.request.is_first_run
    }

    /// Returns whether the request counts as a write of the caller.
    pub(super) fn is_counted(&self) -> bool {
        self.request.is_counted && self.request.is_first_run
    }

    /// Returns the bytes of the responses that are stored for idempotency keys.
    pub(super) fn stored_bytes(&self) -> &'t StoredBytes {
        &self.state.stored_responses
    }

    /// Returns a new id for the current time.
    pub(crate) fn new_id(&self) -> NewId {
        self.state.ids.new_id()
    }

    /// Returns the connection and the caller as the creator of tags and authors, for functions
    /// that take both.
    ///
    /// # Errors
    /// [`Failure::NoCaller`] if the route does not require that the caller signs in.
    pub(crate) fn with_creator(&mut self) -> Result<(&mut Connection, Creator<'t>), Error> {
        let (state, user) = (self.read.state, self.caller()?.user_uid);
        Ok((self.read.conn, Creator::new(&*state.ids, Some(user))))
    }

    /// Locks the entity that the request changes. `If-Match` compares its version.
    ///
    /// # Errors
    /// 404 if it does not exist.
    pub(crate) fn target<E: Stored<Recto>>(&mut self, key: E::Key) -> Result<E, Error> {
        let entity = self.locked::<E>(key)?;
        self.target = TargetResource::of(&entity);
        Ok(entity)
    }

    /// Locks the entity that the request deletes. `If-Match` compares its version. The lock waits
    /// for transactions that have written a foreign key to it, before the transaction has locked
    /// anything that these may need.
    ///
    /// # Errors
    /// 404 if it does not exist.
    pub(crate) fn target_to_delete<E: Stored<Recto>>(&mut self, key: E::Key) -> Result<E, Error> {
        let entity = self.lock_existing::<E>(key, Lock::Update)?;
        self.target = TargetResource::of(&entity);
        Ok(entity)
    }

    /// Locks an entity until the transaction ends. Foreign keys to it can still be written: two
    /// transactions that write keys to each other's entities would otherwise wait for each other.
    ///
    /// # Errors
    /// 404 if it does not exist.
    pub(crate) fn locked<E: Stored<Recto>>(&mut self, key: E::Key) -> Result<E, Error> {
        self.lock_existing::<E>(key, Lock::NoKeyUpdate)
    }

    fn lock_existing<E: Stored<Recto>>(&mut self, key: E::Key, lock: Lock) -> Result<E, Error> {
        let found = self.conn.lock::<E>(key, lock)?;
        Ok(found.ok_or_else(|| Problem::no_such(E::INFO))?)
    }

    /// Adds an entry to the audit log, by the caller. Other fields are for the handler to set.
    pub(crate) fn audit(&mut self, action: AuditAction) -> &mut AuditEntry {
        let mut entry = self.request.origin.entry(&*self.read.state.ids, action);
        entry.actor_uid = self.optional_caller().map(|account| account.user_uid);
        self.effects.entries.push(entry);
        let last = self.effects.entries.len() - 1;
        &mut self.effects.entries[last]
    }

    /// Adds an audit entry about an entity that is changed or deleted, unless the caller owns it.
    pub(crate) fn audit_content<E: Entity>(
        &mut self,
        action: AuditAction,
        key: E::Key,
        owner: Option<UserId>,
    ) {
        let caller = self.optional_caller().map(|account| account.user_uid);
        if owner.is_some() && owner == caller {
            return;
        }
        let detail = format!("{} {key}", E::INFO.name.to_lowercase());
        let entry = self.audit(action);
        entry.subject_uid = owner;
        entry.detail = AuditDetail::parse(&detail).ok();
    }

    /// Adds a mail to the outbox.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn enqueue_mail(&mut self, account: &Account, kind: MailKind) -> Result<(), Error> {
        let state = self.read.state;
        let tokens = &state.mailed_tokens;
        recto_mail::enqueue(self.read.conn, &*state.ids, tokens, account, kind)?;
        self.effects.mail_enqueued = true;
        Ok(())
    }

    /// Adds a notice to the outbox, if the address of the account is verified.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn notify(
        &mut self,
        account: &Account,
        kind: MailKind,
        detail: Option<&MailDetail>,
    ) -> Result<(), Error> {
        let ids = &*self.read.state.ids;
        self.effects.mail_enqueued |=
            recto_mail::enqueue_notice(self.read.conn, ids, account, kind, detail)?;
        Ok(())
    }

    /// Adds the link for a change of address to the outbox.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn enqueue_email_change(
        &mut self,
        account: &Account,
        new_email: &Email,
    ) -> Result<(), Error> {
        let state = self.read.state;
        let tokens = &state.mailed_tokens;
        recto_mail::enqueue_email_change(self.read.conn, &*state.ids, tokens, account, new_email)?;
        self.effects.mail_enqueued = true;
        Ok(())
    }

    /// Stores a request for a mail, for the mail worker. The statements do not depend on whether
    /// the address has an account.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn request_mail(&mut self, recipient: Email, kind: MailKind) -> Result<(), Error> {
        let id = MailRequestId::from_uuid(self.new_id().uid());
        mail_request::insert(self.read.conn, &MailRequest { id, kind, recipient })?;
        self.effects.mail_requested = true;
        Ok(())
    }

    /// Records that a user signs in on the device of the request. Returns whether it is new.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn record_device(&mut self, user: UserId) -> Result<bool, Error> {
        let now = self.now();
        Ok(known_device::record(self.read.conn, user, &self.request.origin.fingerprint(), now)?)
    }

    /// Returns where the request comes from.
    pub(crate) fn origin(&self) -> &'t RequestOrigin {
        self.request.origin
    }

    /// Sets the creations that are reserved once the transaction is committed.
    pub(super) fn reserve(&mut self, reserved: ReservedCreations) {
        self.effects.reserved = Some(reserved);
    }

    /// Stores the audit entries.
    pub(super) fn finish(self) -> Result<Effects, Error> {
        for entry in &self.effects.entries {
            audit::insert(self.read.conn, entry)?;
        }
        Ok(self.effects)
    }
}

impl<'t> Deref for WriteTransaction<'t> {
    type Target = ReadTransaction<'t>;

    fn deref(&self) -> &ReadTransaction<'t> {
        &self.read
    }
}

impl<'t> DerefMut for WriteTransaction<'t> {
    fn deref_mut(&mut self) -> &mut ReadTransaction<'t> {
        &mut self.read
    }
}
