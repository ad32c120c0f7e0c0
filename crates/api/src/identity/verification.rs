//! Verifying the address of an account.

use recto_domain::{AuditAction, MailedPurpose, User, Verification};
use recto_identity::secret::hash;
use recto_persistence::identity::{account, mailed_token};

use super::accounts;
use crate::answer::Item;
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::problem::Problem;

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
