//! The command line: commands, options and their help texts.
//!
//! [`crate::settings`] derives an environment variable and a file key from each option.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use recto_api::{CorsOrigins, TrustedProxies};
use recto_domain::{Email, Username};
use recto_mail::{Sender, SmtpUrl};
use recto_persistence::DatabaseUrl;

use crate::listen_address::ListenAddress;
use crate::log::{LogFilter, LogFormat};
use crate::public_url::PublicUrl;
use crate::quota_options::QuotaOptions;
use crate::sensitive_value::SensitiveValueParser;
use crate::server_secret::ServerSecret;
use crate::switch::Switch;

/// A book catalogue with relations that can be navigated in both directions.
///
/// Each option can also be set by an environment variable or a key of the
/// settings file, as listed. A flag overrides the environment, the environment
/// overrides the file.
#[derive(Debug, Parser)]
#[command(name = "recto", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The options of all commands.
    #[command(flatten)]
    pub(crate) shared: SharedOptions,
    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of all commands, allowed before and after the command.
#[derive(Debug, Args)]
pub(crate) struct SharedOptions {
    /// Read settings from this TOML file instead of `recto.toml` in the working directory
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The database: `sqlite:FILE` (embedded), or `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "sqlite:recto.db",
        value_parser = SensitiveValueParser::<DatabaseUrl>::new()
    )]
    pub(crate) database_url: DatabaseUrl,

    /// The log level, or levels by target such as `info,recto_api=debug`
    #[arg(long, global = true, value_name = "FILTER", default_value = "info")]
    pub(crate) log: LogFilter,

    /// The format of the log on standard error
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the REST API and its documentation until SIGTERM or SIGINT
    Serve(Box<ServeOptions>),
    /// Apply pending migrations, list migrations or revert the last one
    Migrate {
        /// The action; by default, pending migrations are applied.
        #[command(subcommand)]
        action: Option<MigrateAction>,
    },
    /// Import a catalogue from files into the database
    Import {
        /// The format of the files.
        #[command(subcommand)]
        source: ImportSource,
    },
    /// Manage accounts
    User {
        /// The action.
        #[command(subcommand)]
        action: UserAction,
    },
    /// Print the OpenAPI document of the REST API as JSON
    Openapi,
    /// Print the entities and the relations between them
    Schema {
        /// The output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value = "json")]
        format: SchemaFormat,
    },
}

/// The output formats of `recto schema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// The response of `/api/v1/schema`
    Json,
    /// An entity-relationship diagram for Mermaid
    Mermaid,
    /// A graph for Graphviz
    Dot,
}

