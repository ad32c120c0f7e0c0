//! The content of composed messages.

use recto_domain::MailKind;
use recto_mail::{Composer, Sender};
use recto_persistence::identity::outbox::Mail;

use crate::support::SITE;
use crate::support::messages::{assert_content, compose, mail, token};

#[test]
fn both_parts_contain_the_link() {
    for kind in MailKind::ALL {
        for username in ["ada", "Ada.Lovelace_1", "łukasz", "紫式部"] {
            let content = compose(kind, username).formatted();
            assert_content(&content, kind, username);
            assert_eq!(compose(kind, username).formatted(), content, "composing is deterministic");
        }
    }
}

#[test]
fn detail_of_event_is_in_notice() {
    for kind in [MailKind::NewDevice, MailKind::KeyCreated, MailKind::RoleChanged] {
        let content = String::from_utf8(compose(kind, "ada").formatted()).unwrap();
        assert_eq!(content.matches("nightly & <i>").count(), 1, "{content}");
        assert_eq!(content.matches("nightly &amp; &lt;i&gt;").count(), 1, "{content}");
        assert_eq!(content.matches("On 2026-11-22 at 16:00 UTC, ").count(), 2, "{content}");
    }
}

#[test]
fn link_stays_on_one_line() {
    let content = String::from_utf8(compose(MailKind::PasswordReset, "ada").formatted()).unwrap();
    let link = format!("{SITE}/reset-password#{}", token().expose());
    assert!(content.lines().any(|line| line == link), "{content}");
    assert!(content.is_ascii());
}

#[test]
fn every_valid_address_can_receive_mail() {
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
        composer.compose(&mail, None).unwrap();
    }
}
