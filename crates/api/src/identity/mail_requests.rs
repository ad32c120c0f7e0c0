//! Mails that requests ask for.

use recto_domain::{EmailRequest, MailKind};

use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::response::Accepted;

/// `POST /auth/verify-request`
pub(crate) async fn verify_request(
    ctx: Context,
    body: Body<EmailRequest>,
) -> Result<Accepted, Error> {
    request(ctx, body, MailKind::Verification).await
}

/// `POST /auth/password-reset-request`
pub(crate) async fn reset_request(
    ctx: Context,
    body: Body<EmailRequest>,
) -> Result<Accepted, Error> {
    request(ctx, body, MailKind::PasswordReset).await
}

/// Stores the request. Neither the response nor its time reveals whether there is an account,
/// since the mail worker looks for it later.
async fn request(
    ctx: Context,
    body: Body<EmailRequest>,
    kind: MailKind,
) -> Result<Accepted, Error> {
    let email = body.checked()?.email;
    ctx.state.throttle.mail(&ctx.origin().client)?;
    ctx.transaction(move |tx| {
        tx.request_mail(email.clone(), kind)?;
        Ok(Accepted)
    })
    .await
}