/// The options of `recto serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Use a temporary database with a small library and two accounts, whose passwords are printed
    /// and shown on the pages; the user's password is that of the OpenAPI examples
    #[arg(long)]
    pub(crate) demo: bool,

    /// Apply pending migrations first (an embedded database is always migrated)
    #[arg(long)]
    pub(crate) migrate: bool,

    /// The address to accept connections on; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: ListenAddress,

    /// The address of `/metrics`, `/livez` and `/readyz`, instead of `--listen`
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) metrics_listen: Option<ListenAddress>,

    /// The secret from which signing keys are derived, at least 32 bytes; process lists show flags,
    /// so prefer the variable or the file
    ///
    /// Required with PostgreSQL. With an embedded database, the first start
    /// generates a secret in a file next to the database.
    #[arg(
        long,
        value_name = "TEXT",
        hide_default_value = true,
        value_parser = SensitiveValueParser::<ServerSecret>::new()
    )]
    pub(crate) secret: Option<ServerSecret>,

    /// The previous secret, during a change; its tokens and links remain valid
    #[arg(
        long,
        value_name = "TEXT",
        hide_default_value = true,
        value_parser = SensitiveValueParser::<ServerSecret>::new()
    )]
    pub(crate) secret_previous: Option<ServerSecret>,

    /// The server that sends mail: `smtps://USER:PASSWORD@HOST`, or `smtp://…?tls=required`;
    /// without it, mail is written to files
    #[arg(
        long,
        value_name = "URL",
        hide_default_value = true,
        value_parser = SensitiveValueParser::<SmtpUrl>::new()
    )]
    pub(crate) smtp_url: Option<SmtpUrl>,

    /// The sender of mail, such as `Recto <recto@books.example>` [default: `recto` at the public
    /// URL's host]
    #[arg(long, value_name = "SENDER")]
    pub(crate) mail_from: Option<Sender>,

    /// The directory for mail files [default: `mail` next to an embedded database]
    #[arg(long, value_name = "DIR")]
    pub(crate) mail_dir: Option<PathBuf>,

    /// The address that links in mail begin with [default: the listen address]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,

    /// The proxies whose `X-Forwarded-For` is trusted: addresses and networks, separated by commas
    #[arg(long, value_name = "LIST")]
    pub(crate) trusted_proxies: Option<TrustedProxies>,

    /// The origins whose pages may call the API from a browser, separated by commas, or `*` for all
    /// [default: none]
    #[arg(long, value_name = "LIST")]
    pub(crate) cors_origins: Option<CorsOrigins>,

    /// Connections that may be open at once; more are closed
    #[arg(
        long,
        value_name = "N",
        default_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) max_connections: u32,

    /// Connections that one IP address may have open at once, unless it is a trusted proxy
    #[arg(
        long,
        value_name = "N",
        default_value = "256",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) max_connections_per_address: u32,

    /// How long after a signal to stop the server still accepts connections, while `/readyz` is 503
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "0",
        value_parser = clap::value_parser!(u16).range(0..=3600)
    )]
    pub(crate) drain_delay: u16,

    /// Whether `/auth/token` accepts passwords, as Swagger UI sends them
    #[arg(long, value_name = "SWITCH", value_enum, default_value = "on")]
    pub(crate) password_grant: Switch,

    /// Whether failed sign-ins, sign-ups, requests for mail and exports are limited by IP address,
    /// account and mailbox
    #[arg(long, value_name = "SWITCH", value_enum, default_value = "on")]
    pub(crate) throttle: Switch,

    /// Failed sign-ins to one account allowed at once from one IP address; then one in 6 seconds
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) sign_in_burst: NonZeroU32,

    /// Failed sign-ins allowed at once from one IP address; then one a second
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) sign_in_network_burst: NonZeroU32,

    /// Sign-ups allowed at once from one IP address; then one in 10 seconds
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) sign_up_burst: NonZeroU32,

    /// The quotas of accounts.
    #[command(flatten)]
    pub(crate) quotas: QuotaOptions,

    /// How many days mails, audit entries and expired API keys are stored
    #[arg(
        long,
        value_name = "DAYS",
        default_value = "90",
        value_parser = clap::value_parser!(u16).range(1..=3650)
    )]
    pub(crate) keep_days: u16,

    /// Threads that serve requests [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// Time limit of the database's part of a request in seconds, waiting included; later responses
    /// are 503
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "5",
        value_parser = clap::value_parser!(u16).range(1..=600)
    )]
    pub(crate) request_timeout: u16,

    /// Database connections for usual reads [default: one per processor, and at least four on
    /// PostgreSQL]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) database_connections: Option<u16>,
}

/// The actions of `recto migrate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum MigrateAction {
    /// List applied and pending migrations
    Status,
    /// Revert the last applied migration
    Revert,
}

/// The formats that can be imported.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportSource {
    /// The goodbooks-10k data set: `books.csv` and, if present, `tags.csv`, `book_tags.csv` and
    /// `ratings.csv`
    ///
    /// A repeated import adds nothing twice, so an import that was stopped can
    /// be repeated. Invalid rows are reported and skipped; invalid optional
    /// cells are reported and left empty.
    Goodbooks {
        /// The directory that contains the files
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// The actions of `recto user`.
#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Create a verified account; the password is read from the terminal, without echo
    Create(NewAccount),
}

/// The options of `recto user create`.
#[derive(Debug, Args)]
pub(crate) struct NewAccount {
    /// The public name, which may be one that users cannot choose, such as `root`
    #[arg(long, value_name = "NAME", required = true, value_parser = Username::parse_reserved)]
    pub(crate) username: Username,

    /// The e-mail address to sign in with
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub(crate) email: Email,

    /// Create an administrator
    #[arg(long)]
    pub(crate) admin: bool,

    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}
