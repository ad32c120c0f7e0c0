//! Changing a password, and resetting it by a mailed token.

use recto_domain::{
    Account, AuditAction, MailKind, MailedPurpose, PasswordAttempt, PasswordChange, PasswordReset,
    UserId, Violations,
};
use recto_identity::secret::hash;
use recto_persistence::Connection;
use recto_persistence::identity::account::{self, Credentials};
use recto_persistence::identity::password_reset;

use super::{auth, token_holder};
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::problem::{Problem, ProblemType};
use crate::response::NoContent;

/// `PUT /auth/password`. All other sessions end, and other devices are forgotten.
pub(crate) async fn change(ctx: Context, body: Body<PasswordChange>) -> Result<NoContent, Error> {
    let credentials = of_caller(&ctx).await?;
    let PasswordChange { current_password, new_password } = body.checked()?;
    check_against_names(&new_password, &credentials)?;
    confirm(&ctx, &credentials, &current_password).await?;
    let hash = ctx.state.hasher.hash(&new_password).await?;
    ctx.transaction(move |tx| {
        let (account, session, now) = (tx.caller()?.clone(), tx.session()?, tx.now());
        let (user, former) = (account.user_uid, &credentials.password);
        if !account::set_password(tx, user, &hash, Some(former), Some(session), now)? {
            return Err(wrong_password());
        }
        tx.record_device(user)?;
        tx.notify(&account, MailKind::PasswordChanged, None)?;
        tx.audit(AuditAction::PasswordChanged);
        Ok(NoContent)
    })
    .await
}

/// `POST /auth/password-reset-confirm`. A failed attempt does not consume the token.
pub(crate) async fn reset(ctx: Context, body: Body<PasswordReset>) -> Result<NoContent, Error> {
    let PasswordReset { token, new_password, .. } = body.checked()?;
    let token = hash(&token);
    let holder = token_holder::credentials(&ctx, MailedPurpose::Reset, token).await?;
    check_against_names(&new_password, &holder)?;
    let hash = ctx.state.hasher.hash(&new_password).await?;
    ctx.transaction(move |tx| {
        let (user, now) = (holder.user.uid, tx.now());
        let reset = password_reset::reset(tx, user, &token, &hash, now)?;
        let reset = reset.ok_or_else(token_holder::no_such_token)?;
        tx.record_device(user)?;
        tx.enqueue_mail(&holder.account, MailKind::PasswordChanged)?;
        tx.audit(AuditAction::PasswordReset).subject_uid = Some(user);
        if reset.verified_email {
            tx.audit(AuditAction::EmailVerified).subject_uid = Some(user);
        }
        Ok(NoContent)
    })
    .await
}

fn check_against_names(
    password: &recto_domain::Password,
    Credentials { user, account, .. }: &Credentials,
) -> Result<(), Error> {
    let checked = password.check_against(user.names(), &account.email);
    Ok(checked.map_err(|invalid| Violations::from(invalid).under("new_password"))?)
}

/// Returns an account, locked until the transaction ends, whose password was checked before.
///
/// # Errors
/// 403 if the account has another password by now.
pub(crate) fn locked(conn: &mut Connection, checked: &Credentials) -> Result<Account, Error> {
    account::lock_checked(conn, checked)?.ok_or_else(wrong_password)
}

/// Checks the password of an account. A wrong one counts as a failed sign-in.
///
/// # Errors
/// 403 for a wrong password, 429 after too many.
pub(crate) async fn confirm(
    ctx: &Context,
    credentials: &Credentials,
    attempt: &PasswordAttempt,
) -> Result<(), Error> {
    let counted = auth::count_attempt(ctx, Some(&credentials.account.email)).await?;
    let matches = ctx.state.hasher.verify(attempt, Some(&credentials.password)).await;
    if !matches!(matches, Ok(false)) {
        // It was right, or could not be checked.
        counted.refund();
        matches?;
        return Ok(());
    }
    auth::record_failure(ctx, Some(credentials.user.uid));
    Err(wrong_password())
}

/// Returns the credentials of the caller.
pub(crate) async fn of_caller(ctx: &Context) -> Result<Credentials, Error> {
    ctx.read(|tx| {
        let user = tx.caller()?.user_uid;
        credentials(tx, user)
    })
    .await
}

/// Returns the credentials of a user.
///
/// # Errors
/// 401 if the account was deleted meanwhile.
pub(crate) fn credentials(conn: &mut Connection, user: UserId) -> Result<Credentials, Error> {
    let deleted = || Problem::invalid_token("the account of this token is deleted").into();
    account::credentials(conn, user)?.ok_or_else(deleted)
}

fn wrong_password() -> Error {
    Problem::new(ProblemType::WrongPassword, "that is not the password of this account").into()
}
