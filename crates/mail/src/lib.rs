//! Recto's mail: messages, the transports that send them, and the worker that empties the outbox.
//!
//! A request writes a mail into the outbox in the transaction that needs it, and the
//! [`Worker`] sends it afterwards, however often it takes. So no mail is sent for what
//! was not kept, and none is lost when the server stops between the two; one may be sent twice,
//! under the same `Message-ID`.

mod enqueue;
mod files;
mod message;
mod sender;
mod smtp;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

pub use enqueue::enqueue;
pub use files::Files;
pub use message::{Composer, Letter, Unaddressable};
pub use sender::{InvalidSender, Sender};
pub use smtp::{InvalidSmtpUrl, Smtp, SmtpUrl};
pub use worker::{Outbox, Worker};

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// To an SMTP server, which carries it on.
    Smtp(SmtpUrl),
    /// Into a directory, a file each, for trying things out.
    Files(PathBuf),
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it leaves.
    pub delivery: Delivery,
    /// Whom it comes from; where it is not said, `recto` at the public URL's host.
    pub from: Option<Sender>,
}

impl Default for Settings {
    /// Files in the directory `mail`.
    fn default() -> Self {
        Self { delivery: Delivery::Files(PathBuf::from("mail")), from: None }
    }
}

/// Where messages are handed over.
#[derive(Debug, Clone)]
pub enum Transport {
    /// An SMTP server.
    Smtp(Smtp),
    /// A directory.
    Files(Files),
}

/// Why a message could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It may be taken later.
    #[error("not now: {0}")]
    Later(String),
    /// It will never be taken, this message to this recipient.
    #[error("refused: {0}")]
    Refused(String),
}

impl Transport {
    /// The transport for a delivery; nothing is connected to yet, and no directory made.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(delivery: &Delivery, sender: &Sender) -> std::io::Result<Self> {
        Ok(match delivery {
            Delivery::Smtp(url) => Self::Smtp(Smtp::new(url, sender)?),
            Delivery::Files(directory) => Self::Files(Files::new(directory.clone())),
        })
    }

    /// Hands a message over. When this returns, the other side has it for good. A server gets
    /// no more than `limit` for it.
    ///
    /// # Errors
    /// [`SendError`]; its words hold nothing of the message.
    pub async fn send(&self, message: Message, limit: Duration) -> Result<(), SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(&message, limit).await,
            Self::Files(files) => files.write(message).await,
        }
    }
}

/// A message, ready to be sent.
pub struct Message {
    /// Which mail it is.
    id: uuid::Uuid,
    content: lettre::Message,
}

impl Message {
    /// The message as RFC 5322 writes it.
    pub fn formatted(&self) -> Vec<u8> {
        self.content.formatted()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("id", &self.id).finish_non_exhaustive()
    }
}
