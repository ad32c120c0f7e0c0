//! What each command does, and how it can fail.

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

/// Why a command failed, in a sentence for whoever ran it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// An import.
    #[error(transparent)]
    Import(#[from] import::ImportCommandError),
    /// The making of an account.
    #[error(transparent)]
    User(#[from] user::UserError),
    /// Standard output.
    #[error("standard output cannot be written to: {0}")]
    Output(#[from] io::Error),
}

/// Runs the command.
///
/// # Errors
///
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

/// Writes a line to standard output at once. A reader that has seen enough and
/// closed the pipe is no failure.
fn print(line: &dyn fmt::Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
