//! Mails that requests ask for.

use chrono::{DateTime, Utc};
use recto_domain::{
    Account, AuditAction, EmailRequest, MailId, MailKind, MailedPurpose, MailedTokenId, User,
    Verification,
};
use recto_persistence::Connection;
use recto_persistence::identity::{account, mailed, outbox};

use super::accounts;
use crate::answer::{Accepted, Item};
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::problem::Problem;
use crate::state::State;

/// Adds a mail to the outbox, with a link if its kind has one.
///
/// # Errors
/// A failing database.
pub(crate) fn enqueue(
    conn: &mut Connection,
    state: &State,
    account: &Account,
    kind: MailKind,
) -> Result<(), Error> {
    let now = state.ids.now();
    let token = match kind.purpose() {
        None => None,
        Some(purpose) => Some(token(conn, state, account, purpose, now)?),
    };
    let id = MailId::from_uuid(state.ids.new_id().uid());
    let (user, recipient) = (account.user_uid, &account.email);
    outbox::enqueue(conn, &outbox::NewMail { id, user, kind, token, recipient, at: now })?;
    Ok(())
}

/// Returns the token of a link. The last one is used again during half of its lifetime: otherwise
/// anybody could invalidate an owner's link by requesting another.
fn token(
    conn: &mut Connection,
    state: &State,
    account: &Account,
    purpose: MailedPurpose,
    now: DateTime<Utc>,
) -> Result<MailedTokenId, Error> {
    let user = account.user_uid;
    if let Some(young) = mailed::issued_since(conn, user, purpose, now - purpose.lifetime() / 2)? {
        return Ok(young);
    }
    let id = MailedTokenId::from_uuid(state.ids.new_id().uid());
    let hash = state.mailed_tokens.hash(id);
    mailed::issue(conn, &mailed::NewMailedToken { id, user, purpose, hash, at: now })?;
    Ok(id)
}

/// `POST /auth/verify-request`. The response does not reveal whether the account exists.
pub(crate) async fn verify_request(
    ctx: Context,
    body: Body<EmailRequest>,
) -> Result<Accepted, Error> {
    request(ctx, body, MailKind::Verification, |account| !account.verified).await
}

/// `POST /auth/password-reset-request`. The response does not reveal whether the account exists.
pub(crate) async fn reset_request(
    ctx: Context,
    body: Body<EmailRequest>,
) -> Result<Accepted, Error> {
    request(ctx, body, MailKind::PasswordReset, |_| true).await
}

async fn request(
    ctx: Context,
    body: Body<EmailRequest>,
    kind: MailKind,
    wants: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<Accepted, Error> {
    let email = body.checked()?.email;
    ctx.state.throttle.mail(&ctx.origin().client)?;
    if !ctx.state.throttle.may_be_mailed(&email) {
        // The mailbox has received enough; the response does not reveal that.
        return Ok(Accepted);
    }
    ctx.write(move |tx| {
        let found = account::by_email(tx, &email)?;
        let found = found.filter(|(account, _)| !account.disabled && wants(account));
        if let Some((account, _)) = found {
            tx.enqueue_mail(&account, kind)?;
        }
        Ok(Accepted)
    })
    .await
}

/// `POST /auth/verify`: spends the token of a link.
pub(crate) async fn verify(ctx: Context, body: Body<Verification>) -> Result<Item<User>, Error> {
    let hash = body.checked()?.token.hash();
    ctx.write(move |tx| {
        let now = tx.now();
        let user = mailed::spend(tx, MailedPurpose::Verify, &hash, now)?
            .ok_or_else(|| Problem::not_found("token: it is used, expired or replaced"))?;
        if account::set_verified(tx, user, now)? {
            tx.audit(AuditAction::EmailVerified).subject_uid = Some(user);
        }
        let user = Item::alone(tx.get::<User>(user)?);
        accounts::with(tx, user)
    })
    .await
}
