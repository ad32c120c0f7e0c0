//! Mails that requests ask for.

use recto_domain::{
    Account, AuditAction, EmailRequest, MailKind, MailedPurpose, User, Verification,
};
use recto_identity::secret::hash;
use recto_persistence::identity::{account, mailed_token};

use super::accounts;
use crate::answer::{Accepted, Item};
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::problem::Problem;

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
    let token = hash(&body.checked()?.token);
    ctx.write(move |tx| {
        let now = tx.now();
        let user = mailed_token::spend(tx, MailedPurpose::Verify, &token, now)?
            .ok_or_else(|| Problem::not_found("token: it is used, expired or replaced"))?;
        if account::set_verified(tx, user, now)? {
            tx.audit(AuditAction::EmailVerified).subject_uid = Some(user);
        }
        let user = Item::alone(tx.get::<User>(user)?);
        accounts::with(tx, user)
    })
    .await
}
