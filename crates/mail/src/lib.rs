//! Mail of Recto: messages, the transports that send them, and the outbox worker.
//!
//! A request adds a mail to the outbox in its own transaction. After the commit, the [`Worker`]
//! sends it and retries until it succeeds. So no mail is sent for a transaction that was rolled
//! back, and none is lost if the server stops. A mail may be sent twice, with the same
//! `Message-ID`.
//!
//! A request that anybody can make, for any e-mail address, is stored as it is, and the worker
//! decides later whether there is an account to mail.

mod enqueue;
mod files;
mod message;
mod requests;
mod sender;
mod smtp;
mod text;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

pub use enqueue::{enqueue, enqueue_email_change, enqueue_notice};
pub use files::Files;
pub use message::{Composer, Unaddressable};
pub use sender::{InvalidSender, Sender};
pub use smtp::{InvalidSmtpUrl, Smtp, SmtpUrl};
pub use worker::{MailWorkerHandle, Worker};

/// The configuration of a [`Transport`].
#[derive(Debug, Clone)]
pub enum Delivery {
    /// To an SMTP server.
    Smtp(SmtpUrl),
    /// To files in a directory, for trying Recto out.
    Files(PathBuf),
}

/// The mail settings.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The destination of messages.
    pub delivery: Delivery,
    /// The sender; by default, `recto` at the public URL's host.
    pub from: Option<Sender>,
}

impl Default for MailSettings {
    /// Returns settings that write files to the directory `mail`.
    fn default() -> Self {
        Self { delivery: Delivery::Files(PathBuf::from("mail")), from: None }
    }
}

/// Sends messages.
#[derive(Debug, Clone)]
pub enum Transport {
    /// An SMTP server.
    Smtp(Smtp),
    /// A directory.
    Files(Files),
}

/// A failure to send a message.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A temporary failure: a retry may succeed.
    #[error("temporary failure: {0}")]
    Temporary(String),
    /// A permanent failure of this message to this recipient.
    #[error("permanent failure: {0}")]
    Permanent(String),
}

impl Transport {
    /// Returns a transport. It neither connects nor creates a directory yet.
    ///
    /// # Errors
    /// Returns an error if TLS cannot be set up.
    pub fn new(delivery: &Delivery, sender: &Sender) -> std::io::Result<Self> {
        Ok(match delivery {
            Delivery::Smtp(url) => Self::Smtp(Smtp::new(url, sender)?),
            Delivery::Files(directory) => Self::Files(Files::new(directory.clone())),
        })
    }

    /// Connects to the server, and signs in if that is configured.
    ///
    /// # Errors
    /// The reason why it failed.
    pub async fn check(&self) -> Result<(), String> {
        match self {
            Self::Smtp(smtp) => smtp.check().await,
            Self::Files(_) => Ok(()),
        }
    }

    /// Sends a message. After `Ok`, the server or the disk has stored it. A server that takes
    /// longer than `limit` is a temporary failure.
    ///
    /// # Errors
    /// [`SendError`], which contains nothing of the message.
    pub async fn send(&self, message: Message, limit: Duration) -> Result<(), SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(&message, limit).await,
            Self::Files(files) => files.write(message).await,
        }
    }
}

/// A message that is ready to be sent.
pub struct Message {
    /// The id of the mail.
    id: uuid::Uuid,
    content: lettre::Message,
}

impl Message {
    /// Returns the message in the format of RFC 5322.
    pub fn formatted(&self) -> Vec<u8> {
        self.content.formatted()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("id", &self.id).finish_non_exhaustive()
    }
}
