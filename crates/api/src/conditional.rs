//! Entity tags and conditional requests (RFC 9110, section 13).
//!
//! The entity tag of an item is `"VERSION.HASH"`: the version of the entity, and a hash of the
//! fields and relations that the response shows. `If-Match` compares the version alone, so that the
//! entity tag of any response about the entity can be sent with a change. `If-None-Match` compares
//! both.
//!
//! The hash is computed from the loaded entities, so that a response that the client has already is
//! not rendered. If the request has `fields`, it is computed from the body.

use std::fmt::Write as _;
use std::hash::Hasher as _;

use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use recto_relations::{Adjacency, AnyEntities, ContentHasher, Entity, Span, Version};
use twox_hash::XxHash3_64;

use crate::error::Error;
use crate::negotiation::Coding;
use crate::problem::{Problem, ProblemType};

/// Appends the version part of the entity tags of an entity: its version, and a checksum of its
/// key, so that an entity tag of another entity does not match.
fn push_version_part(tag: &mut String, entity: &str, key: &str, version: Version) {
    let seed = XxHash3_64::oneshot(entity.as_bytes());
    let checksum = XxHash3_64::oneshot_with_seed(seed, key.as_bytes());
    // Writing to a string cannot fail.
    let _ = write!(tag, "{version}-{checksum:016x}");
}

/// Returns the entity tag of a response with the item at `index`, from the hash of the response;
/// `None` if the item has no version.
pub(crate) fn tag_of_item(entities: &dyn AnyEntities, index: usize, hash: u64) -> Option<String> {
    let version = entities.version(index)?;
    let mut tag = String::with_capacity(64);
    tag.push('"');
    push_version_part(&mut tag, entities.info().name, &entities.key(index), version);
    let _ = write!(tag, ".{hash:016x}\"");
    Some(tag)
}

/// Returns the entity tag of a response that is not an item, from its hash.
pub(crate) fn tag_of_page(hash: u64) -> String {
    format!("\"{hash:016x}\"")
}

/// Returns the hash of a body.
pub(crate) fn hash_of_body(body: &[u8]) -> u64 {
    XxHash3_64::oneshot(body)
}

/// Returns the hash of the fields of the entity at `index`.
pub(crate) fn hash_of_fields(entities: &dyn AnyEntities, index: usize) -> u64 {
    let mut state = ContentHasher::new();
    entities.hash(index, &mut state);
    state.finish()
}

/// Feeds the entity at `index`, with all that was loaded with it, to a hasher.
pub(crate) fn hash_item(entities: &dyn AnyEntities, index: usize, state: &mut ContentHasher) {
    entities.hash(index, state);
    entities.hash_link(index, state);
    for counted in entities.counts() {
        state.write_u64(counted.numbers[index]);
    }
    for edge in entities.edges() {
        match edge.adjacency() {
            Adjacency::One(links) => {
                state.write_u8(links[index].is_some().into());
                if let Some(target) = links[index] {
                    hash_item(edge.target(), target as usize, state);
                }
            }
            Adjacency::Many(spans) => {
                let Span { start, end, more } = spans[index];
                state.write_u32(end - start);
                for child in start..end {
                    hash_item(edge.target(), child as usize, state);
                }
                state.write_u8(more.into());
            }
        }
    }
}

/// The entity that a request changes, as it was before.
#[derive(Debug, Clone)]
pub(crate) struct TargetResource {
    version: String,
}

impl TargetResource {
    /// Returns an entity as the target of a request; `None` if it has no versions.
    pub(crate) fn of<E: Entity>(entity: &E) -> Option<Self> {
        let mut version = String::with_capacity(32);
        push_version_part(&mut version, E::INFO.name, &entity.key().to_string(), entity.version()?);
        Some(Self { version })
    }

    /// Checks the header `If-Match` of a request.
    ///
    /// # Errors
    /// 412 if no entity tag has the version of the entity; 400 if the header is malformed.
    pub(crate) fn check(&self, condition: &IfMatch) -> Result<(), Error> {
        let Some(tags) = condition.tags()? else { return Ok(()) };
        let is_current = |tag: &EntityTag<'_>| {
            let version = tag.opaque.rsplit_once('.').map_or(tag.opaque, |(version, _)| version);
            !tag.weak && version == self.version
        };
        if tags.iter().any(is_current) {
            return Ok(());
        }
        Err(Problem::of(ProblemType::PreconditionFailed).into())
    }
}

/// The pattern of a list of at least one entity tag, or `*`.
pub(crate) const PATTERN: &str = r#"^(\*|[ ,]*(W/)?"[!#-~]*"( *,[ ,]*((W/)?"[!#-~]*")?)*)$"#;

/// The header `If-Match` of a request.
#[derive(Debug, Clone)]
pub(crate) struct IfMatch(String);

impl IfMatch {
    /// Returns the header, if the request has it and is a PATCH, PUT or DELETE.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let compares = matches!(*request.method(), Method::PATCH | Method::PUT | Method::DELETE);
        joined(request.headers(), header::IF_MATCH).filter(|_| compares).map(Self)
    }

    /// Returns the entity tags; `None` for `*`.
    fn tags(&self) -> Result<Option<Vec<EntityTag<'_>>>, Error> {
        if self.0.trim() == "*" {
            return Ok(None);
        }
        let malformed = || {
            let detail = "If-Match must be `*` or a list of entity tags, such as `\"3-9f2c41d0b7a85e36.0123456789abcdef\"`";
            Error::from(Problem::new(ProblemType::MalformedRequest, detail))
        };
        parse_tags(&self.0).filter(|tags| !tags.is_empty()).map(Some).ok_or_else(malformed)
    }
}

