//! Delivery from the outbox to the mail server, with failures at every step.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use mail_parser::MessageParser;
use recto_domain::{Clock as _, MailKind};
use recto_mail::Delivery;
use recto_persistence::identity::outbox;
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use recto_testkit::server::SECRET;
use tokio::time::Instant;

use crate::support::messages::links;
use crate::support::outbox::TestOutbox;
use crate::support::smtp_server::Verdict;
use crate::support::{block_on, unused_port};

/// Returns the message id and the link of a message.
fn id_and_link(content: &[u8]) -> (String, String) {
    let parsed = MessageParser::new().parse(content).unwrap();
    let text = parsed.body_text(0).unwrap();
    let link = links(&text).first().copied().unwrap_or_default().to_owned();
    (parsed.message_id().unwrap().to_owned(), link)
}

fn enqueued_mail_is_sent_once(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let link = outbox.enqueue(MailKind::Verification).unwrap();
        outbox.enqueue(MailKind::PasswordChanged);
        outbox.deliver().await;
        outbox.clock.advance(86_400);
        outbox.deliver().await;
        let received = server.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].to, ["ada@example.net"]);
        assert_eq!(id_and_link(&received[0].content).1, link);
        assert_eq!(outbox.next_due(), None);
    });
}

fn temporary_failure_is_retried_later(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        outbox.enqueue(MailKind::PasswordReset);
        server.set_verdict(Verdict::RefuseRecipient(450));
        server.set_verdict(Verdict::RefuseContent(451));
        for wait in [10, 20] {
            outbox.deliver().await;
            assert_eq!(outbox.next_due(), Some(TimeDelta::seconds(wait)));
            outbox.clock.advance(wait - 1);
            outbox.deliver().await;
            assert!(server.received().is_empty(), "the mail is not due yet");
            outbox.clock.advance(1);
        }
        outbox.deliver().await;
        assert_eq!(server.received().len(), 1);
        assert_eq!(outbox.next_due(), None);
    });
}

fn permanent_refusal_does_not_block_others(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        outbox.enqueue(MailKind::Verification);
        let link = outbox.enqueue(MailKind::PasswordReset).unwrap();
        server.set_verdict(Verdict::RefuseRecipient(550));
        outbox.deliver().await;
        assert_eq!(outbox.next_due(), None);
        let received = server.received();
        assert_eq!(received.len(), 1);
        assert_eq!(id_and_link(&received[0].content).1, link);
    });
}

fn unreachable_server_delays_all_mails(database: &FreshDatabase) {
    block_on(async {
        let url = format!("smtp://localhost:{}", unused_port());
        let outbox = TestOutbox::new(database, Delivery::Smtp(url.parse().unwrap()));
        outbox.enqueue(MailKind::Verification);
        outbox.enqueue(MailKind::PasswordChanged);
        outbox.deliver().await;
        assert_eq!(outbox.next_due(), Some(TimeDelta::seconds(10)));
    });
}

fn stale_links_are_not_sent(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        outbox.enqueue(MailKind::Verification);
        let second = outbox.enqueue(MailKind::Verification).unwrap();
        outbox.deliver().await;
        let received = server.received();
        assert_eq!(received.len(), 1, "the first link has been replaced");
        assert_eq!(id_and_link(&received[0].content).1, second);

        outbox.enqueue(MailKind::PasswordReset);
        outbox.clock.advance(3600);
        outbox.deliver().await;
        assert_eq!(server.received().len(), 1, "the link has expired");
        assert_eq!(outbox.next_due(), None);
    });
}

fn previous_secret_still_sends_enqueued_mail(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let link = outbox.enqueue(MailKind::Verification).unwrap();
        let next = b"another secret, which has replaced the first";
        outbox.worker_with(next, Some(SECRET)).1.deliver().await.unwrap();
        assert_eq!(id_and_link(&server.received()[0].content).1, link);

        outbox.enqueue(MailKind::Verification);
        outbox.worker_with(next, None).1.deliver().await.unwrap();
        assert_eq!(server.received().len(), 1, "the link cannot be derived without its secret");
        assert_eq!(outbox.next_due(), None);
    });
}

fn crash_before_sending_loses_nothing(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let link = outbox.enqueue(MailKind::Verification).unwrap();
        // A server claims the mail and stops.
        let now = outbox.clock.now();
        let claimed = outbox::claim(&mut database.connection(), 1, now).unwrap();
        assert_eq!(claimed.len(), 1);
        outbox.deliver().await;
        assert!(server.received().is_empty(), "another server may be sending it");
        outbox.clock.advance(10);
        outbox.deliver().await;
        assert_eq!(server.received().len(), 1);
        assert_eq!(id_and_link(&server.received()[0].content).1, link);
        assert_eq!(outbox.next_due(), None);
    });
}

