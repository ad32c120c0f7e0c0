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

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    #[error(transparent)]
    Import(#[from] import::ImportCommandError),
    #[error(transparent)]
    User(#[from] user::UserError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

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
