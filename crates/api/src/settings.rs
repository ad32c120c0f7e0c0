//! The settings of a server.

use std::time::Duration;

use chrono::TimeDelta;
use recto_identity::quota::Quotas;
use recto_identity::throttle::Limits;
use recto_persistence::identity::prune;

use crate::connection::ConnectionLimits;
use crate::cors_origins::CorsOrigins;
use crate::proxies::TrustedProxies;

/// The settings of a server.
#[derive(Clone)]
pub struct Settings {
    /// Host and port to listen on; port 0 picks a free one.
    pub listen: String,
    /// Host and port for `/metrics`, `/livez` and `/readyz`; by default they are at `listen`.
    pub metrics_listen: Option<String>,
    /// The secret that keys are derived from, at least 32 bytes.
    pub secret: Vec<u8>,
    /// The secret before it, whose tokens are still valid, at least 32 bytes.
    pub previous_secret: Option<Vec<u8>>,
    /// The number of threads that serve requests; by default the number of processors.
    pub workers: Option<usize>,
    /// The URL that links begin with, without a slash at its end; by default the address that the
    /// server listens on. With `https`, responses instruct browsers to use TLS only.
    pub public_url: Option<String>,
    /// The transport and the sender of mails.
    pub mail: recto_mail::MailSettings,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: TrustedProxies,
    /// The origins whose pages may call the API from a browser.
    pub cors_origins: CorsOrigins,
    /// The budgets of clients.
    pub limits: Limits,
    /// The limits of connections.
    pub connections: ConnectionLimits,
    /// The time between the signal to stop and the end of accepting connections, during which
    /// `/readyz` is 503.
    pub drain_delay: Duration,
    /// The quotas of accounts; `None` for no quotas.
    pub quotas: Option<Quotas>,
    /// Whether `/auth/token` accepts passwords.
    pub password_grant: bool,
    /// The accounts of a demo, which the pages show; none on any other server.
    pub demo_accounts: Vec<DemoLogin>,
    /// The time for which mails, audit entries and expired API keys are stored.
    pub retention: TimeDelta,
}

/// An account of a demo, to sign in with.
#[derive(Clone)]
pub struct DemoLogin {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The role.
    pub role: String,
}

impl Settings {
    /// Returns the defaults for an address and a secret.
    ///
    /// ```
    /// use recto_api::Settings;
    ///
    /// let settings = Settings::new("127.0.0.1:0", b"a secret of thirty-two bytes, ok");
    /// assert!(settings.password_grant && settings.previous_secret.is_none());
    /// ```
    pub fn new(listen: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            listen: listen.into(),
            metrics_listen: None,
            secret: secret.into(),
            previous_secret: None,
            workers: None,
            public_url: None,
            mail: recto_mail::MailSettings::default(),
            trusted_proxies: TrustedProxies::default(),
            cors_origins: CorsOrigins::default(),
            limits: Limits::default(),
            connections: ConnectionLimits::default(),
            drain_delay: Duration::ZERO,
            quotas: Some(Quotas::default()),
            password_grant: true,
            demo_accounts: Vec::new(),
            retention: prune::RETENTION,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("metrics_listen", &self.metrics_listen)
            .field("workers", &self.workers)
            .field("public_url", &self.public_url)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("cors_origins", &self.cors_origins)
            .field("limits", &self.limits)
            .field("connections", &self.connections)
            .field("drain_delay", &self.drain_delay)
            .field("quotas", &self.quotas)
            .field("password_grant", &self.password_grant)
            .field("mail", &self.mail)
            .finish_non_exhaustive()
    }
}
