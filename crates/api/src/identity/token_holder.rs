//! The holders of mailed tokens: the accounts to whose addresses they were sent.

use recto_domain::{Account, MailedPurpose, SecretHash};
use recto_persistence::identity::account::{self, Credentials};
use recto_persistence::identity::mailed_token;

use super::passwords;
use crate::context::{Context, WriteTransaction};
use crate::error::Error;
use crate::problem::Problem;

/// Returns the credentials of the account to which a token was mailed.
///
/// # Errors
/// [`no_such_token`]; a database error.
pub(crate) async fn credentials(
    ctx: &Context,
    purpose: MailedPurpose,
    token: SecretHash,
) -> Result<Credentials, Error> {
    ctx.read(move |tx| {
        let now = tx.now();
        let user = mailed_token::find_user(tx, purpose, &token, now)?.ok_or_else(no_such_token)?;
        let credentials = passwords::credentials(tx, user)?;
        check(purpose, &credentials.account)?;
        Ok(credentials)
    })
    .await
}

/// Returns the account to which a token was mailed, locked until the transaction ends. An account
/// is always locked before its tokens.
///
/// # Errors
/// [`no_such_token`]; a database error.
pub(crate) fn locked_account(
    tx: &mut WriteTransaction<'_>,
    purpose: MailedPurpose,
    token: &SecretHash,
) -> Result<Account, Error> {
    let now = tx.now();
    let user = mailed_token::find_user(tx, purpose, token, now)?.ok_or_else(no_such_token)?;
    let (account, _) = account::lock_with_password(tx, user)?.ok_or_else(no_such_token)?;
    check(purpose, &account)?;
    Ok(account)
}

fn check(purpose: MailedPurpose, account: &Account) -> Result<(), Error> {
    if purpose.is_open_to(account) { Ok(()) } else { Err(no_such_token()) }
}

/// Returns the error for a token that cannot be used.
pub(crate) fn no_such_token() -> Error {
    Problem::unusable_token().into()
}
