//! Composed messages, and the content they must have.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use mail_parser::{MessageParser, MimeHeaders as _};
use recto_domain::{MailKind, MailedTokenId, NewId, Secret, UserId};
use recto_identity::secret::hash;
use recto_mail::{Composer, Message, Sender};
use recto_persistence::identity::outbox::Mail;

use super::SITE;

const ID: &str = "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47";

/// Returns the token in the link of every message.
pub(crate) fn token() -> Secret {
    Secret::mailed_token([7; 32])
}

fn created_at() -> DateTime<Utc> {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

/// Returns a mail as the worker reads it from the outbox.
pub(crate) fn mail(kind: MailKind, username: &str) -> Mail {
    let new_id = NewId::new(0, [1; 10]);
    Mail {
        id: ID.parse().unwrap(),
        user: UserId::from_uuid(new_id.uid()),
        username: username.parse().unwrap(),
        kind,
        recipient: "ada@example.net".parse().unwrap(),
        detail: Some("nightly & <i>".parse().unwrap()),
        created_at: created_at(),
        attempt: 1,
        token: Some(MailedTokenId::from_uuid(new_id.uid())),
        token_hash: Some(hash(&token())),
    }
}

/// Returns the message of a mail.
pub(crate) fn compose(kind: MailKind, username: &str) -> Message {
    let token = kind.purpose().map(|_| token());
    let composer = Composer::new(Sender::of_site(SITE), SITE);
    composer.compose(&mail(kind, username), token.as_ref()).unwrap()
}

/// Returns a message for tests that do not depend on its content.
pub(crate) fn any_message() -> Message {
    compose(MailKind::Verification, "ada")
}

/// Returns the distinct links in a text.
pub(crate) fn links(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| c.is_whitespace() || "<>\"".contains(c))
        .filter(|word| word.starts_with("http"))
        .collect()
}

/// Asserts that a message has the headers, parts and links of its kind.
pub(crate) fn assert_content(content: &[u8], kind: MailKind, username: &str) {
    let parsed = MessageParser::new().parse(content).unwrap();
    assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("recto@books.example.org"));
    assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Recto"));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("ada@example.net"));
    assert_eq!(parsed.message_id(), Some(format!("{ID}@books.example.org").as_str()));
    assert_eq!(parsed.date().unwrap().to_timestamp(), created_at().timestamp());
    assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
    assert_eq!(parsed.root_part().content_type().unwrap().subtype(), Some("alternative"));
    assert_eq!((parsed.text_body_count(), parsed.html_body_count()), (1, 1));

    let token = format!("#{}", token().expose());
    let (subject, page, token) = match kind {
        MailKind::Verification => ("Verify your e-mail address", Some("verify"), &*token),
        MailKind::PasswordReset => ("Choose a new password", Some("reset-password"), &*token),
        MailKind::EmailChange => {
            ("Confirm your new e-mail address", Some("confirm-email"), &*token)
        }
        MailKind::PasswordChanged => ("Your password was changed", Some("reset-password"), ""),
        MailKind::EmailChangeRequested => {
            ("A new e-mail address was requested", Some("reset-password"), "")
        }
        MailKind::EmailChanged => ("Your e-mail address was changed", None, ""),
        MailKind::NewDevice => ("New sign-in to your account", Some("reset-password"), ""),
        MailKind::KeyCreated => ("An API key was created", Some("reset-password"), ""),
        MailKind::RoleChanged => ("Your role was changed", None, ""),
        MailKind::AccountDisabled => ("Your account was disabled", None, ""),
        MailKind::AccountEnabled => ("Your account was enabled", None, ""),
    };
    assert_eq!(parsed.subject(), Some(subject));
    let link = page.map(|page| format!("{SITE}/{page}{token}"));
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    for body in [&text, &html] {
        assert_eq!(links(body), link.iter().map(String::as_str).collect(), "{body}");
        // With the username, anyone could send a text of theirs to an unconfirmed address.
        let hello =
            if token.is_empty() { format!("Hello {username},") } else { "Hello,".to_owned() };
        assert!(body.contains(&hello), "{body}");
        assert!(body.contains(username) || kind == MailKind::PasswordReset, "{body}");
    }
    assert!(html.contains("<html") && !text.contains("<html"));
}
