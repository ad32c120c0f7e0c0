//! Requests for mails, handled by the worker.

use mail_parser::MessageParser;
use recto_domain::MailKind;
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::block_on;
use crate::support::outbox::TestOutbox;
use crate::support::smtp_server::SmtpServer;

/// Handles the requests, and returns the subjects of the mails that are sent then.
async fn handle(outbox: &TestOutbox<'_>, server: &SmtpServer) -> Vec<String> {
    let before = server.received().len();
    outbox.worker().handle_requests().await.unwrap();
    outbox.deliver().await;
    let received = server.received();
    let subject =
        |content: &[u8]| MessageParser::new().parse(content).unwrap().subject().unwrap().to_owned();
    received[before..].iter().map(|message| subject(&message.content)).collect()
}

fn only_eligible_accounts_get_mail(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        let request_all = || {
            for kind in [MailKind::Verification, MailKind::PasswordReset] {
                outbox.request(kind, "Ada@Example.net");
                outbox.request(kind, "nobody@example.net");
            }
        };
        let (verify, reset) = ("Verify your e-mail address", "Choose a new password");
        request_all();
        assert_eq!(handle(&outbox, &server).await, [verify, reset]);
        assert_eq!(server.received()[0].to, ["ada@example.net"], "the account's own spelling");
        outbox.set("verified", true);
        request_all();
        assert_eq!(handle(&outbox, &server).await, [reset]);
        outbox.set("disabled", true);
        request_all();
        assert_eq!(handle(&outbox, &server).await, [""; 0]);
        assert!(database.rows("SELECT '1' AS line FROM mail_requests").is_empty());
    });
}

fn repeated_request_sends_one_mail(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        // More than one batch of different requests.
        for number in 0..120 {
            outbox.request(MailKind::PasswordReset, "ada@example.net");
            outbox.request(MailKind::PasswordReset, &format!("{number}@example.net"));
        }
        assert_eq!(handle(&outbox, &server).await.len(), 1);
        assert!(database.rows("SELECT '1' AS line FROM mail_requests").is_empty());
    });
}

fn mails_per_mailbox_are_limited(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        // Mails of a sign-up count, and requests for addresses without an account do not.
        outbox.enqueue(MailKind::Verification);
        for number in 0..12 {
            outbox.request(MailKind::Verification, &format!("ada+{number}@example.net"));
            outbox.request(MailKind::PasswordReset, "ada@example.net");
            handle(&outbox, &server).await;
        }
        assert_eq!(server.received().len(), 10);
        assert!(database.rows("SELECT '1' AS line FROM mail_requests").is_empty());
    });
}

fn notices_are_limited_separately(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        for _ in 0..12 {
            outbox.request(MailKind::PasswordReset, "ada@example.net");
            handle(&outbox, &server).await;
            outbox.enqueue(MailKind::NewDevice);
            outbox.enqueue(MailKind::PasswordChanged);
        }
        outbox.deliver().await;
        assert_eq!(server.received().len(), 10 + 10 + 12, "a changed password is always reported");
        assert_eq!(outbox.next_due(), None);
    });
}

fn taken_address_gets_no_link(database: &FreshDatabase) {
    block_on(async {
        let (outbox, server) = TestOutbox::with_server(database).await;
        outbox.enqueue_email_change("bob@example.net");
        outbox.add_account("bob@example.net");
        outbox.deliver().await;
        assert!(server.received().is_empty());
        outbox.enqueue_email_change("ADA@example.net");
        outbox.deliver().await;
        assert_eq!(server.received()[0].to, ["ADA@example.net"], "one's own address is free");
        assert_eq!(outbox.next_due(), None);
    });
}

both_engines!(
    only_eligible_accounts_get_mail,
    repeated_request_sends_one_mail,
    mails_per_mailbox_are_limited,
    notices_are_limited_separately,
    taken_address_gets_no_link,
);
