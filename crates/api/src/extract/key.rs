//! Keys out of paths.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use recto_relations::{Entity, EntityInfo};

use crate::problem::{Problem, ProblemType};

/// The key in a path, `/books/{uid}`. A malformed one is no key of anything,
/// so it is answered like one that does not exist.
#[derive(Debug)]
pub(crate) struct PathKey<E: Entity>(pub(crate) E::Key);

impl<E: Entity> FromRequest for PathKey<E> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request, E::INFO, E::INFO.key).map(Self))
    }
}

/// The key of something that is no entity, `/auth/sessions/{id}`.
#[derive(Debug)]
pub(crate) struct Key<K>(pub(crate) K);

impl<K: FromStr> FromRequest for Key<K> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = request.match_info().get("id").and_then(|raw| raw.parse().ok());
        ready(key.map(Self).ok_or_else(|| Problem::not_found("item")))
    }
}

/// The two keys in a path, `/books/{uid}/tags/{tag_uid}`.
#[derive(Debug)]
pub(crate) struct Keys2<A: Entity, B: Entity>(pub(crate) A::Key, pub(crate) B::Key);

impl<A: Entity, B: Entity> FromRequest for Keys2<A, B> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let second = format!("{}_{}", B::INFO.name.to_lowercase(), B::INFO.key);
        ready(
            parse(request, A::INFO, A::INFO.key)
                .and_then(|first| Ok(Self(first, parse(request, B::INFO, &second)?))),
        )
    }
}

fn parse<K: FromStr>(request: &HttpRequest, of: &EntityInfo, name: &str) -> Result<K, Problem> {
    let raw = request.match_info().get(name);
    raw.and_then(|raw| raw.parse().ok()).ok_or_else(|| no_such(of))
}

/// There is no such entity.
pub(crate) fn no_such(of: &EntityInfo) -> Problem {
    Problem::new(ProblemType::NotFound, format!("there is no such {}", of.name.to_lowercase()))
}
