//! The caller's own account: shown and deleted.

use std::sync::Arc;

use recto_domain::{AccountDeletion, AuditAction, User, UserBooks, UserReviews};
use recto_persistence::identity::account;
use recto_relations::Include;

use super::{accounts, passwords};
use crate::answer::{Item, NoContent};
use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;

/// `GET /auth/me`: the caller, with account, books and reviews.
pub(crate) async fn me(ctx: Context) -> Result<Item<User>, Error> {
    let include = Include::nothing()
        .with::<UserBooks>(20, Include::nothing())
        .with::<UserReviews>(20, Include::nothing());
    let include = Arc::new(include);
    ctx.snapshot(move |tx| {
        let user = tx.item(tx.caller()?.user_uid, &include)?;
        accounts::with(tx, user)
    })
    .await
}

/// `DELETE /auth/me`. Books stay without a user; the caller decides about the reviews.
pub(crate) async fn delete(ctx: Context, body: Body<AccountDeletion>) -> Result<NoContent, Error> {
    let credentials = passwords::of_caller(&ctx).await?;
    let AccountDeletion { password, reviews } = body.checked()?;
    passwords::confirm(&ctx, &credentials, &password).await?;
    ctx.transaction(move |tx| {
        let user = tx.caller()?.user_uid;
        account::delete(tx, user, reviews)?;
        tx.audit(AuditAction::AccountDeleted).subject_uid = Some(user);
        Ok(NoContent)
    })
    .await
}
