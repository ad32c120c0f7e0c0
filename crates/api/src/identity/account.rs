//! The caller's own account: shown, changed and deleted.

use std::sync::Arc;

use recto_domain::{AccountDeletion, AuditAction, User, UserBooks, UserPatch, UserReviews};
use recto_persistence::Lock;
use recto_persistence::identity::account;
use recto_relations::Include;

use super::{account_fields, passwords};
use crate::catalog::users;
use crate::context::Context;
use crate::error::Error;
use crate::extract::{Body, ItemQuery};
use crate::response::{NoContent, Render as _, Rendered};

/// `GET /auth/me`: the caller, with the account; with books and reviews, unless the query names
/// relations to load or to count.
pub(crate) async fn get(ctx: Context, query: ItemQuery<User>) -> Result<Rendered, Error> {
    let ItemQuery { mut include, fields, .. } = query;
    if include.is_empty() {
        include = Arc::new(
            Include::nothing()
                .with::<UserBooks>(20, Include::nothing())
                .with::<UserReviews>(20, Include::nothing()),
        );
    }
    ctx.snapshot(move |tx| {
        let user = tx.item(tx.caller()?.user_uid, &include)?.with_fields(&fields);
        account_fields::with(tx, user)?.render()
    })
    .await
}

/// `PATCH /auth/me`. Like everything below `/auth`, it ignores `If-Match`.
pub(crate) async fn patch(ctx: Context, body: Body<UserPatch>) -> Result<Rendered, Error> {
    users::change_profile(ctx, body, |tx| tx.locked(tx.caller()?.user_uid)).await
}

/// `DELETE /auth/me`. Books stay without a user; the caller decides about the reviews.
pub(crate) async fn delete(ctx: Context, body: Body<AccountDeletion>) -> Result<NoContent, Error> {
    let credentials = passwords::of_caller(&ctx).await?;
    let AccountDeletion { password, reviews } = body.checked()?;
    passwords::confirm(&ctx, &credentials, &password).await?;
    ctx.transaction(move |tx| {
        // As for `target_to_delete`: before anything that others may need. `/auth` has no `If-Match`.
        tx.lock::<User>(credentials.user.uid, Lock::Update)?;
        // Locked, so that a change or a reset of the password also ends this request.
        let user = passwords::locked(tx, &credentials)?.user_uid;
        account::delete(tx, user, reviews)?;
        tx.audit(AuditAction::AccountDeleted).subject_uid = Some(user);
        Ok(NoContent)
    })
    .await
}
