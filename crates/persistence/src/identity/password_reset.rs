//! Resetting a password by a mailed link.

use chrono::{DateTime, Utc};
use recto_domain::{MailedPurpose, PasswordHash, SecretHash, UserId};

use super::{account, api_key, mailed_token};
use crate::{Connection, Error};

/// The result of a [`reset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordReset {
    /// Whether the e-mail address was not verified before.
    pub verified_email: bool,
}

/// Sets the password of the user to whom a token was mailed; returns `None` if the token cannot be
/// used.
///
/// The holder of the link owns the e-mail address, so it is verified. Everything with which another
/// person could use the account is deleted: sessions, API keys, mailed links, known devices.
///
/// # Errors
/// A database error.
pub fn reset(
    conn: &mut Connection,
    user: UserId,
    token: &SecretHash,
    password: &PasswordHash,
    now: DateTime<Utc>,
) -> Result<Option<PasswordReset>, Error> {
    // Requests that checked the former password wait, or are finished and their effects are visible
    // to the statements below.
    let account = account::lock_with_password(conn, user)?.map(|(account, _)| account);
    let is_open = account.is_some_and(|account| MailedPurpose::Reset.is_open_to(&account));
    if !is_open || mailed_token::consume(conn, MailedPurpose::Reset, token, now)?.is_none() {
        return Ok(None);
    }
    account::set_password(conn, user, password, None, None, now)?;
    api_key::delete_all(conn, user)?;
    mailed_token::revoke_all(conn, user)?;
    Ok(Some(PasswordReset { verified_email: account::set_verified(conn, user, now)? }))
}
