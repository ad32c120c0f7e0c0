//! The outbox worker.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use recto_domain::{IdGenerator, MailKind, Secret};
use recto_identity::mailed_token::MailedTokens;
use recto_identity::throttle::Throttle;
use recto_persistence::identity::account;
use recto_persistence::identity::outbox::{self, Mail};
use recto_persistence::{Database, Error};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::{Composer, MailSettings, SendError, Sender, Transport};

/// The interval at which the outbox is polled for mails of other server processes, and for retries.
pub(crate) const POLL: Duration = Duration::from_secs(5);
/// The maximum time for a message.
const MAX_SEND_TIME: Duration = Duration::from_mins(1);

/// Sends the mails of the outbox, one at a time.
///
/// A mail is claimed before it is sent, so that no other server process sends it, and marked as
/// sent afterwards. If the process ends in between, the claim expires and the mail is sent again.
pub struct Worker {
    pub(crate) database: Database,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) tokens: Arc<MailedTokens>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) handle: MailWorkerHandle,
    composer: Composer,
    transport: Transport,
}

/// The outcome of an attempt to send a mail.
enum DeliveryOutcome {
    Sent,
    /// The mail is no longer needed, for this reason.
    Discarded(&'static str),
    Permanent(String),
    Temporary(String),
}

/// A handle that wakes and stops the [`Worker`].
#[derive(Clone, Default)]
pub struct MailWorkerHandle(Arc<HandleState>);

#[derive(Default)]
struct HandleState {
    wake: Notify,
    /// Wakes the worker after a request for a mail.
    requests: Notify,
    stopping: AtomicBool,
    /// The mails that waited when the worker last looked.
    waiting: AtomicUsize,
    running: Mutex<JoinSet<()>>,
}

impl Worker {
    /// Returns a worker. Links in its mails begin with `public_url`.
    ///
    /// # Errors
    /// Returns an error if TLS cannot be set up.
    pub fn new(
        database: Database,
        ids: Arc<dyn IdGenerator>,
        tokens: Arc<MailedTokens>,
        throttle: Arc<Throttle>,
        handle: MailWorkerHandle,
        settings: &MailSettings,
        public_url: &str,
    ) -> io::Result<Self> {
        let sender = settings.from.clone().unwrap_or_else(|| Sender::of_site(public_url));
        let transport = Transport::new(&settings.delivery, &sender)?;
        let composer = Composer::new(sender, public_url);
        Ok(Self { database, ids, tokens, throttle, handle, composer, transport })
    }

    /// Starts the worker, which runs until [`MailWorkerHandle::stop`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(self) {
        let shared = self.handle.0.clone();
        // Only `MailWorkerHandle::stop` locks it, and then the worker need not start.
        if let Ok(mut running) = shared.running.try_lock() {
            let worker = Arc::new(self);
            running.spawn(Arc::clone(&worker).run());
            running.spawn(worker.run_requests());
        }
    }

    /// Sends all mails that are due.
    ///
    /// # Errors
    /// A database error. Mails that cannot be sent are logged and retried later.
    pub async fn deliver(&self) -> Result<(), Error> {
        while !self.handle.is_stopping() {
            let Some(mail) = self.claim().await? else { break };
            let outcome = self.send(&mail).await?;
            self.record(&mail, outcome).await?;
        }
        Ok(())
    }

    async fn run(self: Arc<Self>) {
        let mut checked = false;
        while !self.handle.is_stopping() {
            if let Err(error) = self.deliver().await {
                tracing::error!(%error, "the outbox could not be read or updated");
            }
            match self.database.read(outbox::waiting).await {
                Ok(waiting) => self.handle.0.waiting.store(waiting, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "the mails in the outbox were not counted"),
            }
            if !std::mem::replace(&mut checked, true) {
                tokio::spawn(check(self.transport.clone()));
            }
            // `Notify` stores a notification that arrived meanwhile. A timeout is the poll.
            let _ = tokio::time::timeout(POLL, self.handle.0.wake.notified()).await;
        }
    }

    /// Claims the next mail that is due.
    async fn claim(&self) -> Result<Option<Mail>, Error> {
        let now = self.ids.now();
        // Reading first avoids a write lock when nothing is due.
        let due = self.database.read(outbox::next_due).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let claimed = self.database.write(move |conn| outbox::claim(conn, 1, now)).await?;
        Ok(claimed.into_iter().next())
    }

    /// Sends a mail, unless it is discarded.
    ///
    /// # Errors
    /// A database error. A failure to send is an outcome.
    async fn send(&self, mail: &Mail) -> Result<DeliveryOutcome, Error> {
        let token = match self.token(mail) {
            Ok(token) => token,
            Err(reason) => return Ok(DeliveryOutcome::Discarded(reason)),
        };
        if let Some(reason) = self.reason_to_discard(mail).await? {
            return Ok(DeliveryOutcome::Discarded(reason));
        }
        let message = match self.composer.compose(mail, token.as_ref()) {
            Ok(message) => message,
            Err(error) => return Ok(DeliveryOutcome::Permanent(error.to_string())),
        };
        Ok(match self.transport.send(message, time_for(mail.attempt)).await {
            Ok(()) => DeliveryOutcome::Sent,
            Err(SendError::Temporary(reason)) => DeliveryOutcome::Temporary(reason),
            Err(SendError::Permanent(reason)) => DeliveryOutcome::Permanent(reason),
        })
    }

