//! Writing reviews.

use actix_web::HttpResponse;
use recto_domain::{Book, NewReview, Review, ReviewPatch, Role};
use recto_persistence::Connection;
use recto_persistence::catalog::{book, review};
use recto_relations::Entity as _;

use crate::extract::{All, Body, Caller, NoQuery, PageQuery, PathKey, no_such};
use crate::present::{self, Place};
use crate::problem::Problem;
use crate::state::Shared;

/// `GET /reviews`, for administrators alone.
pub(crate) async fn list(
    state: Shared,
    caller: Caller,
    query: PageQuery<Review, All>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { window, include, filter, related, binding, url } = query;
    let (page, window, include) = state
        .database
        .read(move |conn| {
            caller.admin(conn)?;
            let page = recto_persistence::page_where::<Review>(
                conn, &filter, &related, &window, &include,
            )?;
            Ok::<_, Problem>((page, window.clone(), include.clone()))
        })
        .await?;
    let place = Place { binding: &binding, sort: &window.sort, url: &url };
    present::page(&page, &include, &place, &|_| None)
}

/// `POST /books/{uid}/reviews`
pub(crate) async fn create(
    state: Shared,
    caller: Caller,
    key: PathKey<Book>,
    _: NoQuery,
    body: Body<NewReview>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let review = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            if !book::exists(conn, key.0)? {
                return Err(no_such(Book::INFO));
            }
            let review = Review::new(mint.stamp(), body.checked()?, account.user_uid, key.0);
            review::insert(conn, &review)?;
            Ok::<_, Problem>(review)
        })
        .await?;
    present::created(review)
}

/// `PATCH /reviews/{uid}`, by its author alone.
pub(crate) async fn patch(
    state: Shared,
    caller: Caller,
    key: PathKey<Review>,
    _: NoQuery,
    body: Body<ReviewPatch>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let review = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let mut review = lock(conn, &key)?;
            if review.user_uid != Some(account.user_uid) {
                return Err(Problem::forbidden("only its author may change a review"));
            }
            if review.apply(body.checked()?, mint.now()) {
                review::update(conn, &review)?;
            }
            Ok::<_, Problem>(review)
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
            let review = lock(conn, &key)?;
            if account.role != Role::Admin && review.user_uid != Some(account.user_uid) {
                let detail = "only its author or an administrator may delete a review";
                return Err(Problem::forbidden(detail));
            }
            review::delete(conn, review.uid)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(present::no_content())
}

fn lock(conn: &mut Connection, key: &PathKey<Review>) -> Result<Review, Problem> {
    review::lock(conn, key.0)?.ok_or_else(|| no_such(Review::INFO))
}
