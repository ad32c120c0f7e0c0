//! What every handler has at hand.

use std::sync::Arc;

use actix_web::web::Data;
use recto_domain::Mint;
use recto_persistence::Database;

use crate::identity::mailed::MailedTokens;
use crate::identity::password::Hasher;
use crate::identity::token::Tokens;
use crate::mail::Outbox;

/// What every handler has at hand; one for all workers.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub database: Database,
    /// Where keys and times come from.
    pub mint: Arc<dyn Mint>,
    /// Issues and checks access tokens.
    pub tokens: Arc<Tokens>,
    /// Hashes and checks passwords.
    pub hasher: Hasher,
    /// Makes the tokens that links in mails carry.
    pub mailed_tokens: Arc<MailedTokens>,
    /// To be told when a mail has been put into the outbox.
    pub mail: Outbox,
}

/// The state as a handler receives it.
pub(crate) type Shared = Data<State>;
