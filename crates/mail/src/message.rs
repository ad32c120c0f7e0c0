//! The texts of mails.

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, MultiPartKind, SinglePart};
use recto_domain::Secret;
use recto_persistence::identity::outbox::Mail;

use super::{Message, Sender};

/// The maximum length of an unencoded line (RFC 5322).
const MAX_LINE: usize = 998;

/// Composes messages.
#[derive(Debug, Clone)]
pub struct Composer {
    sender: Sender,
    public_url: String,
}

/// The content of a mail.
#[derive(Debug, Clone)]
pub enum MailContent {
    /// A link that verifies the address.
    Verification(Secret),
    /// A link that resets the password.
    PasswordReset(Secret),
    /// A notice that the password was changed.
    PasswordChanged,
}

/// The error for an address to which no mail can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no mail can be sent to the recipient's address")]
pub struct Unaddressable;

/// The text of a mail.
struct MailText {
    /// Whether to greet by username. False in mails that anybody can request: a username such as
    /// `win.example.com` could be sent to any address.
    greet_by_name: bool,
    subject: &'static str,
    /// The event.
    reason: &'static str,
    link: Option<Link>,
    /// Advice for a recipient who did not cause the event.
    advice: &'static str,
}

struct Link {
    url: String,
    action: &'static str,
    validity: &'static str,
}

impl Composer {
    /// Creates a composer for this sender, with links that begin with this URL.
    ///
    /// ```
    /// use recto_mail::{Composer, Sender};
    ///
    /// let url = "https://books.example.org";
    /// let composer = Composer::new(Sender::of_site(url), url);
    /// ```
    pub fn new(sender: Sender, public_url: &str) -> Self {
        Self { sender, public_url: public_url.trim_end_matches('/').to_owned() }
    }

    /// Composes the message of a mail. The result is the same each time, and its `Message-ID`
    /// contains the mail's id, so that mail programs recognise a duplicate. Its `Date` is the time
    /// when the mail was added to the outbox.
    ///
    /// # Errors
    /// [`Unaddressable`] if no message can be sent to the address.
    #[expect(clippy::missing_panics_doc, reason = "only sender and recipient are required")]
    pub fn compose(&self, mail: &Mail, content: &MailContent) -> Result<Message, Unaddressable> {
        let recipient = mail.recipient.as_str().parse().map_err(|_| Unaddressable)?;
        let username = mail.username.as_str();
        let text = self.text(content);
        let id = mail.id.uuid();
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("recto-{}", id.simple()))
            .singlepart(part(ContentType::TEXT_PLAIN, text.plain(username)))
            .singlepart(part(ContentType::TEXT_HTML, text.html(username)));
        let content = lettre::Message::builder()
            .message_id(Some(format!("<{id}@{}>", self.sender.domain())))
            .date(mail.created_at.into())
            .from(self.sender.mailbox().clone())
            .to(Mailbox::new(None, recipient))
            .subject(text.subject)
            // Suppresses automatic replies (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(parts)
            .expect("sender and recipient are set");
        Ok(Message { id, content })
    }

    fn text(&self, content: &MailContent) -> MailText {
        let page = |page, token: &Secret| format!("{}/{page}#{}", self.public_url, token.expose());
        match content {
            MailContent::Verification(token) => MailText {
                greet_by_name: false,
                subject: "Confirm your e-mail address",
                reason: "An account at Recto was created with your e-mail address.",
                link: Some(Link {
                    url: page("verify", token),
                    action: "Confirm your e-mail address",
                    validity: "The link works once, within 24 hours.",
                }),
                advice: "If you did not ask for this, you can ignore this message.",
            },
            MailContent::PasswordReset(token) => MailText {
                greet_by_name: false,
                subject: "Choose a new password",
                reason: "Somebody asked for a new password for your account at Recto.",
                link: Some(Link {
                    url: page("reset-password", token),
                    action: "Choose a new password",
                    validity: "The link works once, within one hour.",
                }),
                advice: "If you did not ask for this, you can ignore this message. Your password \
                         stays the same.",
            },
            MailContent::PasswordChanged => MailText {
                greet_by_name: true,
                subject: "Your password was changed",
                reason: "The password of your account at Recto was changed. Everybody who was \
                         signed in with the old password has been signed out.",
                link: None,
                advice: "If you did not change it, ask for a new password now.",
            },
        }
    }
}

impl MailText {
    fn plain(&self, username: &str) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |link| {
            format!("{}:\n\n{}\n\n{}\n", link.action, link.url, link.validity)
        });
        let greeting = self.greeting(username);
        format!("{greeting},\n\n{}\n{link}\n{}\n", self.reason, self.advice)
    }

    fn greeting(&self, username: &str) -> String {
        if self.greet_by_name { format!("Hello {username}") } else { "Hello".to_owned() }
    }

    fn html(&self, username: &str) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |link| {
            let (url, action, validity) = (escaped(&link.url), link.action, link.validity);
            format!("<p><a href=\"{url}\">{action}</a></p>\n<p>{url}</p>\n<p>{validity}</p>\n")
        });
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <title>{subject}</title></head>\n<body>\n<p>{greeting},</p>\n<p>{reason}</p>\n\
             {link}<p>{advice}</p>\n</body>\n</html>\n",
            subject = self.subject,
            greeting = escaped(&self.greeting(username)),
            reason = self.reason,
            advice = self.advice,
        )
    }
}

/// Builds a part, unencoded if possible, so that a link can be copied from the raw message.
fn part(kind: ContentType, text: String) -> SinglePart {
    let plain = text.is_ascii() && text.lines().all(|line| line.len() <= MAX_LINE);
    let body = if plain {
        let lines = text.replace('\n', "\r\n");
        Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text)
    };
    SinglePart::builder().header(kind).body(body)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        let text = MailText {
            greet_by_name: true,
            subject: "",
            reason: "",
            link: Some(Link { url: "http://a/?b&c\"'".to_owned(), action: "", validity: "" }),
            advice: "",
        };
        let html = text.html("<b>&");
        assert!(html.contains("Hello &lt;b&gt;&amp;,"), "{html}");
        assert!(html.contains("href=\"http://a/?b&amp;c&quot;&#39;\""), "{html}");
    }

    #[test]
    fn overlong_lines_are_encoded() {
        let part = part(ContentType::TEXT_PLAIN, format!("{}\n", "x".repeat(999)));
        assert!(part.formatted().split(|byte| *byte == b'\n').all(|line| line.len() <= 78));
    }
}
