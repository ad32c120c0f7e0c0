//! Requests for mails, which anybody can make for any e-mail address.
//!
//! A request only stores a row. Whether there is an account, and whether it gets a mail, is found
//! out here, some time after the response, so that neither the statements nor the time of the
//! response depend on it.

use std::sync::Arc;
use std::time::Duration;

use recto_domain::{Account, IdGenerator, MailKind};
use recto_identity::mailed_token::MailedTokens;
use recto_persistence::identity::{account, mail_request};
use recto_persistence::{Connection, Error};

use crate::enqueue::enqueue;
use crate::worker::{POLL, Worker};

/// The delay after a request. The requests that a client sends one after the other have their
/// responses by then, so that none of them waits for the work that another has caused.
const DELAY: Duration = Duration::from_millis(500);
/// The number of requests that one transaction handles.
const BATCH: usize = 50;

impl Worker {
    /// Handles all requests: adds mails to the outbox for those whose account gets one.
    ///
    /// # Errors
    /// A database error. The requests that were not handled remain.
    pub async fn handle_requests(&self) -> Result<(), Error> {
        // Reading first avoids a write lock when there are none.
        while !self.handle.is_stopping() && self.database.read(mail_request::any).await? {
            let (ids, tokens) = (self.ids.clone(), self.tokens.clone());
            let handled =
                self.database.write(move |conn| handle_batch(conn, &*ids, &tokens)).await?;
            if !handled {
                // Another server process handles the rest.
                break;
            }
            self.handle.enqueued();
        }
        Ok(())
    }

    pub(crate) async fn run_requests(self: Arc<Self>) {
        while !self.handle.is_stopping() {
            if let Err(error) = self.handle_requests().await {
                tracing::error!(%error, "requests for mails could not be handled");
            }
            // `Notify` stores a notification that arrived meanwhile. A timeout is the poll.
            let requested = tokio::time::timeout(POLL, self.handle.requests().notified()).await;
            if requested.is_ok() && !self.handle.is_stopping() {
                tokio::time::sleep(DELAY).await;
            }
        }
    }
}

/// Handles the oldest requests, and returns whether there were any.
fn handle_batch(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    tokens: &MailedTokens,
) -> Result<bool, Error> {
    for number in 0..BATCH {
        let Some(request) = mail_request::take(conn)? else { return Ok(number > 0) };
        if let Some((account, _)) = account::by_email(conn, &request.recipient)?
            && gets(&account, request.kind)
        {
            enqueue(conn, ids, tokens, &account, request.kind)?;
        }
    }
    Ok(true)
}

/// Returns whether an account gets a mail that somebody asked for.
fn gets(account: &Account, kind: MailKind) -> bool {
    !account.disabled && (kind != MailKind::Verification || !account.verified)
}
