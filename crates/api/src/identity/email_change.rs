//! Changing the e-mail address of an account.

use recto_domain::{Account, AuditAction, EmailChange, EmailConfirmation, MailKind, MailedPurpose};
use recto_identity::secret::hash;
use recto_persistence::identity::{account, mailed_token};

use super::{passwords, token_holder};
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::response::{Accepted, NoContent};

/// `PUT /auth/email`: mails a link to the new address, and a notice to the current one. The
/// response does not reveal whether the new address belongs to another account.
pub(crate) async fn request(ctx: Context, body: Body<EmailChange>) -> Result<Accepted, Error> {
    let caller = passwords::of_caller(&ctx).await?;
    let EmailChange { password, new_email } = body.checked()?;
    passwords::confirm(&ctx, &caller, &password).await?;
    ctx.state.throttle.mail(&ctx.origin().client)?;
    ctx.transaction(move |tx| {
        // Locked, so that a change or a reset of the password also ends this request.
        let account = passwords::locked(tx, &caller)?;
        tx.enqueue_email_change(&account, &new_email)?;
        tx.notify(&account, MailKind::EmailChangeRequested, None)?;
        tx.audit(AuditAction::EmailChangeRequested);
        Ok(Accepted)
    })
    .await
}

/// `POST /auth/email-confirm`: uses the token of a link. An account whose former address was not
/// verified has to be verified with the new one, since that needs the password.
pub(crate) async fn confirm(
    ctx: Context,
    body: Body<EmailConfirmation>,
) -> Result<NoContent, Error> {
    let token = hash(&body.checked()?.token);
    ctx.transaction(move |tx| {
        let now = tx.now();
        let former = token_holder::locked_account(tx, MailedPurpose::ChangeEmail, &token)?;
        let user = former.user_uid;
        let email = mailed_token::consume_email_change(tx, &token, now)?
            .ok_or_else(token_holder::no_such_token)?;
        account::set_email(tx, user, &email, now)?;
        tx.notify(&former, MailKind::EmailChanged, None)?;
        if !former.verified {
            tx.enqueue_mail(&Account { email, ..former }, MailKind::Verification)?;
        }
        tx.audit(AuditAction::EmailChanged).subject_uid = Some(user);
        Ok(NoContent)
    })
    .await
}
