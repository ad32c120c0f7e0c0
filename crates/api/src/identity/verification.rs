//! Verifying the address of an account, or rejecting the account.

use recto_domain::{
    AuditAction, AuditDetail, MailedPurpose, ReviewsOnDeletion, User, Verification,
    VerificationRejection,
};
use recto_identity::secret::hash;
use recto_persistence::identity::{account, mailed_token};

use super::{account_fields, passwords, token_holder};
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::response::{Item, NoContent};

/// `POST /auth/verify`: uses the token of a link. The password shows that the holder of the link
/// has created the account. A wrong one leaves the token valid.
pub(crate) async fn verify(ctx: Context, body: Body<Verification>) -> Result<Item<User>, Error> {
    let Verification { token, password } = body.checked()?;
    let token = hash(&token);
    let holder = token_holder::credentials(&ctx, MailedPurpose::Verify, token).await?;
    passwords::confirm(&ctx, &holder, &password).await?;
    ctx.transaction(move |tx| {
        let (user, now) = (holder.user.uid, tx.now());
        passwords::locked(tx, &holder)?;
        mailed_token::consume(tx, MailedPurpose::Verify, &token, now)?
            .ok_or_else(token_holder::no_such_token)?;
        if account::set_verified(tx, user, now)? {
            tx.audit(AuditAction::EmailVerified).subject_uid = Some(user);
        }
        let user = Item::alone(tx.get::<User>(user)?);
        account_fields::with(tx, user)
    })
    .await
}

/// `POST /auth/verify-reject`: deletes the account that somebody else has created with the address
/// of the link's holder.
pub(crate) async fn reject(
    ctx: Context,
    body: Body<VerificationRejection>,
) -> Result<NoContent, Error> {
    let token = hash(&body.checked()?.token);
    ctx.transaction(move |tx| {
        let account = token_holder::locked_account(tx, MailedPurpose::Verify, &token)?;
        if account.verified {
            return Err(token_holder::no_such_token());
        }
        let user = account.user_uid;
        account::delete(tx, user, ReviewsOnDeletion::Keep)?;
        let entry = tx.audit(AuditAction::AccountDeleted);
        entry.subject_uid = Some(user);
        entry.detail = AuditDetail::parse("rejected by the holder of its e-mail address").ok();
        Ok(NoContent)
    })
    .await
}