    /// Returns the token in the link of a mail, `None` for a mail without a link, or the reason why
    /// the mail is discarded.
    fn token(&self, mail: &Mail) -> Result<Option<Secret>, &'static str> {
        if mail.kind.purpose().is_none() {
            return Ok(None);
        }
        let (Some(id), Some(hash)) = (mail.token, &mail.token_hash) else {
            return Err("its link has been used, replaced or has expired");
        };
        let token = self.tokens.find(id, hash);
        token.map(Some).ok_or("its link was derived from a removed secret")
    }

    /// Returns the reason why a mail is discarded, if there is one.
    async fn reason_to_discard(&self, mail: &Mail) -> Result<Option<&'static str>, Error> {
        // Budgets count the first attempt.
        if mail.attempt == 1 && !self.fits_budget(mail).await? {
            return Ok(Some("the mailbox's budget is used up"));
        }
        if mail.kind != MailKind::EmailChange {
            return Ok(None);
        }
        let (recipient, user) = (mail.recipient.clone(), mail.user);
        let owner = self.database.read(move |conn| account::owner_of_email(conn, &recipient));
        // Found out only now, so that the request does not reveal it.
        let is_taken = owner.await?.is_some_and(|owner| owner != user);
        Ok(is_taken.then_some("its address belongs to another account"))
    }

    async fn fits_budget(&self, mail: &Mail) -> Result<bool, Error> {
        let recipient = &mail.recipient;
        Ok(match mail.kind {
            MailKind::Verification | MailKind::EmailChange => {
                self.throttle.may_be_mailed(recipient, false)
            }
            MailKind::PasswordReset => {
                let user = mail.user;
                let account = self.database.read(move |conn| account::of_user(conn, user)).await?;
                let is_verified = account.is_some_and(|account| account.verified);
                self.throttle.may_be_mailed(recipient, is_verified)
            }
            MailKind::NewDevice | MailKind::KeyCreated => self.throttle.may_be_notified(recipient),
            MailKind::PasswordChanged
            | MailKind::EmailChangeRequested
            | MailKind::EmailChanged
            | MailKind::RoleChanged
            | MailKind::AccountDisabled
            | MailKind::AccountEnabled => true,
        })
    }

    /// Records and logs an outcome. A mail to be retried stays in the outbox.
    async fn record(&self, mail: &Mail, outcome: DeliveryOutcome) -> Result<(), Error> {
        let (id, kind, attempt) = (mail.id, mail.kind, mail.attempt);
        let now = self.ids.now();
        match outcome {
            DeliveryOutcome::Sent => {
                self.database.write(move |conn| outbox::mark_sent(conn, id, now)).await?;
                tracing::info!(mail = %id, %kind, attempt, "sent a mail");
            }
            DeliveryOutcome::Discarded(reason) => {
                self.database.write(move |conn| outbox::delete(conn, id)).await?;
                tracing::info!(mail = %id, %kind, reason, "discarded a mail");
            }
            DeliveryOutcome::Permanent(reason) => {
                self.database.write(move |conn| outbox::mark_failed(conn, id, now)).await?;
                tracing::warn!(mail = %id, %kind, attempt, reason, "a mail was refused");
            }
            DeliveryOutcome::Temporary(reason) => {
                tracing::warn!(mail = %id, %kind, attempt, reason, "a mail could not be sent yet");
            }
        }
        Ok(())
    }
}

impl MailWorkerHandle {
    /// Wakes the worker, after the commit of a transaction that added a mail. Without this call,
    /// the worker finds the mail within seconds.
    pub fn enqueued(&self) {
        self.0.wake.notify_one();
    }

    /// Wakes the worker, after the commit of a transaction that stored a request for a mail.
    pub fn requested(&self) {
        self.0.requests.notify_one();
    }

    /// Returns the number of mails that waited to be sent when the worker last looked, which it
    /// does every few seconds.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Stops the worker and waits for it until `deadline`, when its work is aborted.
    pub async fn stop(&self, deadline: Instant) {
        self.0.stopping.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
        self.0.requests.notify_one();
        // A concurrent call waits for the lock until the worker has stopped.
        let mut running = self.0.running.lock().await;
        let ended = async { while running.join_next().await.is_some() {} };
        if timeout_at(deadline, ended).await.is_err() {
            tracing::warn!("the mail worker was aborted; a mail under way will be sent again");
            running.shutdown().await;
        }
    }

    pub(crate) fn requests(&self) -> &Notify {
        &self.0.requests
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }
}

/// Logs a warning if no mail could be sent now, so that it shows before the first mail.
async fn check(transport: Transport) {
    if let Err(reason) = transport.check().await {
        tracing::warn!(reason, "the SMTP server cannot be used: mails are sent later");
    }
}

/// Returns the time for an attempt. It ends before the claim expires, and grows with each attempt.
fn time_for(attempt: u32) -> Duration {
    let claimed = outbox::retry_delay(attempt).to_std().unwrap_or_default();
    claimed.saturating_sub(Duration::from_secs(1)).min(MAX_SEND_TIME)
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MailWorkerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailWorkerHandle")
            .field("stopping", &self.is_stopping())
            .finish_non_exhaustive()
    }
}
