//! `recto serve`.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use recto_api::ConnectionLimits;
use recto_identity::throttle::Limits;
use recto_mail::Delivery;
use recto_persistence::{Database, DatabaseUrl, Options};

use crate::cli::ServeOptions;
use crate::database::{self, DatabaseError, PendingMigrations};
use crate::demo::{self, DemoCredentials, DemoError};
use crate::server_secret::{ServerSecret, ServerSecretError};
use crate::switch::Switch;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Secret(#[from] ServerSecretError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("cannot create a temporary directory for the demo: {0}")]
    Directory(io::Error),
    /// The server cannot listen, or has failed.
    #[error("cannot serve: {0}")]
    Network(io::Error),
}

/// Serves until a signal stops it, on the given database or a demo's own.
pub(super) fn run(url: &DatabaseUrl, options: &ServeOptions) -> Result<(), ServeError> {
    if !options.demo {
        let database = prepare(url, options)?;
        return serve(database, options, Vec::new());
    }
    let directory =
        tempfile::Builder::new().prefix("recto-demo-").tempdir().map_err(ServeError::Directory)?;
    let database = prepare(&DatabaseUrl::file(directory.path().join("recto.db")), options)?;
    let credentials = demo::library().write(&database)?;
    // The directory is deleted when the server has stopped.
    serve(database, options, credentials)
}

fn prepare(url: &DatabaseUrl, options: &ServeOptions) -> Result<Database, ServeError> {
    ServerSecret::check_set(options.secret.as_ref(), url)?;
    let request_timeout = Duration::from_secs(options.request_timeout.into());
    let mut database = Options { request_timeout, ..Options::default() };
    if let Some(connections) =
        options.database_connections.and_then(|n| NonZeroUsize::new(n.into()))
    {
        database.connections = connections;
    }
    let pending =
        if options.migrate { PendingMigrations::Apply } else { PendingMigrations::Refuse };
    Ok(database::open(url, database, pending)?)
}

fn serve(
    database: Database,
    options: &ServeOptions,
    credentials: Vec<DemoCredentials>,
) -> Result<(), ServeError> {
    warn_about(options);
    let demo_accounts = credentials.iter().cloned().map(Into::into).collect();
    let settings = recto_api::Settings { demo_accounts, ..settings(options, &database)? };
    let on_start = move |address| announce(address, &credentials);
    actix_web::rt::System::new()
        .block_on(recto_api::serve(database, settings, on_start))
        .map_err(ServeError::Network)
}

fn settings(
    options: &ServeOptions,
    database: &Database,
) -> Result<recto_api::Settings, ServerSecretError> {
    let secret = ServerSecret::resolve(options.secret.clone(), database.url())?;
    let previous = options.secret_previous.as_ref().map(|secret| secret.as_bytes().to_vec());
    let settings = recto_api::Settings::new(options.listen.to_string(), secret.as_bytes());
    Ok(recto_api::Settings {
        metrics_listen: options.metrics_listen.as_ref().map(ToString::to_string),
        previous_secret: previous,
        workers: options.workers.map(usize::from),
        public_url: options.public_url.as_ref().map(ToString::to_string),
        mail: mail(options, database.url()),
        trusted_proxies: options.trusted_proxies.clone().unwrap_or_default(),
        cors_origins: options.cors_origins.clone().unwrap_or_default(),
        limits: limits(options),
        connections: connection_limits(options),
        drain_delay: Duration::from_secs(options.drain_delay.into()),
        quotas: options.quotas.quotas(),
        password_grant: options.password_grant == Switch::On,
        retention: chrono::TimeDelta::days(options.keep_days.into()),
        ..settings
    })
}

fn connection_limits(options: &ServeOptions) -> ConnectionLimits {
    // A number that does not fit is no limit.
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    ConnectionLimits {
        connections: number(options.max_connections),
        connections_per_address: number(options.max_connections_per_address),
        ..ConnectionLimits::default()
    }
}

/// Logs warnings about settings that are valid, but probably a mistake.
fn warn_about(options: &ServeOptions) {
    let secrets =
        [("RECTO_SECRET", &options.secret), ("RECTO_SECRET_PREVIOUS", &options.secret_previous)];
    for (name, secret) in secrets {
        if let Some(secret) = secret {
            secret.warn_if_guessable(name);
        }
    }
    if options.public_url.is_none() && !options.listen.is_loopback() {
        tracing::warn!(
            listen = %options.listen,
            "RECTO_PUBLIC_URL is not set: links in mails begin with the listen address"
        );
    }
    if options.demo && !options.listen.is_loopback() {
        tracing::warn!(
            listen = %options.listen,
            "the demo's pages show its passwords to everyone who can reach this address"
        );
    }
}

fn limits(options: &ServeOptions) -> Limits {
    let usual = Limits::default();
    match options.throttle {
        Switch::Off => Limits::none(),
        Switch::On => Limits {
            sign_in: usual.sign_in.map(|limit| limit.with_burst(options.sign_in_burst)),
            sign_in_network: usual
                .sign_in_network
                .map(|limit| limit.with_burst(options.sign_in_network_burst)),
            sign_up: usual.sign_up.map(|limit| limit.with_burst(options.sign_up_burst)),
            ..usual
        },
    }
}

/// Returns the mail settings: SMTP if a server is set, and otherwise files, next to an
/// embedded database.
fn mail(options: &ServeOptions, database: &DatabaseUrl) -> recto_mail::MailSettings {
    let from = options.mail_from.clone();
    if let Some(url) = &options.smtp_url {
        return recto_mail::MailSettings { delivery: Delivery::Smtp(url.clone()), from };
    }
    let directory = options.mail_dir.clone().unwrap_or_else(|| {
        let directory = database.path().and_then(Path::parent);
        directory.map_or_else(|| PathBuf::from("mail"), |parent| parent.join("mail"))
    });
    if !database.is_embedded() {
        tracing::warn!(
            directory = %directory.display(),
            "RECTO_SMTP_URL is not set: mail is written to files and not sent"
        );
    }
    recto_mail::MailSettings { delivery: Delivery::Files(directory), from }
}

/// Prints the demo's credentials and the server's address.
fn announce(address: SocketAddr, credentials: &[DemoCredentials]) {
    let lines = credentials
        .iter()
        .map(ToString::to_string)
        .chain([format!("listening on http://{address}")]);
    for line in lines {
        if let Err(error) = super::print(&line) {
            // The server works without standard output.
            tracing::warn!(%error, "cannot write to standard output");
        }
    }
}
