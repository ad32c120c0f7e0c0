//! Creating and renaming tags, which remember their creator.

use recto_domain::{AuditAction, Create as _, NewTag, Tag};
use recto_identity::access::may;
use recto_persistence::catalog::tag;
use recto_persistence::write;

use crate::context::Context;
use crate::error::Error;
use crate::extract::{Body, PathKey};
use crate::response::{Created, Item, Rendered};

/// `POST /tags`
pub(crate) async fn create(ctx: Context, body: Body<NewTag>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let new = Tag::create(tx.new_id(), body.checked()?, (), tx.caller()?.user_uid);
        let (conn, creator) = tx.with_creator()?;
        let tag = tag::create(conn, new, &creator)?;
        tx.check_creator(&creator)?;
        Ok(Created(Item::alone(tag)))
    })
    .await
}

/// `PUT /tags/{uid}`
pub(crate) async fn rename(
    ctx: Context,
    key: PathKey<Tag>,
    body: Body<NewTag>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let tag = tx.target::<Tag>(key.0)?;
        let creator = tag::creator(tx, tag.uid)?;
        may::rename_tag(tx.caller()?, creator)?;
        tx.audit_content::<Tag>(AuditAction::ContentChanged, tag.uid, creator);
        let now = tx.now();
        Ok(Item::alone(write::change(tx, tag, body.checked()?, now)?))
    })
    .await
}
