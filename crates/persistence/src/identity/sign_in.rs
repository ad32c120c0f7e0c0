//! Signing in with a password.

use std::net::IpAddr;

use recto_domain::{Account, Email, PasswordHash, UserId};
use uuid::Uuid;

use super::account::{self, Credentials};
use super::audit;
use super::session::{self, NewSession};
use crate::{Connection, Error};

/// The number of sign-ins and of resets whose IP addresses are known.
const KNOWN: u32 = 200;

/// Returns the IP addresses from which the user with this e-mail address has signed in or reset the
/// password, of the newest 200 of each. The statements do not depend on whether there is such a
/// user.
///
/// # Errors
/// A database error.
pub fn known_addresses(conn: &mut Connection, email: &Email) -> Result<Vec<IpAddr>, Error> {
    let user = account::owner_of_email(conn, email)?.unwrap_or(UserId::from_uuid(Uuid::nil()));
    audit::sign_in_addresses(conn, user, KNOWN)
}

/// Opens a session of a user whose password was checked, and returns the account, locked until the
/// transaction ends. Returns `None` if the password was changed, or the account disabled or deleted
/// since the check.
///
/// `stronger` replaces the hash of the password.
///
/// # Errors
/// A database error.
pub fn open_session(
    conn: &mut Connection,
    checked: &Credentials,
    stronger: Option<&PasswordHash>,
    session: &NewSession<'_>,
) -> Result<Option<Account>, Error> {
    let user = checked.user.uid;
    let account = account::lock_checked(conn, checked)?;
    let Some(account) = account.filter(|account| !account.disabled) else { return Ok(None) };
    if let Some(stronger) = stronger {
        account::rehash(conn, user, stronger, &checked.password)?;
    }
    session::open(conn, session)?;
    Ok(Some(account))
}
