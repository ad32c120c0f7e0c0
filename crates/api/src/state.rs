//! What every handler has at hand.

use std::sync::Arc;

use actix_web::web::Data;
use recto_domain::IdGenerator;
use recto_persistence::Database;

use crate::client::TrustedProxies;
use crate::identity::key_usage::KeyUses;
use crate::identity::mailed::MailedTokens;
use crate::identity::password::Hasher;
use crate::identity::token::Tokens;
use crate::mail::Outbox;
use crate::throttle::Throttle;

/// What every handler has at hand; one for all workers.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub database: Database,
    /// Where keys and times come from.
    pub ids: Arc<dyn IdGenerator>,
    /// Issues and checks access tokens.
    pub tokens: Arc<Tokens>,
    /// Hashes and checks passwords.
    pub hasher: Hasher,
    /// What each client has left.
    pub throttle: Arc<Throttle>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<TrustedProxies>,
    /// The address that links begin with, without a slash at its end; `None` is the one that is
    /// listened on.
    pub public_url: Option<Arc<str>>,
    /// Whether `/auth/token` takes passwords.
    pub password_grant: bool,
    /// Makes the tokens that links in mails carry.
    pub mailed_tokens: Arc<MailedTokens>,
    /// To be told when a mail has been put into the outbox.
    pub mail: Outbox,
    /// To be told when an API key was used.
    pub key_uses: KeyUses,
}

impl State {
    /// Whether the world reaches this server by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// The state as a handler receives it.
pub(crate) type Shared = Data<State>;
