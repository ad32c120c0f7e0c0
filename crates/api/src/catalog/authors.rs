//! Changing authors.

use recto_domain::{AuditAction, Author, AuthorPatch};
use recto_persistence::write;

use crate::context::Context;
use crate::error::Error;
use crate::extract::{Body, PathKey};
use crate::response::{Item, Rendered};

/// `PATCH /authors/{uid}`
pub(crate) async fn patch(
    ctx: Context,
    key: PathKey<Author>,
    body: Body<AuthorPatch>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let author = tx.target::<Author>(key.0)?;
        let (patch, now) = (body.checked_for(&author)?, tx.now());
        tx.audit_content::<Author>(AuditAction::ContentChanged, author.uid, None);
        Ok(Item::alone(write::change(tx, author, patch, now)?))
    })
    .await
}