/// Returns the values of a header, joined by commas.
fn joined(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[derive(Debug, PartialEq, Eq)]
struct EntityTag<'h> {
    weak: bool,
    opaque: &'h str,
}

/// Parses a list of entity tags; `None` if it is malformed.
fn parse_tags(list: &str) -> Option<Vec<EntityTag<'_>>> {
    let mut tags = Vec::new();
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        // Empty elements are allowed (RFC 9110, section 5.6.1.2).
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_start();
            continue;
        }
        let weak = rest.strip_prefix("W/");
        let (opaque, next) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if opaque.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        tags.push(EntityTag { weak: weak.is_some(), opaque });
        rest = next.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(tags)
}

/// The header `If-None-Match` of a GET, and the coding of its response.
#[derive(Debug, Clone)]
pub(crate) struct IfNoneMatch {
    list: String,
    coding: Option<Coding>,
}

impl IfNoneMatch {
    /// Returns the header, if the request has it and is a GET or HEAD.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let list = joined(request.headers(), header::IF_NONE_MATCH)?;
        Some(Self { list, coding: Coding::preferred(request.headers()) })
    }

    /// Returns the entity tag of a response, with the coding that the client prefers, if the list
    /// contains it. `tag` is the entity tag without a coding.
    ///
    /// `*`, and responses too small to compress, are compared after rendering.
    pub(crate) fn find(&self, tag: String) -> Option<String> {
        let tag = match self.coding {
            Some(coding) => coding.tag(&tag),
            None => tag,
        };
        (self.list.trim() != "*" && is_listed(&tag, &self.list)).then_some(tag)
    }
}

/// Replaces the response to a GET by a 304 if the client has it already.
pub(crate) fn not_modified(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = response.request();
    let is_known = response.status() == StatusCode::OK
        && matches!(*request.method(), Method::GET | Method::HEAD)
        && response.headers().get(header::ETAG).is_some_and(|tag| is_known(request, tag));
    if !is_known {
        return response;
    }
    let (request, mut response) = response.into_parts();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION] {
        response.headers_mut().remove(name);
    }
    ServiceResponse::new(request, response.set_body(BoxBody::new(())))
}

/// Returns whether `If-None-Match` has an entity tag.
fn is_known(request: &HttpRequest, tag: &HeaderValue) -> bool {
    let list = joined(request.headers(), header::IF_NONE_MATCH);
    list.zip(tag.to_str().ok()).is_some_and(|(list, tag)| is_listed(tag, &list))
}

/// Returns whether a list is `*` or has an entity tag, compared weakly. A malformed list has none.
fn is_listed(tag: &str, list: &str) -> bool {
    if list == tag || list.trim() == "*" {
        return true;
    }
    let tag = tag.trim_matches('"');
    parse_tags(list).is_some_and(|tags| tags.iter().any(|listed| listed.opaque == tag))
}

#[cfg(test)]
mod tests {
    use actix_web::HttpResponse;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;
    use proptest::string::string_regex;
    use recto_domain::{NewId, Tag, TagName};

    use super::*;

    proptest! {
        #[test]
        fn lists_of_the_pattern_are_valid(
            list in string_regex(PATTERN.trim_matches(['^', '$'])).unwrap()
        ) {
            prop_assert!(IfMatch(list.clone()).tags().is_ok(), "{list}");
        }
    }

    fn tag(name: &str) -> Tag {
        Tag::new(NewId::new(0, [1; 10]), TagName::parse(name).unwrap())
    }

    #[test]
    fn tags_are_parsed() {
        let parsed = parse_tags(r#" "a" , W/"b",, "c,d""#).unwrap();
        let tag = |weak, opaque| EntityTag { weak, opaque };
        assert_eq!(parsed, [tag(false, "a"), tag(true, "b"), tag(false, "c,d")]);
        for malformed in ["a", "\"a", "\"a\" \"b\"", "w/\"a\"", "*, \"a\"", "\"a b\""] {
            assert_eq!(parse_tags(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn version_part_is_compared() {
        let mut sea = tag("sea");
        let target = TargetResource::of(&sea).unwrap();
        let version = target.version.clone();
        let check = |condition: &str| target.check(&IfMatch(condition.to_owned())).is_ok();
        assert!(
            check("*") && check(&format!("\"{version}.1\"")) && check(&format!("\"{version}\""))
        );
        assert!(check(&format!("\"x\", \"{version}.2\"")));
        assert!(!check(&format!("W/\"{version}.1\"")), "weak tags never match");
        assert!(!check("") && !check("\"1.1\"") && !check("1"));
        sea.version.advance();
        assert_ne!(TargetResource::of(&sea).unwrap().version, version);
    }

    #[test]
    fn known_response_is_not_sent() {
        let status = |known: &str| {
            let request = TestRequest::default().insert_header((header::IF_NONE_MATCH, known));
            let response = HttpResponse::Ok().insert_header((header::ETAG, "\"1.a\"")).body("x");
            not_modified(request.to_srv_request().into_response(response)).status().as_u16()
        };
        for known in ["\"1.a\"", "W/\"1.a\"", "*", "\"b\", \"1.a\""] {
            assert_eq!(status(known), 304, "{known}");
        }
        for unknown in ["\"1.b\"", "1.a", ""] {
            assert_eq!(status(unknown), 200, "{unknown}");
        }
    }
}
