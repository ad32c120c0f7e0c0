//! Mail, from the outbox to an SMTP server.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod delivery;
mod smtp_server;
mod tls;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use mail_parser::{MessageParser, MimeHeaders as _};
use recto_domain::{MailKind, MailedTokenId, NewId, Secret, UserId};
use recto_identity::secret::hash;
use recto_mail::{Composer, Delivery, MailContent, Message, SendError, Sender, Transport};
use recto_persistence::identity::outbox::Mail;

use smtp_server::{SmtpServer, Tls, Verdict};

const SITE: &str = "https://books.example.org";
const ID: &str = "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47";

/// Runs a future as a server would.
fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

async fn send(url: &str, message: Message) -> Result<(), SendError> {
    let delivery = Delivery::Smtp(url.parse().unwrap());
    let transport = Transport::new(&delivery, &Sender::of_site(SITE)).unwrap();
    transport.send(message, Duration::from_secs(20)).await
}

fn sent_at() -> DateTime<Utc> {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

fn mail(kind: MailKind, username: &str) -> Mail {
    let new_id = NewId::new(0, [1; 10]);
    Mail {
        id: ID.parse().unwrap(),
        user: UserId::from_uuid(new_id.uid()),
        username: username.parse().unwrap(),
        kind,
        recipient: "ada@example.net".parse().unwrap(),
        created_at: sent_at(),
        attempt: 1,
        token: Some(MailedTokenId::from_uuid(new_id.uid())),
        token_hash: Some(hash(&token())),
    }
}

fn token() -> Secret {
    Secret::mailed_token([7; 32])
}

fn composed(kind: MailKind, username: &str) -> Message {
    let content = match kind {
        MailKind::Verification => MailContent::Verification(token()),
        MailKind::PasswordReset => MailContent::PasswordReset(token()),
        MailKind::PasswordChanged => MailContent::PasswordChanged,
    };
    let composer = Composer::new(Sender::of_site(SITE), SITE);
    composer.compose(&mail(kind, username), &content).unwrap()
}

fn message() -> Message {
    composed(MailKind::Verification, "ada")
}

/// The links in a text, however often each.
fn links(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| c.is_whitespace() || "<>\"".contains(c))
        .filter(|word| word.starts_with("http"))
        .collect()
}

fn check(content: &[u8], kind: MailKind, username: &str) {
    let parsed = MessageParser::new().parse(content).unwrap();
    assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("recto@books.example.org"));
    assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Recto"));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("ada@example.net"));
    assert_eq!(parsed.message_id(), Some(format!("{ID}@books.example.org").as_str()));
    assert_eq!(parsed.date().unwrap().to_timestamp(), sent_at().timestamp());
    assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
    assert_eq!(parsed.root_part().content_type().unwrap().subtype(), Some("alternative"));
    assert_eq!((parsed.text_body_count(), parsed.html_body_count()), (1, 1));

    let (subject, page) = match kind {
        MailKind::Verification => ("Confirm your e-mail address", Some("verify")),
        MailKind::PasswordReset => ("Choose a new password", Some("reset-password")),
        MailKind::PasswordChanged => ("Your password was changed", None),
    };
    assert_eq!(parsed.subject(), Some(subject));
    let link = page.map(|page| format!("{SITE}/{page}#{}", token().expose()));
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    for body in [&text, &html] {
        assert_eq!(links(body), link.iter().map(String::as_str).collect(), "{body}");
        // Whoever is not known yet may be somebody whom the account's maker does not know either.
        let hello = if page.is_some() { "Hello,".to_owned() } else { format!("Hello {username},") };
        assert!(body.contains(&hello), "{body}");
    }
    assert!(html.contains("<html") && !text.contains("<html"));
}

#[test]
fn each_message_has_both_parts_and_its_link_in_both() {
    for kind in MailKind::ALL {
        for username in ["ada", "Ada.Lovelace_1", "łukasz", "紫式部"] {
            let content = composed(kind, username).formatted();
            check(&content, kind, username);
            assert_eq!(composed(kind, username).formatted(), content, "the same each time");
        }
    }
}

#[test]
fn a_plain_name_leaves_the_link_whole_on_its_line() {
    let content = String::from_utf8(composed(MailKind::PasswordReset, "ada").formatted()).unwrap();
    let link = format!("{SITE}/reset-password#{}", token().expose());
    assert!(content.lines().any(|line| line == link), "{content}");
    assert!(content.is_ascii());
}

#[test]
fn whoever_can_have_an_account_can_be_written_to() {
    let composer = Composer::new(Sender::of_site(SITE), SITE);
    for address in [
        "Ada.Lovelace+books@mail.example.co.uk",
        "o'brien@example.org",
        "!#$%&'*+-/=?^_`{|}~@example.org",
        "a@xn--r8jz45g.jp",
        "用户@例え.jp",
        "nin\u{303}o@example.org",
    ] {
        let mail = Mail { recipient: address.parse().unwrap(), ..mail(MailKind::ALL[0], "ada") };
        composer.compose(&mail, &MailContent::PasswordChanged).unwrap();
    }
}

#[test]
fn a_server_gets_the_message_as_it_was_written() {
    in_runtime(async {
        let server = SmtpServer::start(Tls::Never).await;
        let url = format!("smtp://localhost:{}", server.port());
        for kind in MailKind::ALL {
            send(&url, composed(kind, "ada")).await.unwrap();
            let received = server.received().pop().unwrap();
            assert_eq!(received.from, "recto@books.example.org");
            assert_eq!(received.to, ["ada@example.net"]);
            assert!(!received.tls);
            check(&received.content, kind, "ada");
        }
    });
}

#[test]
fn a_server_says_whether_to_come_again() {
    in_runtime(async {
        let server = SmtpServer::start(Tls::Never).await;
        let url = format!("smtp://localhost:{}", server.port());
        for (verdict, for_good) in [
            (Verdict::Recipient(450), false),
            (Verdict::Recipient(550), true),
            (Verdict::Recipient(530), false),
            (Verdict::Content(451), false),
            (Verdict::Content(554), true),
        ] {
            server.judge(verdict);
            let error = send(&url, message()).await.unwrap_err();
            assert_eq!(matches!(error, SendError::Refused(_)), for_good, "{verdict:?}: {error}");
            assert!(!error.to_string().contains(token().expose()), "{error}");
        }
        assert!(server.received().is_empty());
        let nobody = format!("smtp://localhost:{}", unused_port());
        assert!(matches!(send(&nobody, message()).await, Err(SendError::Later(_))));
    });
}

fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
