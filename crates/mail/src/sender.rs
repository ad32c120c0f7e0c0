//! Whom mail comes from.

use std::fmt;
use std::str::FromStr;

use lettre::message::Mailbox;
use url::{Host, Url};

/// Whom mail comes from: a name and an address.
///
/// ```
/// use recto_mail::Sender;
///
/// let sender: Sender = "Recto <recto@example.org>".parse()?;
/// assert_eq!(sender.to_string(), "Recto <recto@example.org>");
/// assert!("recto".parse::<Sender>().is_err());
/// # Ok::<(), recto_mail::InvalidSender>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// Why a text is no sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address, alone or behind a name: Recto <recto@example.org>")]
pub struct InvalidSender;

impl Sender {
    /// `Recto <recto@HOST>` for the host of the public URL; `localhost` where that is an
    /// address or a name without a dot, which no mail server elsewhere could make sense of.
    #[expect(clippy::missing_panics_doc, reason = "the last address is ours and a good one")]
    pub fn of_site(public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let named = url.as_ref().and_then(Url::host).and_then(|host| match host {
            Host::Domain(name) if name.contains('.') => Some(name),
            _ => None,
        });
        let at = |host: &str| format!("Recto <recto@{host}>").parse();
        named
            .and_then(|host| at(host).ok())
            .unwrap_or_else(|| at("localhost").expect("this is an address"))
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    /// What stands behind the `@`.
    pub(super) fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

impl FromStr for Sender {
    type Err = InvalidSender;

    fn from_str(text: &str) -> Result<Self, InvalidSender> {
        // A line break would begin another header.
        if text.chars().any(char::is_control) {
            return Err(InvalidSender);
        }
        text.parse().map(Self).map_err(|_| InvalidSender)
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_in_front() {
        for (given, shown) in [
            ("recto@example.org", "recto@example.org"),
            ("Recto <recto@localhost>", "Recto <recto@localhost>"),
            ("\"Ex Libris\" <books@example.org>", "Ex Libris <books@example.org>"),
        ] {
            assert_eq!(given.parse::<Sender>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "",
            "recto",
            "Recto <recto>",
            "Recto recto@example.org",
            "<recto@example.org",
            "a@example.org, b@example.org",
            "Recto\r\nBcc: eve@example.org <recto@example.org>",
        ] {
            assert_eq!(wrong.parse::<Sender>(), Err(InvalidSender), "{wrong:?}");
        }
    }

    #[test]
    fn the_site_sends_in_its_own_name() {
        for (url, domain) in [
            ("https://books.example.org/recto", "books.example.org"),
            ("http://localhost:8080", "localhost"),
            ("http://127.0.0.1:8080", "localhost"),
            ("http://[::1]:8080", "localhost"),
            ("nonsense", "localhost"),
        ] {
            assert_eq!(Sender::of_site(url).domain(), domain);
        }
    }
}
