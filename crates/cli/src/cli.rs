//! The command line: what can be asked, and how each option is explained.
//!
//! Only shapes and help texts live here. Where a value comes from (flag,
//! environment, file) is the business of [`crate::settings`], which reads these
//! definitions: an option added here is at once a variable and a file key.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use recto_api::TrustedProxies;
use recto_domain::{Email, Username};
use recto_mail::{Sender, SmtpUrl};
use recto_persistence::DatabaseUrl;

use crate::listen_address::ListenAddress;
use crate::log::{LogFilter, LogFormat};
use crate::public_url::PublicUrl;
use crate::sensitive_value::SensitiveValueParser;
use crate::server_secret::ServerSecret;

/// A book catalogue in which every relationship can be walked from both sides.
///
/// Each option can also be set by the environment variable and by the key of a
/// settings file that stand beside it. A flag wins over the environment, the
/// environment over the file.
#[derive(Debug, Parser)]
#[command(name = "recto", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub(crate) shared: SharedOptions,
    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options that may be given before or after any command.
#[derive(Debug, Args)]
pub(crate) struct SharedOptions {
    /// Read settings from this TOML file instead of `recto.toml` in the working directory
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The database: `sqlite:FILE` for the embedded one, or `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "sqlite:recto.db",
        value_parser = SensitiveValueParser::<DatabaseUrl>::new()
    )]
    pub(crate) database_url: DatabaseUrl,

    /// What to log on standard error: a level, or levels by target such as `info,recto_api=debug`
    #[arg(long, global = true, value_name = "FILTER", default_value = "info")]
    pub(crate) log: LogFilter,

    /// How a log line is written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the REST API and its documentation until SIGTERM or SIGINT
    Serve(Box<ServeOptions>),
    /// Bring the database up to the schema of this program, or look at and undo migrations
    Migrate {
        /// Without one: apply what is pending.
        #[command(subcommand)]
        action: Option<MigrateAction>,
    },
    /// Bring a catalogue from files into the database
    Import {
        /// The kind of files to read.
        #[command(subcommand)]
        source: ImportSource,
    },
    /// Manage accounts
    User {
        /// What to do with them.
        #[command(subcommand)]
        action: UserAction,
    },
    /// Print the OpenAPI description of the REST API as JSON
    Openapi,
    /// Print the entities and the relations between them
    Schema {
        /// As data, or as a diagram in the language of Mermaid or Graphviz
        #[arg(long, value_name = "FORMAT", value_enum, default_value = "json")]
        format: SchemaFormat,
    },
}

/// How `recto schema` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// What `/api/v1/schema` answers with
    Json,
    /// An entity-relationship diagram for Mermaid
    Mermaid,
    /// A graph for Graphviz
    Dot,
}

/// The options of `recto serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Serve a small library from a fresh temporary database, with two accounts whose passwords are printed
    #[arg(long)]
    pub(crate) demo: bool,

    /// Apply pending migrations first (an embedded database is migrated in any case)
    #[arg(long)]
    pub(crate) migrate: bool,

    /// The address to accept connections on; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: ListenAddress,

    /// The key that signs access tokens, at least 32 bytes; better set by variable or file, where a process list does not show it
    ///
    /// Without one, a server with an embedded database makes one on its first
    /// start and keeps it in a file beside the database; with PostgreSQL it is
    /// required.
    #[arg(
        long,
        value_name = "TEXT",
        hide_default_value = true,
        value_parser = SensitiveValueParser::<ServerSecret>::new()
    )]
    pub(crate) secret: Option<ServerSecret>,

    /// The secret before this one, whose tokens and links stay good, while it is being changed
    #[arg(
        long,
        value_name = "TEXT",
        hide_default_value = true,
        value_parser = SensitiveValueParser::<ServerSecret>::new()
    )]
    pub(crate) secret_previous: Option<ServerSecret>,

    /// The server that sends mail: `smtps://USER:PASSWORD@HOST`, or `smtp://…?tls=required`; without one, mail is written to files
    #[arg(
        long,
        value_name = "URL",
        hide_default_value = true,
        value_parser = SensitiveValueParser::<SmtpUrl>::new()
    )]
    pub(crate) smtp_url: Option<SmtpUrl>,

    /// Whom mail comes from, such as `Recto <recto@books.example>` [default: `recto` at the public URL's host]
    #[arg(long, value_name = "SENDER")]
    pub(crate) mail_from: Option<Sender>,

    /// The directory that outgoing mail is written to [default: `mail` beside an embedded database]
    #[arg(long, value_name = "DIR")]
    pub(crate) mail_dir: Option<PathBuf>,

    /// The address that links in mail begin with [default: the listen address]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,

    /// The proxies whose `X-Forwarded-For` is believed: addresses and networks, with commas between
    #[arg(long, value_name = "LIST")]
    pub(crate) trusted_proxies: Option<TrustedProxies>,

    /// Whether `/auth/token` takes passwords, which Swagger UI signs in with
    #[arg(long, value_name = "SWITCH", value_enum, default_value = "on")]
    pub(crate) password_grant: Switch,

    /// Whether failed sign-ins, sign-ups and requests for mail are limited by address
    #[arg(long, value_name = "SWITCH", value_enum, default_value = "on")]
    pub(crate) throttle: Switch,

    /// How many sign-ins to one account may fail at once from one address; then one in 6 seconds may
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) sign_in_burst: NonZeroU32,

    /// How many sign-ins may fail at once from one address; then one a second may
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) sign_in_place_burst: NonZeroU32,

    /// How many accounts may be made at once from one address; then one in 10 seconds may
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) sign_up_burst: NonZeroU32,

    /// How many days mails, audit entries and expired API keys are stored
    #[arg(
        long,
        value_name = "DAYS",
        default_value = "90",
        value_parser = clap::value_parser!(u16).range(1..=3650)
    )]
    pub(crate) keep_days: u16,

    /// How many threads answer requests [default: one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// How many connections to the database are held open [default: the engine's own measure]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) database_connections: Option<u16>,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It is
    #[value(aliases = ["true", "yes", "1"])]
    On,
    /// It is not
    #[value(aliases = ["false", "no", "0"])]
    Off,
}

/// What `recto migrate` can do beside applying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum MigrateAction {
    /// List the migrations, and which of them have been applied
    Status,
    /// Undo the migration that was applied last
    Revert,
}

/// The kinds of files that can be imported.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportSource {
    /// The goodbooks-10k data set: `books.csv` and, where present, `tags.csv`, `book_tags.csv` and `ratings.csv`
    ///
    /// Run again, it adds nothing twice; stopped half-way, it can be run again.
    /// A broken row is named and left out; a broken optional cell is named and
    /// left empty.
    Goodbooks {
        /// The directory that holds the files
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Make a verified account; the password is asked for on the terminal, without echo
    Create(NewAccount),
}

/// The options of `recto user create`.
#[derive(Debug, Args)]
pub(crate) struct NewAccount {
    /// The name that others see
    #[arg(long, value_name = "NAME", required = true)]
    pub(crate) username: Username,

    /// The address that the account signs in with
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub(crate) email: Email,

    /// Give the account the role of administrator
    #[arg(long)]
    pub(crate) admin: bool,

    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}