fn crash_after_sending_resends_same_message(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        outbox.enqueue(MailKind::Verification);
        server.set_verdict(Verdict::NoReply);
        let worker = outbox.worker();
        let aborted = tokio::spawn(async move { worker.deliver().await });
        server.wait_for(1).await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());

        outbox.deliver().await;
        assert_eq!(server.received().len(), 1, "another server may be sending it");
        outbox.clock.advance(10);
        outbox.deliver().await;
        let received = server.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].content, received[1].content);
        assert_eq!(outbox.next_due(), None);
    });
}

fn two_servers_send_each_mail_once(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        for _ in 0..10 {
            outbox.enqueue(MailKind::PasswordChanged);
        }
        let (one, other) = (outbox.worker(), outbox.worker());
        let (one, other) = futures_util::future::join(one.deliver(), other.deliver()).await;
        one.unwrap();
        other.unwrap();
        // Each skips the rows that the other has locked.
        outbox.deliver().await;
        let received = server.received();
        let mut ids: Vec<_> = received.iter().map(|one| id_and_link(&one.content).0).collect();
        assert_eq!(ids.len(), 10);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 10);
    });
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn worker_wakes_and_stops_on_request(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let (handle, worker) = outbox.worker_with(SECRET, None);
        worker.start();
        for count in 1..=3 {
            // By now the worker has found the outbox empty and sleeps.
            tokio::time::sleep(Duration::from_millis(100)).await;
            outbox.enqueue(MailKind::PasswordChanged);
            let woken = std::time::Instant::now();
            handle.enqueued();
            server.wait_for(count).await;
            assert!(woken.elapsed() < Duration::from_secs(4), "{:?}", woken.elapsed());
        }
        handle.stop(in_a_minute()).await;
        outbox.enqueue(MailKind::PasswordChanged);
        handle.enqueued();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(server.received().len(), 3);
        // A second stop has no effect.
        handle.stop(in_a_minute()).await;
    });
}

fn stop_waits_for_message_in_flight(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let (handle, worker) = outbox.worker_with(SECRET, None);
        outbox.enqueue(MailKind::Verification);
        outbox.enqueue(MailKind::PasswordChanged);
        server.set_verdict(Verdict::LateReply);
        worker.start();
        server.wait_for(1).await;
        // Two callers may stop it at the same time.
        let first = tokio::spawn({
            let handle = handle.clone();
            async move { handle.stop(in_a_minute()).await }
        });
        tokio::task::yield_now().await;
        handle.stop(in_a_minute()).await;
        assert_eq!(server.received().len(), 1, "the second mail stays in the outbox");
        first.await.unwrap();
        outbox.clock.advance(10);
        outbox.deliver().await;
        assert_eq!(server.received().len(), 2, "the first mail has been removed");
    });
}

fn late_worker_is_aborted(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let (handle, worker) = outbox.worker_with(SECRET, None);
        outbox.enqueue(MailKind::Verification);
        server.set_verdict(Verdict::NoReply);
        worker.start();
        server.wait_for(1).await;
        let since = Instant::now();
        handle.stop(since).await;
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        outbox.clock.advance(10);
        outbox.deliver().await;
        assert_eq!(server.received().len(), 2, "the mail is sent again");
    });
}

fn file_transport_writes_each_mail(database: &FreshDatabase) {
    let directory = tempfile::tempdir().unwrap();
    let mails = directory.path().join("kept/mail");
    block_on(async {
        let outbox = TestOutbox::new(database, Delivery::Files(mails.clone()));
        outbox.deliver().await;
        assert!(!mails.exists(), "without mail there is no directory");
        let first = outbox.enqueue(MailKind::Verification).unwrap();
        outbox.deliver().await;
        outbox.clock.advance(1);
        let second = outbox.enqueue(MailKind::PasswordReset).unwrap();
        outbox.deliver().await;
        let links: Vec<_> =
            private_files(&mails).iter().map(|content| id_and_link(content).1).collect();
        assert_eq!(links, [first, second], "file names sort by time");
        assert_eq!(outbox.next_due(), None);
    });
}

/// Returns the files of a directory by name; each must be readable by its owner alone.
fn private_files(directory: &Path) -> Vec<Vec<u8>> {
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
    enqueued_mail_is_sent_once,
    temporary_failure_is_retried_later,
    permanent_refusal_does_not_block_others,
    unreachable_server_delays_all_mails,
    stale_links_are_not_sent,
    previous_secret_still_sends_enqueued_mail,
    crash_before_sending_loses_nothing,
    crash_after_sending_resends_same_message,
    two_servers_send_each_mail_once,
    worker_wakes_and_stops_on_request,
    stop_waits_for_message_in_flight,
    late_worker_is_aborted,
    file_transport_writes_each_mail,
);
