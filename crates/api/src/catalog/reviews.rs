//! Writing reviews.

use actix_web::HttpResponse;
use recto_domain::{Review, ReviewPatch, Role};
use recto_persistence::write;

use crate::extract::{All, Body, Caller, NoQuery, PageQuery, PathKey};
use crate::present::{self, PageLink};
use crate::problem::Problem;
use crate::state::Shared;
use crate::write::lock;

/// `GET /reviews`, for administrators alone.
pub(crate) async fn list(
    state: Shared,
    caller: Caller,
    query: PageQuery<Review, All>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { page_request, include, filter, related, binding, url } = query;
    let (page, page_request, include) = state
        .database
        .read(move |conn| {
            caller.admin(conn)?;
            let page = conn.page::<Review>(&filter, &related, &page_request, &include)?;
            Ok::<_, Problem>((page, page_request.clone(), include.clone()))
        })
        .await?;
    let place = PageLink { binding: &binding, sort: &page_request.sort, url: &url };
    present::page(&page, &include, &place, &|_| None)
}

/// `PATCH /reviews/{uid}`, by its author alone.
pub(crate) async fn patch(
    state: Shared,
    caller: Caller,
    key: PathKey<Review>,
    _: NoQuery,
    body: Body<ReviewPatch>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let review = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let review = lock::<Review>(conn, key.0)?;
            if review.user_uid != Some(account.user_uid) {
                return Err(Problem::forbidden("only its author may change a review"));
            }
            Ok::<_, Problem>(write::change(conn, review, body.checked()?, ids.now())?)
        })
        .await?;
    present::entity(review)
}

/// `DELETE /reviews/{uid}`, by its author or an administrator.
pub(crate) async fn delete(
    state: Shared,
    caller: Caller,
    key: PathKey<Review>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let review = lock::<Review>(conn, key.0)?;
            if account.role != Role::Admin && review.user_uid != Some(account.user_uid) {
                let detail = "only its author or an administrator may delete a review";
                return Err(Problem::forbidden(detail));
            }
            conn.delete::<Review>(review.uid)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(present::no_content())
}
