//! The state that all requests share.

use std::sync::Arc;

use actix_web::web::Data;
use recto_domain::IdGenerator;
use recto_identity::mailed_token::MailedTokens;
use recto_identity::password::Hasher;
use recto_identity::quota::QuotaUse;
use recto_identity::secret::{Secrets, WeakSecret};
use recto_identity::throttle::Throttle;
use recto_identity::token::Tokens;
use recto_mail::MailWorkerHandle;
use recto_persistence::{Database, SystemIds};

use crate::audit_queue::AuditQueue;
use crate::connection::Connections;
use crate::cors_origins::CorsOrigins;
use crate::identity::key_usage::KeyUsage;
use crate::metrics::{CurrentState, Metrics};
use crate::proxies::TrustedProxies;
use crate::settings::{DemoLogin, Settings};
use crate::stored_responses::StoredBytes;

/// The state that all requests share, on all worker threads.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub database: Database,
    /// The generator of ids, and the clock.
    pub ids: Arc<dyn IdGenerator>,
    /// Issues and verifies access tokens.
    pub tokens: Arc<Tokens>,
    /// Hashes and checks passwords.
    pub hasher: Hasher,
    /// The budgets of clients.
    pub throttle: Arc<Throttle>,
    /// The quotas of accounts, unless they are off.
    pub quotas: Option<Arc<QuotaUse>>,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Arc<TrustedProxies>,
    /// The origins whose pages may call the API from a browser.
    pub cors_origins: Arc<CorsOrigins>,
    /// The URL that links begin with, without a slash at its end; `None` for the address that the
    /// server listens on.
    pub public_url: Option<Arc<str>>,
    /// Whether `/auth/token` accepts passwords.
    pub password_grant: bool,
    /// The accounts of a demo, which the pages show.
    pub demo_accounts: Arc<[DemoLogin]>,
    /// Derives the tokens of links in mails.
    pub mailed_tokens: Arc<MailedTokens>,
    /// Wakes the worker that sends mails.
    pub mail: MailWorkerHandle,
    /// Records when API keys are used.
    pub key_usage: KeyUsage,
    /// All connections of the server.
    pub connections: Arc<Connections>,
    /// Stores audit entries about reads, refusals and failed sign-ins.
    pub audit_queue: AuditQueue,
    /// The bytes of responses that are stored for idempotency keys.
    pub stored_responses: Arc<StoredBytes>,
    /// Counts and times requests.
    pub metrics: Metrics,
    /// Whether `/metrics` and the health checks have an address of their own.
    pub monitoring_apart: bool,
}

/// The state, as handlers and middleware receive it.
pub(crate) type SharedState = Data<State>;

impl State {
    /// Returns the state for a database, with ids and time from the system.
    ///
    /// # Errors
    /// A secret that is too short.
    pub fn new(database: Database, settings: &Settings) -> Result<Self, WeakSecret> {
        Self::with_ids(database, settings, Arc::new(SystemIds))
    }

    /// Returns the state for a database, with ids and time from `ids`.
    ///
    /// # Errors
    /// A secret that is too short.
    pub fn with_ids(
        database: Database,
        settings: &Settings,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Self, WeakSecret> {
        let previous = settings.previous_secret.as_deref();
        let secrets = Secrets::new(&settings.secret, previous)?;
        let connections = Arc::new(Connections::new(
            settings.connections.clone(),
            settings.trusted_proxies.clone(),
        ));
        let (mail, audit_queue) = (MailWorkerHandle::default(), AuditQueue::default());
        let metrics = Metrics::new(CurrentState {
            database: database.clone(),
            connections: connections.clone(),
            mail: mail.clone(),
            audit_queue: audit_queue.clone(),
        });
        Ok(Self {
            database,
            ids,
            tokens: Arc::new(Tokens::new(&secrets)),
            hasher: Hasher::default(),
            mailed_tokens: Arc::new(MailedTokens::new(&secrets)),
            mail,
            key_usage: KeyUsage::default(),
            connections,
            audit_queue,
            metrics,
            stored_responses: Arc::default(),
            monitoring_apart: settings.metrics_listen.is_some(),
            throttle: Arc::new(Throttle::new(settings.limits)),
            quotas: settings.quotas.map(|quotas| Arc::new(QuotaUse::new(quotas))),
            trusted_proxies: Arc::new(settings.trusted_proxies.clone()),
            cors_origins: Arc::new(settings.cors_origins.clone()),
            public_url: settings.public_url.as_deref().map(Arc::from),
            password_grant: settings.password_grant,
            demo_accounts: settings.demo_accounts.clone().into(),
        })
    }

    /// Returns whether clients reach this server by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}
