//! Handing messages to an SMTP server.

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

/// How long the server may take for each answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Where an SMTP server is, and how it is spoken to:
/// `scheme://user:password@host:port/name?tls=…`.
///
/// `smtps` speaks TLS from the beginning (port 465). `smtp` does not (port 25), unless
/// `?tls=required` demands STARTTLS or `?tls=opportunistic` takes it where it is offered (both
/// port 587). A path is the name to be greeted by. TLS always checks the certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl(Url);

/// Which rule a text breaks that should have been an SMTP URL. The text is not repeated: it may
/// hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// No URL at all.
    #[error("must be a URL such as smtps://user:password@mail.example.org")]
    NotAUrl,
    /// Another scheme.
    #[error("must begin with smtp:// or smtps://")]
    Scheme,
    /// No host.
    #[error("must name a host")]
    Host,
    /// A query or fragment that means nothing.
    #[error(
        "may have one parameter, tls=required or tls=opportunistic, and that with smtp:// only"
    )]
    Parameter,
    /// Half of what signing in takes.
    #[error("must have both user and password, or neither")]
    Credentials,
    /// A password that anybody on the way could read.
    #[error("must be smtps:// or have tls=required, for a password is not sent in the clear")]
    InTheClear,
}

/// An SMTP server.
#[derive(Debug, Clone)]
pub struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    /// The server at `url`; it is connected to for each message. For TLS the certificates of
    /// the system are trusted, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(url: &SmtpUrl, sender: &Sender) -> io::Result<Self> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.0.as_str())
            .map_err(|error| io::Error::other(error.to_string()))?
            .timeout(Some(ANSWER_TIMEOUT));
        // Some servers turn away those who greet without a name.
        let named = url.0.path().len() > 1 || !sender.domain().contains('.');
        Ok(Self(if named {
            builder.build()
        } else {
            builder.hello_name(ClientId::Domain(sender.domain().to_owned())).build()
        }))
    }

    /// Hands a message over, within that time.
    ///
    /// # Errors
    /// [`SendError`]; words of the server are repeated.
    pub async fn send(&self, message: &Message, limit: Duration) -> Result<(), SendError> {
        let content = message.formatted();
        let sent = self.0.send_raw(message.content.envelope(), &content);
        // An answer may come in many lines, each in time.
        match tokio::time::timeout(limit, sent).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if is_final(&error) => Err(SendError::Refused(error.to_string())),
            Ok(Err(error)) => Err(SendError::Later(error.to_string())),
            Err(_) => Err(SendError::Later("the server took too long".to_owned())),
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
            (false, false) if tls || is_here(&url) => {}
            (false, false) => return Err(InvalidSmtpUrl::InTheClear),
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

/// Whether the server is on this machine, so that nobody is on the way.
fn is_here(url: &Url) -> bool {
    // The scheme is not one of the web's, so that an address is not read as one.
    let host = url.host_str().unwrap_or_default();
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// Whether the server will not take this message later either.
///
/// A 5xx answer is about the message or its recipient where its second digit is 5 (RFC 5321
/// section 4.2.1). Others are about the connection or signing in: somebody may put that right.
fn is_final(error: &SmtpError) -> bool {
    let status = error.status();
    error.is_permanent() && status.is_some_and(|code| code.category == Category::MailSystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_urls() {
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
    fn the_rule_that_is_broken_is_told() {
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
            ("smtp://user:password@mail.example.org", InvalidSmtpUrl::InTheClear),
            ("smtp://u:p@mail.example.org?tls=opportunistic", InvalidSmtpUrl::InTheClear),
        ] {
            assert_eq!(url.parse::<SmtpUrl>(), Err(rule), "{url:?}");
        }
    }

    #[test]
    fn debug_does_not_show_the_password() {
        let url: SmtpUrl = "smtps://ada:hunter2@mail.example.org".parse().unwrap();
        assert_eq!(format!("{url:?}"), "SmtpUrl(smtps://…@mail.example.org)");
        let smtp = Smtp::new(&url, &Sender::of_site("")).unwrap();
        assert!(!format!("{smtp:?}").contains("hunter2"), "{smtp:?}");
    }
}
