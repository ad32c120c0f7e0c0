//! Keys in paths.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use recto_relations::{Entity, EntityInfo};

use crate::error::Error;
use crate::problem::Problem;

/// The key of an entity in a path, `/books/{uid}`. A malformed key gets the response of one that
/// does not exist.
#[derive(Debug)]
pub(crate) struct PathKey<E: Entity>(pub(crate) E::Key);

impl<E: Entity> FromRequest for PathKey<E> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request, E::INFO, E::INFO.key).map(Self))
    }
}

/// The id of something that is not an entity, `/auth/sessions/{id}`.
#[derive(Debug)]
pub(crate) struct PathId<K>(pub(crate) K);

impl<K: FromStr> FromRequest for PathId<K> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = request.match_info().get("id").and_then(|raw| raw.parse().ok());
        ready(key.map(Self).ok_or_else(|| Problem::not_found("item").into()))
    }
}

/// The two keys in a path, `/books/{uid}/tags/{tag_uid}`.
#[derive(Debug)]
pub(crate) struct PathKeys<A: Entity, B: Entity>(pub(crate) A::Key, pub(crate) B::Key);

impl<A: Entity, B: Entity> FromRequest for PathKeys<A, B> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let second = format!("{}_{}", B::INFO.name.to_lowercase(), B::INFO.key);
        ready(
            parse(request, A::INFO, A::INFO.key)
                .and_then(|first| Ok(Self(first, parse(request, B::INFO, &second)?))),
        )
    }
}

fn parse<K: FromStr>(request: &HttpRequest, of: &EntityInfo, name: &str) -> Result<K, Error> {
    let raw = request.match_info().get(name);
    raw.and_then(|raw| raw.parse().ok()).ok_or_else(|| Problem::no_such(of).into())
}
