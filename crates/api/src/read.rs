//! The reading operations, once for all entities and relations.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use recto_persistence::{MappedMany, MappedOne, Recto, Stored};

use crate::extract::{All, Filtered, ItemQuery, OfParent, PageQuery, PathKey, no_such};
use crate::present::{self, PageLink};
use crate::problem::Problem;
use crate::state::Shared;

/// `GET /books/{uid}`
pub(crate) async fn item<E: Stored<Recto>>(
    state: Shared,
    key: PathKey<E>,
    query: ItemQuery<E>,
) -> Result<HttpResponse, Problem> {
    let ItemQuery { include, .. } = query;
    let (entities, include) = state
        .database
        .read(move |conn| {
            let entities = conn.find::<E>(key.0, &include)?.ok_or_else(|| no_such(E::INFO))?;
            Ok::<_, Problem>((entities, include.clone()))
        })
        .await?;
    present::item(StatusCode::OK, &entities, &include)
}

/// `GET /books`
pub(crate) async fn page<E: Filtered>(
    state: Shared,
    query: PageQuery<E, All>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { page_request, include, filter, related, binding, url } = query;
    let (page, page_request, include) = state
        .database
        .read(move |conn| {
            let page = conn.page::<E>(&filter, &related, &page_request, &include)?;
            Ok::<_, Problem>((page, page_request.clone(), include.clone()))
        })
        .await?;
    let place = PageLink { binding: &binding, sort: &page_request.sort, url: &url };
    present::page(&page, &include, &place, &|_| None)
}

/// `GET /books/{uid}/reviews`
pub(crate) async fn many<R: MappedMany<Recto>>(
    state: Shared,
    parent: PathKey<R::From>,
    query: PageQuery<R::To, OfParent<R>>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { page_request, include, binding, url, .. } = query;
    let (page, page_request, include) = state
        .database
        .read(move |conn| {
            let page = conn
                .related::<R>(parent.0, &page_request, &include)?
                .ok_or_else(|| no_such(R::INFO.from))?;
            Ok::<_, Problem>((page, page_request.clone(), include.clone()))
        })
        .await?;
    let place = PageLink { binding: &binding, sort: &page_request.sort, url: &url };
    present::page(&page, &include, &place, &|_| None)
}

/// `GET /books/{uid}/user`
pub(crate) async fn one<R: MappedOne<Recto>>(
    state: Shared,
    child: PathKey<R::From>,
    query: ItemQuery<R::To>,
) -> Result<HttpResponse, Problem> {
    let ItemQuery { include, .. } = query;
    let (entities, include) = state
        .database
        .read(move |conn| {
            let entities =
                conn.related_one::<R>(child.0, &include)?.ok_or_else(|| no_such(R::INFO.from))?;
            Ok::<_, Problem>((entities, include.clone()))
        })
        .await?;
    present::optional(entities.as_ref(), &include)
}
