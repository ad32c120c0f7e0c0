//! The sender of mail.

use std::fmt;
use std::str::FromStr;

use lettre::message::Mailbox;
use url::{Host, Url};

/// The sender of mail: an e-mail address, with or without a display name.
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

/// The error for text that is not a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address, alone or after a name, such as Recto <recto@example.org>")]
pub struct InvalidSender;

impl Sender {
    /// Returns `Recto <recto@HOST>` with the host of the public URL. An IP address, or a name
    /// without a dot, is replaced by `localhost`: other mail servers could not resolve it.
    #[expect(clippy::missing_panics_doc, reason = "the last address is constant and valid")]
    pub fn of_site(public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let named = url.as_ref().and_then(Url::host).and_then(|host| match host {
            Host::Domain(name) if name.contains('.') => Some(name),
            _ => None,
        });
        let at = |host: &str| format!("Recto <recto@{host}>").parse();
        named
            .and_then(|host| at(host).ok())
            .unwrap_or_else(|| at("localhost").expect("it is a valid address"))
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    /// Returns the part after the `@`.
    pub(super) fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

impl FromStr for Sender {
    type Err = InvalidSender;

    fn from_str(text: &str) -> Result<Self, InvalidSender> {
        // A line break would start another header.
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
    fn display_name_is_optional() {
        for (given, shown) in [
            ("recto@example.org", "recto@example.org"),
            ("Recto <recto@localhost>", "Recto <recto@localhost>"),
            ("\"Ex Libris\" <books@example.org>", "Ex Libris <books@example.org>"),
        ] {
            assert_eq!(given.parse::<Sender>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn invalid_sender_is_refused() {
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
    fn default_sender_uses_site_host() {
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
