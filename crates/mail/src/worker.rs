//! The worker that empties the outbox.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use recto_domain::{IdGenerator, MailKind};
use recto_identity::mailed_token::MailedTokens;
use recto_persistence::identity::outbox::{self, Mail};
use recto_persistence::{Database, Error};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use crate::{Composer, Letter, SendError, Sender, Settings, Transport};

/// How often the outbox is looked into unasked: for what other copies of the server have put
/// there, and what is due again.
const POLL: Duration = Duration::from_secs(5);
/// The longest that a server may take for a message.
const LONGEST: Duration = Duration::from_mins(1);
/// How long a message that is on its way may take once the server is stopping.
const GRACE: Duration = Duration::from_secs(20);

/// Sends what is in the outbox, a mail at a time.
///
/// A mail is claimed before it is sent, so that no other copy of the server sends it too, and
/// marked when it has been taken. Whoever dies in between leaves it claimed for a while, and then
/// it is sent again.
pub struct Worker {
    database: Database,
    ids: Arc<dyn IdGenerator>,
    tokens: Arc<MailedTokens>,
    composer: Composer,
    transport: Transport,
    outbox: Outbox,
}

/// What became of a mail.
enum Fate {
    Sent,
    /// Nobody could use it any more.
    Void(&'static str),
    Refused(String),
    Later(String),
}

/// The end of the [`Worker`] that the rest of the server holds.
#[derive(Clone, Default)]
pub struct Outbox(Arc<OutboxState>);

#[derive(Default)]
struct OutboxState {
    wake: Notify,
    stopping: AtomicBool,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Returns a worker. Links in its mails begin with `public_url`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        database: Database,
        ids: Arc<dyn IdGenerator>,
        tokens: Arc<MailedTokens>,
        outbox: Outbox,
        settings: &Settings,
        public_url: &str,
    ) -> io::Result<Self> {
        let sender = settings.from.clone().unwrap_or_else(|| Sender::of_site(public_url));
        let transport = Transport::new(&settings.delivery, &sender)?;
        let composer = Composer::new(sender, public_url);
        Ok(Self { database, ids, tokens, composer, transport, outbox })
    }

    /// Starts to send, until the outbox is [stopped](Outbox::stop).
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(self) {
        let shared = self.outbox.0.clone();
        // It is locked by those only who stop the outbox already.
        if let Ok(mut running) = shared.running.try_lock() {
            *running = Some(tokio::spawn(self.run()));
        }
    }

    /// Sends what is due now.
    ///
    /// # Errors
    /// The database's. What goes wrong with a mail is in the log, and it is tried again later.
    pub async fn deliver(&self) -> Result<(), Error> {
        while !self.outbox.is_stopping() {
            let Some(mail) = self.claim().await? else { break };
            let fate = self.send(&mail).await;
            self.settle(&mail, fate).await?;
        }
        Ok(())
    }

    async fn run(self) {
        while !self.outbox.is_stopping() {
            if let Err(error) = self.deliver().await {
                tracing::error!(%error, "the outbox could not be worked through");
            }
            // Whoever woke it meanwhile is not forgotten. Time that has run out is no failure.
            let _ = tokio::time::timeout(POLL, self.outbox.0.wake.notified()).await;
        }
    }

    /// Takes the next mail that is due; one at a time, so that none waits while claimed.
    async fn claim(&self) -> Result<Option<Mail>, Error> {
        let now = self.ids.now();
        // A look does not keep other writers waiting.
        let due = self.database.read(outbox::next_due).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let claimed = self.database.write(move |conn| outbox::claim(conn, 1, now)).await?;
        Ok(claimed.into_iter().next())
    }

    async fn send(&self, mail: &Mail) -> Fate {
        let letter = match self.letter(mail) {
            Ok(letter) => letter,
            Err(reason) => return Fate::Void(reason),
        };
        let message = match self.composer.compose(mail, &letter) {
            Ok(message) => message,
            Err(error) => return Fate::Refused(error.to_string()),
        };
        match self.transport.send(message, time_for(mail.attempt)).await {
            Ok(()) => Fate::Sent,
            Err(SendError::Later(reason)) => Fate::Later(reason),
            Err(SendError::Refused(reason)) => Fate::Refused(reason),
        }
    }

    /// What the mail is to say; or why there is nothing left to say.
    fn letter(&self, mail: &Mail) -> Result<Letter, &'static str> {
        let token = || {
            let (Some(id), Some(hash)) = (mail.token, &mail.token_hash) else {
                return Err("its link is used, expired or replaced");
            };
            self.tokens.find(id, hash).ok_or("its link was made under a secret that is gone")
        };
        Ok(match mail.kind {
            MailKind::Verification => Letter::Verification(token()?),
            MailKind::PasswordReset => Letter::PasswordReset(token()?),
            MailKind::PasswordChanged => Letter::PasswordChanged,
        })
    }

    /// Writes down what became of a mail.
    async fn settle(&self, mail: &Mail, fate: Fate) -> Result<(), Error> {
        let (id, kind, attempt) = (mail.id, mail.kind, mail.attempt);
        let now = self.ids.now();
        match fate {
            Fate::Sent => {
                self.database.write(move |conn| outbox::mark_sent(conn, id, now)).await?;
                tracing::info!(mail = %id, %kind, attempt, "sent a mail");
            }
            Fate::Void(reason) => {
                self.database.write(move |conn| outbox::delete(conn, id)).await?;
                tracing::info!(mail = %id, %kind, reason, "dropped a mail");
            }
            Fate::Refused(reason) => {
                self.database.write(move |conn| outbox::mark_failed(conn, id, now)).await?;
                tracing::warn!(mail = %id, %kind, attempt, reason, "a mail was refused");
            }
            Fate::Later(reason) => {
                tracing::warn!(mail = %id, %kind, attempt, reason, "a mail could not be sent yet");
            }
        }
        Ok(())
    }
}

impl Outbox {
    /// Tells the worker that there is a mail: to be called once the write is kept. Whatever is
    /// not told is found within seconds.
    pub fn enqueued(&self) {
        self.0.wake.notify_one();
    }

    /// Stops the worker and waits until it has: a message that is on its way has 20 seconds to
    /// get there.
    pub async fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
        // Whoever comes second waits for the same end.
        let mut running = self.0.running.lock().await;
        let Some(worker) = running.as_mut() else { return };
        if tokio::time::timeout(GRACE, &mut *worker).await.is_err() {
            tracing::warn!("stopped amid a mail; it is sent again later");
            worker.abort();
        }
        *running = None;
    }

    fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }
}

/// How long an attempt may take: it ends before the mail can be claimed by somebody else, and a
/// slow server gets more time with each.
fn time_for(attempt: u32) -> Duration {
    let claimed = outbox::retry_delay(attempt).to_std().unwrap_or_default();
    claimed.saturating_sub(Duration::from_secs(1)).min(LONGEST)
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("stopping", &self.is_stopping()).finish_non_exhaustive()
    }
}
