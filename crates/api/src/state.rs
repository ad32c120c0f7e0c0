//! What every handler has at hand.

use std::sync::Arc;

use actix_web::web::Data;
use recto_domain::Mint;
use recto_persistence::Database;

use crate::client::TrustedProxies;
use crate::identity::mailed::MailedTokens;
use crate::identity::password::Hasher;
use crate::identity::secret::{DerivedKeys, Secrets};
use crate::identity::token::Tokens;
use crate::mail::Outbox;
use crate::throttle::Throttle;

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
    /// What the server's keys are derived from.
    pub secrets: Arc<Secrets>,
    /// What each client has left.
    pub throttle: Arc<Throttle>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<TrustedProxies>,
    /// The address that links begin with, without a slash at its end; `None` is the one that is
    /// listened on.
    pub public_url: Option<Arc<str>>,
    /// Whether `/auth/token` takes passwords.
    pub password_grant: bool,
}

impl State {
    /// The keys for that use of the server's secret, and of the one before.
    ///
    /// Each use has a purpose of its own, such as `recto mailed token v1`.
    pub fn derived_keys(&self, purpose: &str) -> DerivedKeys {
        self.secrets.derived_keys(purpose)
    }

    /// Whether the world reaches this server by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// The state as a handler receives it.
pub(crate) type Shared = Data<State>;
