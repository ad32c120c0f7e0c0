//! `recto user`.

use std::io::{self, BufRead};
use std::num::NonZeroUsize;

use recto_domain::{Account, IdGenerator, Invalid, Password, Role, User};
use recto_identity::password::{HashError, Hasher};
use recto_persistence::identity::account;
use recto_persistence::{DatabaseUrl, Options, SystemIds};

use crate::cli::NewAccount;
use crate::database::{self, DatabaseError, PendingMigrations};

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No password came in.
    #[error("the password cannot be read: {0}")]
    Input(io::Error),
    /// There is nobody to ask.
    #[error("there is no terminal to ask for the password on ({0}); use --password-stdin")]
    NoTerminal(io::Error),
    /// What was typed first and second differ.
    #[error("the two passwords are not the same")]
    Mismatch,
    /// The password breaks a rule, or contains a name.
    #[error("the password {0}")]
    Password(Invalid),
    /// The password could not be made into what is stored.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database refused, because a name is taken or for a reason of its own.
    #[error("the account was not made: {0}")]
    Refused(#[from] recto_persistence::Error),
}

/// Makes a verified account and its user, or neither.
pub(super) fn create(url: &DatabaseUrl, new: NewAccount) -> Result<(), UserError> {
    let options = Options { connections: NonZeroUsize::MIN, ..Options::default() };
    let database = database::open(url, options, PendingMigrations::Refuse)?;
    let typed = if new.password_stdin { first_line()? } else { ask()? };
    let password = Password::parse(&typed)
        .and_then(|password| {
            password.check_against([new.username.as_str()], &new.email).map(|()| password)
        })
        .map_err(UserError::Password)?;
    let hash = Hasher::new(NonZeroUsize::MIN).hash_blocking(&password)?;

    let role = if new.admin { Role::Admin } else { Role::User };
    let user = User::new(SystemIds.new_id(), new.username, None, None);
    let mut account = Account::new(user.uid, new.email, role);
    account.verified = true;
    let made = format!("made the account of {} <{}>, role {role}", user.username, account.email);
    database.write_blocking(move |conn| {
        account::create(conn, user.clone(), &account, &hash).map(|_| ())
    })?;
    eprintln!("{made}");
    Ok(())
}

/// The first line of standard input, without its end.
fn first_line() -> Result<String, UserError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(UserError::Input)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Asks on the terminal, twice, without echo.
fn ask() -> Result<String, UserError> {
    let first = rpassword::prompt_password("Password: ").map_err(UserError::NoTerminal)?;
    let second = rpassword::prompt_password("Once more: ").map_err(UserError::NoTerminal)?;
    if first != second {
        return Err(UserError::Mismatch);
    }
    Ok(first)
}
