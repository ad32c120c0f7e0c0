//! From the outbox to the mail server, whatever happens on the way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mail_parser::MessageParser;
use recto_domain::{
    Account, Clock, Email, IdGenerator, MailId, MailKind, MailedPurpose, MailedTokenId, NewId,
    PasswordHash, Role, User, UserId,
};
use recto_identity::mailed_token::MailedTokens;
use recto_identity::secret::Secrets;
use recto_mail::{Delivery, MailSettings, Outbox, Worker};
use recto_persistence::identity::account;
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_testkit::both_engines;
use recto_testkit::database::Fresh;
use recto_testkit::server::SECRET;

use super::smtp_server::{SmtpServer, Tls, Verdict};
use super::{SITE, in_runtime, links};

/// Time that stands still until it is moved.
#[derive(Default)]
struct StoppedClock {
    seconds: AtomicI64,
    ids: AtomicU64,
}

impl StoppedClock {
    fn advance(&self, seconds: i64) {
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

/// A database with one account, and copies of a server that send its mail.
struct Post<'d> {
    database: &'d Fresh,
    clock: Arc<StoppedClock>,
    user: UserId,
    delivery: Delivery,
}

impl<'d> Post<'d> {
    async fn by_smtp(database: &'d Fresh) -> (Self, SmtpServer) {
        let server = SmtpServer::start(Tls::Never).await;
        let url = format!("smtp://localhost:{}", server.port());
        (Self::by(database, Delivery::Smtp(url.parse().unwrap())), server)
    }

    fn by(database: &'d Fresh, delivery: Delivery) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let ada = User::new(clock.new_id(), "ada".parse().unwrap(), None, None);
        let account = Account::new(ada.uid, address(), Role::User);
        let conn = &mut database.connection();
        conn.insert(ada.clone()).unwrap();
        let hash = PasswordHash("$argon2id$".to_owned());
        account::insert(conn, &account, &hash, ada.created_at).unwrap();
        Self { database, clock, user: ada.uid, delivery }
    }

    /// The worker and the outbox of another copy of the server.
    fn copy(&self, secret: &[u8], previous: Option<&[u8]>) -> (Outbox, Worker) {
        let secrets = Secrets::new(secret, previous).unwrap();
        let (tokens, outbox) = (Arc::new(MailedTokens::new(&secrets)), Outbox::default());
        let settings = MailSettings { delivery: self.delivery.clone(), from: None };
        let (database, ids) = (self.database.open(), self.clock.clone());
        let worker = Worker::new(database, ids, tokens, outbox.clone(), &settings, SITE).unwrap();
        (outbox, worker)
    }

    fn worker(&self) -> Worker {
        self.copy(SECRET, None).1
    }

    /// Sends what is due, by a new copy of the server.
    async fn deliver(&self) {
        self.worker().deliver().await.unwrap();
    }

    /// Puts a mail into the outbox, as a request would; gives its link.
    fn enqueue(&self, kind: MailKind) -> Option<String> {
        let token = kind.purpose().map(|purpose| self.issue(purpose));
        let new = NewMail {
            id: MailId::from_uuid(self.clock.new_id().uid()),
            user: self.user,
            kind,
            token: token.as_ref().map(|(id, _)| *id),
            recipient: &address(),
            at: self.clock.now(),
        };
        outbox::enqueue(&mut self.database.connection(), &new).unwrap();
        token.map(|(_, link)| link)
    }

    fn issue(&self, purpose: MailedPurpose) -> (MailedTokenId, String) {
        let tokens = MailedTokens::new(&Secrets::new(SECRET, None).unwrap());
        let id = MailedTokenId::from_uuid(self.clock.new_id().uid());
        let hash = tokens.hash(id);
        let new = NewMailedToken { id, user: self.user, purpose, hash, at: self.clock.now() };
        mailed_token::issue(&mut self.database.connection(), &new).unwrap();
        let page = match purpose {
            MailedPurpose::Verify => "verify",
            MailedPurpose::Reset => "reset-password",
        };
        let token = tokens.find(id, &hash).unwrap();
        (id, format!("{SITE}/{page}#{}", token.expose()))
    }

