//! An outbox with one account, and the workers that empty it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{
    Account, Clock, Email, IdGenerator, MailId, MailKind, MailRequestId, MailedPurpose,
    MailedTokenId, NewId, PasswordHash, Role, User, UserId,
};
use recto_identity::mailed_token::MailedTokens;
use recto_identity::secret::Secrets;
use recto_identity::throttle::{Limits, Throttle};
use recto_mail::{Delivery, MailSettings, MailWorkerHandle, Worker};
use recto_persistence::identity::account;
use recto_persistence::identity::mail_request::{self, MailRequest};
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_testkit::database::FreshDatabase;
use recto_testkit::server::SECRET;

use super::SITE;
use super::smtp_server::{SmtpServer, Tls};

/// A database with one account, to which mails are sent.
pub(crate) struct TestOutbox<'d> {
    database: &'d FreshDatabase,
    pub(crate) clock: Arc<StoppedClock>,
    user: UserId,
    delivery: Delivery,
    throttle: Arc<Throttle>,
}

impl<'d> TestOutbox<'d> {
    /// Returns an outbox that is sent to a new SMTP server.
    pub(crate) async fn with_server(database: &'d FreshDatabase) -> (Self, SmtpServer) {
        let server = SmtpServer::start(Tls::Never).await;
        (Self::new(database, Delivery::Smtp(server.url().parse().unwrap())), server)
    }

    /// Returns an outbox with that delivery.
    pub(crate) fn new(database: &'d FreshDatabase, delivery: Delivery) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let ada = insert_account(database, &clock, "ada", address());
        let throttle = Arc::new(Throttle::new(Limits::default()));
        Self { database, clock, user: ada, delivery, throttle }
    }

    /// Returns a worker with these secrets, and the handle that wakes and stops it.
    pub(crate) fn worker_with(
        &self,
        secret: &[u8],
        previous: Option<&[u8]>,
    ) -> (MailWorkerHandle, Worker) {
        let secrets = Secrets::new(secret, previous).unwrap();
        let (tokens, outbox) = (Arc::new(MailedTokens::new(&secrets)), MailWorkerHandle::default());
        let settings = MailSettings { delivery: self.delivery.clone(), from: None };
        let (database, ids) = (self.database.open(), self.clock.clone());
        let throttle = Arc::clone(&self.throttle);
        let worker =
            Worker::new(database, ids, tokens, throttle, outbox.clone(), &settings, SITE).unwrap();
        (outbox, worker)
    }

    /// Returns a worker with the usual secret.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(SECRET, None).1
    }

    /// Sends the mails that are due, with a new worker.
    pub(crate) async fn deliver(&self) {
        self.worker().deliver().await.unwrap();
    }

    /// Adds a mail to the outbox, as a request does, and returns its link.
    pub(crate) fn enqueue(&self, kind: MailKind) -> Option<String> {
        let token = kind.purpose().map(|purpose| self.issue_token(purpose));
        let new = NewMail {
            id: MailId::from_uuid(self.clock.new_id().uid()),
            user: self.user,
            kind,
            token: token.as_ref().map(|(id, _)| *id),
            recipient: &address(),
            detail: None,
            at: self.clock.now(),
        };
        outbox::enqueue(&mut self.database.connection(), &new).unwrap();
        token.map(|(_, link)| link)
    }

    /// Stores a request for a mail, as anybody can make for any address.
    pub(crate) fn request(&self, kind: MailKind, address: &str) {
        let id = MailRequestId::from_uuid(self.clock.new_id().uid());
        let request = MailRequest { id, kind, recipient: address.parse().unwrap() };
        mail_request::insert(&mut self.database.connection(), &request).unwrap();
    }

    /// Adds the mail for a change of address to the outbox.
    pub(crate) fn enqueue_email_change(&self, address: &str) {
        let tokens = MailedTokens::new(&Secrets::new(SECRET, None).unwrap());
        let conn = &mut self.database.connection();
        let account = account::of_user(conn, self.user).unwrap().unwrap();
        let (ids, new) = (&*self.clock, address.parse().unwrap());
        recto_mail::enqueue_email_change(conn, ids, &tokens, &account, &new).unwrap();
    }

    /// Adds another account.
    pub(crate) fn add_account(&self, address: &str) {
        insert_account(self.database, &self.clock, "another", address.parse().unwrap());
    }

    /// Sets a column of the account.
    pub(crate) fn set(&self, column: &str, value: bool) {
        self.database.execute(&format!("UPDATE accounts SET {column} = {value}")).unwrap();
    }

    fn issue_token(&self, purpose: MailedPurpose) -> (MailedTokenId, String) {
        let tokens = MailedTokens::new(&Secrets::new(SECRET, None).unwrap());
        let id = MailedTokenId::from_uuid(self.clock.new_id().uid());
        let hash = tokens.hash(id);
        let new = NewMailedToken { id, user: self.user, purpose, hash, at: self.clock.now() };
        mailed_token::issue(&mut self.database.connection(), &new).unwrap();
        let page = match purpose {
            MailedPurpose::Verify => "verify",
            MailedPurpose::Reset => "reset-password",
            MailedPurpose::ChangeEmail => "confirm-email",
        };
        let token = tokens.find(id, &hash).unwrap();
        (id, format!("{SITE}/{page}#{}", token.expose()))
    }

    /// Returns how long until the next mail is due; `None` if the outbox is empty.
    pub(crate) fn next_due(&self) -> Option<TimeDelta> {
        let due: Option<DateTime<Utc>> = outbox::next_due(&mut self.database.connection()).unwrap();
        due.map(|due| due - self.clock.now())
    }
}

fn insert_account(
    database: &FreshDatabase,
    ids: &StoppedClock,
    name: &str,
    email: Email,
) -> UserId {
    let user = User::new(ids.new_id(), name.parse().unwrap(), None, None);
    let account = Account::new(user.uid, email, Role::User);
    let conn = &mut database.connection();
    let hash = PasswordHash("$argon2id$".to_owned());
    account::create(conn, user, &account, &hash).unwrap().uid
}

fn address() -> Email {
    "ada@example.net".parse().unwrap()
}

/// A clock that moves only when a test advances it.
#[derive(Default)]
pub(crate) struct StoppedClock {
    seconds: AtomicI64,
    ids: AtomicU64,
}

impl StoppedClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        self.new_id().at()
    }
}

impl IdGenerator for StoppedClock {
    fn new_id(&self) -> NewId {
        let random = self.ids.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bits = [0; 10];
        bits[2..].copy_from_slice(&random);
        let seconds = u64::try_from(self.seconds.load(Ordering::Relaxed)).unwrap();
        NewId::new(1_767_225_600_000 + seconds * 1000, bits)
    }

    fn random(&self) -> [u8; 32] {
        [0; 32]
    }
}
