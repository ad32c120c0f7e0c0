//! The reading operations, once for all entities and relations.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use recto_persistence::{MappedMany, MappedOne, Stored, find, related, related_one};

use crate::extract::{All, Filtered, ItemQuery, OfParent, PageQuery, PathKey, no_such};
use crate::present::{self, Place};
use crate::problem::Problem;
use crate::state::Shared;

/// `GET /books/{uid}`
pub(crate) async fn item<E: Stored>(
    state: Shared,
    key: PathKey<E>,
    query: ItemQuery<E>,
) -> Result<HttpResponse, Problem> {
    let ItemQuery { include, .. } = query;
    let (level, include) = state
        .database
        .read(move |conn| {
            let level = find::<E>(conn, key.0, &include)?.ok_or_else(|| no_such(E::INFO))?;
            Ok::<_, Problem>((level, include.clone()))
        })
        .await?;
    present::item(StatusCode::OK, &level, &include)
}

/// `GET /books`
pub(crate) async fn page<E: Filtered>(
    state: Shared,
    query: PageQuery<E, All>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { window, include, filter, binding, url } = query;
    let (page, window, include) = state
        .database
        .read(move |conn| {
            let page = recto_persistence::page::<E>(conn, &filter, &window, &include)?;
            Ok::<_, Problem>((page, window.clone(), include.clone()))
        })
        .await?;
    let place = Place { binding: &binding, sort: &window.sort, url: &url };
    present::page(&page, &include, &place, &|_| None)
}

/// `GET /books/{uid}/reviews`
pub(crate) async fn many<R: MappedMany>(
    state: Shared,
    parent: PathKey<R::From>,
    query: PageQuery<R::To, OfParent<R>>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { window, include, binding, url, .. } = query;
    let (page, window, include) = state
        .database
        .read(move |conn| {
            let page = related::<R>(conn, parent.0, &window, &include)?
                .ok_or_else(|| no_such(R::INFO.from))?;
            Ok::<_, Problem>((page, window.clone(), include.clone()))
        })
        .await?;
    let place = Place { binding: &binding, sort: &window.sort, url: &url };
    present::page(&page, &include, &place, &|_| None)
}

/// `GET /books/{uid}/user`
pub(crate) async fn one<R>(
    state: Shared,
    child: PathKey<R::From>,
    query: ItemQuery<R::To>,
) -> Result<HttpResponse, Problem>
where
    R: MappedOne,
{
    let ItemQuery { include, .. } = query;
    let (level, include) = state
        .database
        .read(move |conn| {
            let level =
                related_one::<R>(conn, child.0, &include)?.ok_or_else(|| no_such(R::INFO.from))?;
            Ok::<_, Problem>((level, include.clone()))
        })
        .await?;
    present::optional(level.as_ref(), &include)
}