    /// When the outbox is to be looked into next; `None` when nothing waits in it.
    fn next_due(&self) -> Option<TimeDelta> {
        let due: Option<DateTime<Utc>> = outbox::next_due(&mut self.database.connection()).unwrap();
        due.map(|due| due - self.clock.now())
    }
}

fn address() -> Email {
    "ada@example.net".parse().unwrap()
}

/// The id and the one link of a message.
fn read(content: &[u8]) -> (String, String) {
    let parsed = MessageParser::new().parse(content).unwrap();
    let text = parsed.body_text(0).unwrap();
    let link = links(&text).first().copied().unwrap_or_default().to_owned();
    (parsed.message_id().unwrap().to_owned(), link)
}

fn what_is_enqueued_is_sent_once(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        let link = post.enqueue(MailKind::Verification).unwrap();
        post.enqueue(MailKind::PasswordChanged);
        post.deliver().await;
        post.clock.advance(86_400);
        post.deliver().await;
        let received = server.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].to, ["ada@example.net"]);
        assert_eq!(read(&received[0].content).1, link);
        assert_eq!(post.next_due(), None);
    });
}

fn a_temporary_failure_is_tried_again_later(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        post.enqueue(MailKind::PasswordReset);
        server.judge(Verdict::Recipient(450));
        server.judge(Verdict::Content(451));
        for wait in [10, 20] {
            post.deliver().await;
            assert_eq!(post.next_due(), Some(TimeDelta::seconds(wait)));
            post.clock.advance(wait - 1);
            post.deliver().await;
            assert!(server.received().is_empty(), "not before its time");
            post.clock.advance(1);
        }
        post.deliver().await;
        assert_eq!(server.received().len(), 1);
        assert_eq!(post.next_due(), None);
    });
}

fn a_refusal_for_good_ends_it_and_does_not_hold_up_others(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        post.enqueue(MailKind::Verification);
        let link = post.enqueue(MailKind::PasswordReset).unwrap();
        server.judge(Verdict::Recipient(550));
        post.deliver().await;
        assert_eq!(post.next_due(), None);
        let received = server.received();
        assert_eq!(received.len(), 1);
        assert_eq!(read(&received[0].content).1, link);
    });
}

fn without_a_server_all_mails_wait_each_their_time(database: &Fresh) {
    in_runtime(async {
        let url = format!("smtp://localhost:{}", super::unused_port());
        let post = Post::by(database, Delivery::Smtp(url.parse().unwrap()));
        post.enqueue(MailKind::Verification);
        post.enqueue(MailKind::PasswordChanged);
        post.deliver().await;
        assert_eq!(post.next_due(), Some(TimeDelta::seconds(10)));
    });
}

fn links_that_are_good_for_nothing_are_not_sent(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        post.enqueue(MailKind::Verification);
        let second = post.enqueue(MailKind::Verification).unwrap();
        post.deliver().await;
        let received = server.received();
        assert_eq!(received.len(), 1, "the first has been replaced");
        assert_eq!(read(&received[0].content).1, second);

        post.enqueue(MailKind::PasswordReset);
        post.clock.advance(3600);
        post.deliver().await;
        assert_eq!(server.received().len(), 1, "it has expired");
        assert_eq!(post.next_due(), None);
    });
}

fn a_new_secret_sends_what_was_enqueued_under_the_old_one(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        let link = post.enqueue(MailKind::Verification).unwrap();
        let next = b"another secret, which has replaced the first";
        post.copy(next, Some(SECRET)).1.deliver().await.unwrap();
        assert_eq!(read(&server.received()[0].content).1, link);

        post.enqueue(MailKind::Verification);
        post.copy(next, None).1.deliver().await.unwrap();
        assert_eq!(server.received().len(), 1, "that link could not be made again");
        assert_eq!(post.next_due(), None);
    });
}

fn a_crash_before_sending_loses_nothing(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        let link = post.enqueue(MailKind::Verification).unwrap();
        // Whoever wrote it is gone; a copy claims it and is gone, too.
        let now = post.clock.now();
        let claimed = outbox::claim(&mut database.connection(), 1, now).unwrap();
        assert_eq!(claimed.len(), 1);
        post.deliver().await;
        assert!(server.received().is_empty(), "it may be on its way");
        post.clock.advance(10);
        post.deliver().await;
        assert_eq!(server.received().len(), 1);
        assert_eq!(read(&server.received()[0].content).1, link);
        assert_eq!(post.next_due(), None);
    });
}

