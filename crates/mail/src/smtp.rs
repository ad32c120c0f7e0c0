//! Sending messages by SMTP.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Category;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use url::{Host, Url};

use super::{Message, SendError, Sender};

/// The timeout for each reply of the server.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// The URL of an SMTP server: `scheme://user:password@host:port/name?tls=…`.
///
/// `smtps` is TLS (port 465). `smtp` is unencrypted (port 25); `?tls=required` requires STARTTLS,
/// and `?tls=opportunistic` uses it if the server supports it (both port 587). The path is the
/// client's name in the greeting. TLS always checks the certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl(Url);

/// The error for text that is not an SMTP URL. It does not repeat the text, which may contain a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// It is not a URL.
    #[error("must be a URL such as smtps://user:password@mail.example.org")]
    NotAUrl,
    /// It has another scheme.
    #[error("must begin with smtp:// or smtps://")]
    Scheme,
    /// It has no host.
    #[error("must have a host")]
    Host,
    /// It has another query, or a fragment.
    #[error("may only have the parameter tls=required or tls=opportunistic, and only with smtp://")]
    Parameter,
    /// It has a user without a password, or a password without a user.
    #[error("must have both user and password, or neither")]
    Credentials,
    /// It would send a password unencrypted.
    #[error("must be smtps:// or have tls=required, since a password must not be sent unencrypted")]
    Unencrypted,
}

/// An SMTP server.
#[derive(Debug, Clone)]
pub struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    /// Returns a transport that connects for each message. TLS trusts the system's certificates, or
    /// those in the file named by `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// Returns an error if TLS cannot be set up.
    pub fn new(url: &SmtpUrl, sender: &Sender) -> io::Result<Self> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.0.as_str())
            .map_err(|error| io::Error::other(error.to_string()))?
            .timeout(Some(REPLY_TIMEOUT));
        // Some servers require a host name in the greeting.
        let named = url.0.path().len() > 1 || !sender.domain().contains('.');
        Ok(Self(if named {
            builder.build()
        } else {
            builder.hello_name(ClientId::Domain(sender.domain().to_owned())).build()
        }))
    }

    /// Connects, and signs in if that is configured.
    ///
    /// # Errors
    /// The reason why it failed.
    pub async fn check(&self) -> Result<(), String> {
        match self.0.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the server closed the connection".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends a message within `limit`.
    ///
    /// # Errors
    /// [`SendError`], with the server's reply.
    pub async fn send(&self, message: &Message, limit: Duration) -> Result<(), SendError> {
        let content = message.formatted();
        let sent = self.0.send_raw(message.content.envelope(), &content);
        // A slow server may send many lines, each within the reply timeout.
        match tokio::time::timeout(limit, sent).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if is_final(&error) => Err(SendError::Permanent(error.to_string())),
            Ok(Err(error)) => Err(SendError::Temporary(error.to_string())),
            Err(_) => Err(SendError::Temporary("the server took too long".to_owned())),
        }
    }
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let url = Url::parse(text).map_err(|_| InvalidSmtpUrl::NotAUrl)?;
        if !matches!(url.scheme(), "smtp" | "smtps") {
            return Err(InvalidSmtpUrl::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidSmtpUrl::Host);
        }
        let tls = match (url.scheme(), url.query(), url.fragment()) {
            ("smtps", None, None) | ("smtp", Some("tls=required"), None) => true,
            ("smtp", None | Some("tls=opportunistic"), None) => false,
            _ => return Err(InvalidSmtpUrl::Parameter),
        };
        match (url.username().is_empty(), url.password().is_none_or(str::is_empty)) {
            (true, true) => {}
            (false, false) if tls || is_loopback(&url) => {}
            (false, false) => return Err(InvalidSmtpUrl::Unencrypted),
            _ => return Err(InvalidSmtpUrl::Credentials),
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({}://…@{})", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// Returns whether the server is on this machine.
fn is_loopback(url: &Url) -> bool {
    // `Url` only parses IP addresses with the schemes of the web.
    let host = url.host_str().unwrap_or_default();
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// Returns whether a retry cannot succeed: for replies 55x, which concern the message or its
/// recipient (RFC 5321 section 4.2.1). Other 5xx replies concern the connection or the
/// credentials, which an operator can correct.
fn is_final(error: &SmtpError) -> bool {
    let status = error.status();
    error.is_permanent() && status.is_some_and(|code| code.category == Category::MailSystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_smtp_urls_are_accepted() {
        for url in [
            "smtp://localhost",
            "smtp://mail.example.org:2525",
            "smtp://mail.example.org?tls=opportunistic",
            "smtp://user:password@mail.example.org?tls=required",
            "smtps://user:p%40ssword@mail.example.org:465/recto.example.org",
            "smtp://user:password@localhost:1025",
            "smtp://user:password@127.0.0.1:1025",
        ] {
            let url: SmtpUrl = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
            Smtp::new(&url, &Sender::of_site("")).unwrap();
        }
    }

    #[test]
    fn invalid_url_names_broken_rule() {
        for (url, rule) in [
            ("", InvalidSmtpUrl::NotAUrl),
            ("mail.example.org", InvalidSmtpUrl::NotAUrl),
            ("mail.example.org:25", InvalidSmtpUrl::Scheme),
            ("https://mail.example.org", InvalidSmtpUrl::Scheme),
            ("smtp:mail.example.org", InvalidSmtpUrl::Host),
            ("smtp://", InvalidSmtpUrl::Host),
            ("smtp://mail.example.org?tls=no", InvalidSmtpUrl::Parameter),
            ("smtp://mail.example.org?tsl=required", InvalidSmtpUrl::Parameter),
            ("smtp://mail.example.org#tls=required", InvalidSmtpUrl::Parameter),
            ("smtps://mail.example.org?tls=opportunistic", InvalidSmtpUrl::Parameter),
            ("smtps://user@mail.example.org", InvalidSmtpUrl::Credentials),
            ("smtps://:password@mail.example.org", InvalidSmtpUrl::Credentials),
            ("smtp://user:password@mail.example.org", InvalidSmtpUrl::Unencrypted),
            ("smtp://u:p@mail.example.org?tls=opportunistic", InvalidSmtpUrl::Unencrypted),
        ] {
            assert_eq!(url.parse::<SmtpUrl>(), Err(rule), "{url:?}");
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let url: SmtpUrl = "smtps://ada:hunter2@mail.example.org".parse().unwrap();
        assert_eq!(format!("{url:?}"), "SmtpUrl(smtps://…@mail.example.org)");
        let smtp = Smtp::new(&url, &Sender::of_site("")).unwrap();
        assert!(!format!("{smtp:?}").contains("hunter2"), "{smtp:?}");
    }
}
