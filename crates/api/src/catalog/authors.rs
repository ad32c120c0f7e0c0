//! Changing authors.

use recto_domain::{AuditAction, Author, AuthorPatch};

use crate::context::Context;
use crate::crud;
use crate::error::Error;
use crate::extract::{Body, PathKey};
use crate::response::Rendered;

/// `PATCH /authors/{uid}`
pub(crate) async fn patch(
    ctx: Context,
    key: PathKey<Author>,
    body: Body<AuthorPatch>,
) -> Result<Rendered, Error> {
    crud::change_checked(ctx, key, body, |tx, author: &Author| {
        tx.audit_content::<Author>(AuditAction::ContentChanged, author.uid, None);
        Ok(())
    })
    .await
}
