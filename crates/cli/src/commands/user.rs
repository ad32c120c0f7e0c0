//! `recto user`.

use std::io::{self, BufRead};
use std::num::NonZeroUsize;

use recto_domain::{
    Account, AuditAction, AuditDetail, AuditEntry, IdGenerator, Invalid, Password, Role, User,
};
use recto_identity::password::{HashError, Hasher};
use recto_persistence::identity::{account, audit};
use recto_persistence::{DatabaseUrl, Options, SystemIds};

use crate::cli::NewAccount;
use crate::database::{self, DatabaseError, PendingMigrations};

#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the password cannot be read: {0}")]
    Input(io::Error),
    #[error("the password cannot be read without a terminal ({0}); use --password-stdin")]
    NoTerminal(io::Error),
    #[error("the passwords do not match")]
    Mismatch,
    #[error("the password {0}")]
    Password(Invalid),
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database failed, or a name is taken.
    #[error("the account was not created: {0}")]
    Refused(#[from] recto_persistence::Error),
}

/// Creates a verified account and its user in one transaction.
pub(super) fn create(url: &DatabaseUrl, new: NewAccount) -> Result<(), UserError> {
    let options = Options { connections: NonZeroUsize::MIN, ..Options::default() };
    let database = database::open(url, options, PendingMigrations::Refuse)?;
    let typed = if new.password_stdin { read_line()? } else { prompt()? };
    let password = Password::parse(&typed)
        .and_then(|password| {
            password.check_against([new.username.as_str()], &new.email).map(|()| password)
        })
        .map_err(UserError::Password)?;
    let hash = Hasher::new(NonZeroUsize::MIN).hash_blocking(&password)?;

    let role = if new.admin { Role::Admin } else { Role::User };
    let user = User::new(SystemIds.new_id(), new.username, None, None);
    let account = Account::new_verified(user.uid, new.email, role);
    let created = format!("created account {} <{}>, role {role}", user.username, account.email);
    let mut entry = AuditEntry::new(SystemIds.new_id(), AuditAction::AccountCreated);
    entry.subject_uid = Some(user.uid);
    entry.detail = AuditDetail::parse(&format!("command line, role {role}")).ok();
    database.write_blocking(move |conn| {
        account::create(conn, user.clone(), &account, &hash)?;
        audit::insert(conn, &entry)
    })?;
    crate::log::print(created);
    Ok(())
}

/// Reads the first line of standard input.
fn read_line() -> Result<String, UserError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(UserError::Input)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Reads the password from the terminal twice, without echo.
fn prompt() -> Result<String, UserError> {
    let first = rpassword::prompt_password("Password: ").map_err(UserError::NoTerminal)?;
    let second = rpassword::prompt_password("Repeat password: ").map_err(UserError::NoTerminal)?;
    if first != second {
        return Err(UserError::Mismatch);
    }
    Ok(first)
}
