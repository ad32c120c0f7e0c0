//! The commands.

mod import;
mod migrate;
mod openapi;
mod schema;
mod serve;
mod user;

use std::fmt;
use std::io::{self, ErrorKind, Write};

use crate::cli::{Cli, Command, ImportSource, UserAction};
use crate::database::DatabaseError;

/// The failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// The import failed.
    #[error(transparent)]
    Import(#[from] import::ImportCommandError),
    /// The account was not created.
    #[error(transparent)]
    User(#[from] user::UserError),
    /// Writing to standard output failed.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

/// Runs a command.
///
/// # Errors
/// See [`CommandError`].
pub(crate) fn run(cli: Cli) -> Result<(), CommandError> {
    let url = &cli.shared.database_url;
    match cli.command {
        Command::Serve(options) => Ok(serve::run(url, &options)?),
        Command::Migrate { action } => migrate::run(url, action),
        Command::Import { source: ImportSource::Goodbooks { directory } } => {
            Ok(import::goodbooks(url, &directory)?)
        }
        Command::User { action: UserAction::Create(account) } => Ok(user::create(url, account)?),
        Command::Openapi => openapi::run(),
        Command::Schema { format } => schema::run(format),
    }
}

/// Writes a line to standard output and flushes it. A closed pipe is not an error.
fn print(line: &dyn fmt::Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