fn a_crash_after_sending_sends_the_same_message_again(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        post.enqueue(MailKind::Verification);
        server.judge(Verdict::Silence);
        let worker = post.worker();
        let killed = tokio::spawn(async move { worker.deliver().await });
        server.wait_for(1).await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());

        post.deliver().await;
        assert_eq!(server.received().len(), 1, "it may be on its way");
        post.clock.advance(10);
        post.deliver().await;
        let received = server.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].content, received[1].content);
        assert_eq!(post.next_due(), None);
    });
}

fn two_copies_of_the_server_send_a_mail_once(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        for _ in 0..10 {
            post.enqueue(MailKind::PasswordChanged);
        }
        let (one, other) = (post.worker(), post.worker());
        let (one, other) = futures_util::future::join(one.deliver(), other.deliver()).await;
        one.unwrap();
        other.unwrap();
        // What one copy had locked when the other looked is left for the next look.
        post.deliver().await;
        let mut ids: Vec<_> = server.received().iter().map(|one| read(&one.content).0).collect();
        assert_eq!(ids.len(), 10);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 10);
    });
}

fn a_worker_wakes_when_it_is_told_and_stops_when_it_is_told(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        let (outbox, worker) = post.copy(SECRET, None);
        worker.start();
        for mails in 1..=3 {
            // It has looked into the outbox, and found nothing more.
            tokio::time::sleep(Duration::from_millis(100)).await;
            post.enqueue(MailKind::PasswordChanged);
            let told = std::time::Instant::now();
            outbox.enqueued();
            server.wait_for(mails).await;
            assert!(told.elapsed() < Duration::from_secs(4), "{:?}", told.elapsed());
        }
        outbox.stop().await;
        post.enqueue(MailKind::PasswordChanged);
        outbox.enqueued();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(server.received().len(), 3);
        // Stopping what has stopped does no harm.
        outbox.stop().await;
    });
}

fn a_message_on_its_way_arrives_before_the_worker_stops(database: &Fresh) {
    in_runtime(async {
        let (post, server) = Post::by_smtp(database).await;
        let (outbox, worker) = post.copy(SECRET, None);
        post.enqueue(MailKind::Verification);
        post.enqueue(MailKind::PasswordChanged);
        server.judge(Verdict::Hesitation);
        worker.start();
        server.wait_for(1).await;
        // The server and its program may both say so.
        let first = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.stop().await }
        });
        tokio::task::yield_now().await;
        outbox.stop().await;
        assert_eq!(server.received().len(), 1, "the second is left to the next server");
        first.await.unwrap();
        post.clock.advance(10);
        post.deliver().await;
        assert_eq!(server.received().len(), 2, "the first has been marked");
    });
}

fn files_take_the_place_of_a_server(database: &Fresh) {
    let directory = tempfile::tempdir().unwrap();
    let mails = directory.path().join("kept/mail");
    in_runtime(async {
        let post = Post::by(database, Delivery::Files(mails.clone()));
        post.deliver().await;
        assert!(!mails.exists(), "there is nothing to write yet");
        let first = post.enqueue(MailKind::Verification).unwrap();
        post.deliver().await;
        post.clock.advance(1);
        let second = post.enqueue(MailKind::PasswordReset).unwrap();
        post.deliver().await;
        let links: Vec<_> = written(&mails).iter().map(|content| read(content).1).collect();
        assert_eq!(links, [first, second], "names are in the order of time");
        assert_eq!(post.next_due(), None);
    });
}

/// The files of a directory in the order of their names, each for its owner alone.
fn written(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in &paths {
        assert_eq!(path.extension().unwrap(), "eml");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

both_engines!(
    what_is_enqueued_is_sent_once,
    a_temporary_failure_is_tried_again_later,
    a_refusal_for_good_ends_it_and_does_not_hold_up_others,
    without_a_server_all_mails_wait_each_their_time,
    links_that_are_good_for_nothing_are_not_sent,
    a_new_secret_sends_what_was_enqueued_under_the_old_one,
    a_crash_before_sending_loses_nothing,
    a_crash_after_sending_sends_the_same_message_again,
    two_copies_of_the_server_send_a_mail_once,
    a_worker_wakes_when_it_is_told_and_stops_when_it_is_told,
    a_message_on_its_way_arrives_before_the_worker_stops,
    files_take_the_place_of_a_server,
);
