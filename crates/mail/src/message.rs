//! Composing messages.

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, MultiPartKind, SinglePart};
use recto_domain::Secret;
use recto_persistence::identity::outbox::Mail;

use super::{Message, Sender};
use crate::text::MailText;

/// The maximum length of an unencoded line (RFC 5322).
const MAX_LINE: usize = 998;

/// Composes messages.
#[derive(Debug, Clone)]
pub struct Composer {
    sender: Sender,
    public_url: String,
}

/// The error for an e-mail address to which no mail can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no mail can be sent to the recipient's address")]
pub struct Unaddressable;

impl Composer {
    /// Returns a composer for this sender, with links that begin with this URL.
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

    /// Composes the message of a mail, with the token of its link if its kind has one. The result
    /// is the same each time, and its `Message-ID` contains the mail's id, so that mail programs
    /// recognize a duplicate. Its `Date` is the time when the mail was added to the outbox.
    ///
    /// # Errors
    /// [`Unaddressable`] if no message can be sent to the e-mail address.
    #[expect(clippy::missing_panics_doc, reason = "only sender and recipient are required")]
    pub fn compose(&self, mail: &Mail, token: Option<&Secret>) -> Result<Message, Unaddressable> {
        let recipient = mail.recipient.as_str().parse().map_err(|_| Unaddressable)?;
        let text = MailText::of(mail, token, &self.public_url);
        let id = mail.id.uuid();
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("recto-{}", id.simple()))
            .singlepart(part(ContentType::TEXT_PLAIN, text.plain()))
            .singlepart(part(ContentType::TEXT_HTML, text.html()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_lines_are_encoded() {
        let part = part(ContentType::TEXT_PLAIN, format!("{}\n", "x".repeat(999)));
        assert!(part.formatted().split(|byte| *byte == b'\n').all(|line| line.len() <= 78));
    }
}
