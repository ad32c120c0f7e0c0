//! Changing and deleting reviews.

use recto_domain::{AuditAction, Review, ReviewPatch};
use recto_persistence::write;

use crate::context::Context;
use crate::crud;
use crate::error::Error;
use crate::extract::{Body, PathKey};
use crate::response::{NoContent, Rendered};
use recto_identity::access::may;

/// `PATCH /reviews/{uid}`
pub(crate) async fn patch(
    ctx: Context,
    key: PathKey<Review>,
    body: Body<ReviewPatch>,
) -> Result<Rendered, Error> {
    crud::change_checked(ctx, key, body, |tx, review| Ok(may::edit_review(tx.caller()?, review)?))
        .await
}

/// `DELETE /reviews/{uid}`
pub(crate) async fn delete(ctx: Context, key: PathKey<Review>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let review = tx.target_to_delete::<Review>(key.0)?;
        may::delete_review(tx.caller()?, &review)?;
        tx.audit_content::<Review>(AuditAction::ContentDeleted, review.uid, review.user_uid);
        write::delete::<Review>(tx, review.uid)?;
        Ok(NoContent)
    })
    .await
}
