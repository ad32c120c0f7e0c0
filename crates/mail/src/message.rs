//! What mails say.

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, MultiPartKind, SinglePart};
use recto_domain::Secret;
use recto_persistence::identity::outbox::Mail;

use super::{Message, Sender};

/// The longest line that RFC 5322 lets pass as it is.
const MAX_LINE: usize = 998;

/// Writes messages.
#[derive(Debug, Clone)]
pub struct Composer {
    sender: Sender,
    public_url: String,
}

/// What a mail is to say.
#[derive(Debug, Clone)]
pub enum Letter {
    /// How to confirm the address.
    Verification(Secret),
    /// How to choose another password.
    PasswordReset(Secret),
    /// That there is another password.
    PasswordChanged,
}

/// An address that no mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no mail can be sent to the recipient's address")]
pub struct Unaddressable;

/// The parts that letters are made of.
struct Words {
    /// Whether the recipient is known to be whose account it is, and is called by name: a name
    /// that a stranger chose, `win.example.com`, would be sent to whomever the stranger wants.
    known: bool,
    subject: &'static str,
    /// What happened.
    reason: &'static str,
    /// The page to open, and what to do there.
    link: Option<Link>,
    /// What to do if it was somebody else.
    otherwise: &'static str,
}

struct Link {
    url: String,
    action: &'static str,
    /// How long it is good for.
    term: &'static str,
}

impl Composer {
    /// Messages from this sender, with links that begin with that URL.
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

    /// Writes a mail: the same bytes each time, with a `Message-ID` that is made of the mail's id,
    /// so that a message which arrives twice is known for what it is. Its `Date` is when it was
    /// put into the outbox.
    ///
    /// # Errors
    /// [`Unaddressable`].
    #[expect(clippy::missing_panics_doc, reason = "sender and recipient are all it takes")]
    pub fn compose(&self, mail: &Mail, letter: &Letter) -> Result<Message, Unaddressable> {
        let recipient = mail.recipient.as_str().parse().map_err(|_| Unaddressable)?;
        let username = mail.username.as_str();
        let words = self.words(letter);
        let id = mail.id.uuid();
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("recto-{}", id.simple()))
            .singlepart(part(ContentType::TEXT_PLAIN, words.text(username)))
            .singlepart(part(ContentType::TEXT_HTML, words.html(username)));
        let content = lettre::Message::builder()
            .message_id(Some(format!("<{id}@{}>", self.sender.domain())))
            .date(mail.created_at.into())
            .from(self.sender.mailbox().clone())
            .to(Mailbox::new(None, recipient))
            .subject(words.subject)
            // RFC 3834: whoever is away need not answer.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(parts)
            .expect("sender and recipient are there");
        Ok(Message { id, content })
    }

    fn words(&self, letter: &Letter) -> Words {
        let page = |page, token: &Secret| format!("{}/{page}#{}", self.public_url, token.expose());
        match letter {
            Letter::Verification(token) => Words {
                known: false,
                subject: "Confirm your e-mail address",
                reason: "This address was given for an account at Recto.",
                link: Some(Link {
                    url: page("verify", token),
                    action: "Confirm that it is yours",
                    term: "The link can be used once, within 24 hours.",
                }),
                otherwise: "If you have not asked for an account, you need not do anything.",
            },
            Letter::PasswordReset(token) => Words {
                known: false,
                subject: "Choose a new password",
                reason: "A new password was asked for, for your account at Recto.",
                link: Some(Link {
                    url: page("reset-password", token),
                    action: "Choose one",
                    term: "The link can be used once, within one hour.",
                }),
                otherwise: "If it was not you who asked, you need not do anything: your password \
                            stays as it is.",
            },
            Letter::PasswordChanged => Words {
                known: true,
                subject: "Your password was changed",
                reason: "The password of your account at Recto was changed, and everybody who \
                         was signed in with the old one has been signed out.",
                link: None,
                otherwise: "If it was not you who changed it, ask for a new password at once.",
            },
        }
    }
}

impl Words {
    fn text(&self, username: &str) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |link| {
            format!("{}:\n\n{}\n\n{}\n", link.action, link.url, link.term)
        });
        let hello = self.hello(username);
        format!("{hello},\n\n{}\n{link}\n{}\n", self.reason, self.otherwise)
    }

    fn hello(&self, username: &str) -> String {
        if self.known { format!("Hello {username}") } else { "Hello".to_owned() }
    }

    fn html(&self, username: &str) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |link| {
            let (url, action, term) = (escaped(&link.url), link.action, link.term);
            format!("<p><a href=\"{url}\">{action}</a></p>\n<p>{url}</p>\n<p>{term}</p>\n")
        });
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <title>{subject}</title></head>\n<body>\n<p>{hello},</p>\n<p>{reason}</p>\n\
             {link}<p>{otherwise}</p>\n</body>\n</html>\n",
            subject = self.subject,
            hello = escaped(&self.hello(username)),
            reason = self.reason,
            otherwise = self.otherwise,
        )
    }
}

/// A part as it is where that can be had: a link then stands on a line of its own, which a
/// reader of the raw message can copy.
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
        let words = Words {
            known: true,
            subject: "",
            reason: "",
            link: Some(Link { url: "http://a/?b&c\"'".to_owned(), action: "", term: "" }),
            otherwise: "",
        };
        let html = words.html("<b>&");
        assert!(html.contains("Hello &lt;b&gt;&amp;,"), "{html}");
        assert!(html.contains("href=\"http://a/?b&amp;c&quot;&#39;\""), "{html}");
    }

    #[test]
    fn lines_too_long_to_pass_are_encoded() {
        let part = part(ContentType::TEXT_PLAIN, format!("{}\n", "x".repeat(999)));
        assert!(part.formatted().split(|byte| *byte == b'\n').all(|line| line.len() <= 78));
    }
}
