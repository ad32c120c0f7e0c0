//! Writing tags.

use actix_web::HttpResponse;
use recto_domain::{NewTag, Tag};
use recto_persistence::catalog::tag;
use recto_relations::Entity as _;

use crate::extract::{Body, Caller, NoQuery, PathKey, no_such};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// `POST /tags`
pub(crate) async fn create(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<NewTag>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let tag = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            let tag = Tag::new(mint.stamp(), body.checked()?.name);
            tag::insert(conn, &tag)?;
            Ok::<_, Problem>(tag)
        })
        .await?;
    present::created(tag)
}

/// `PUT /tags/{uid}`
pub(crate) async fn rename(
    state: Shared,
    caller: Caller,
    key: PathKey<Tag>,
    _: NoQuery,
    body: Body<NewTag>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let tag = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            let mut tag = tag::lock(conn, key.0)?.ok_or_else(|| no_such(Tag::INFO))?;
            if tag.rename(body.checked()?.name, mint.now()) {
                tag::update(conn, &tag)?;
            }
            Ok::<_, Problem>(tag)
        })
        .await?;
    present::entity(tag)
}

/// `DELETE /tags/{uid}`, by an administrator.
pub(crate) async fn delete(
    state: Shared,
    caller: Caller,
    key: PathKey<Tag>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            caller.admin(conn)?;
            let deleted = tag::delete(conn, key.0)?;
            deleted.then_some(()).ok_or_else(|| no_such(Tag::INFO))
        })
        .await?;
    Ok(present::no_content())
}
