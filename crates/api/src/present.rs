//! Loaded entities as JSON, with their relations, counts and the URLs of the rest.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use recto_persistence::Page;
use recto_persistence::identity::Listed;
use recto_relations::{
    Adjacency, AnyEntities, Edge, Entities, Entity, Include, KeysetPosition, Sort,
};

use crate::BASE_PATH;
use crate::cursor::{self, Binding};
use crate::extract::ListPlace;
use crate::paths;
use crate::problem::{Problem, ProblemType};

/// What stands beside an entity's own members, as a JSON object, for the
/// entities at the top: the account of a user.
pub(crate) type Beside<'a> = &'a dyn Fn(usize) -> Option<&'a [u8]>;

/// An item with what was loaded along.
pub(crate) fn item<E: Entity>(
    status: StatusCode,
    entities: &Entities<E>,
    include: &Include,
) -> Result<HttpResponse, Problem> {
    item_beside(status, entities, include, &|_| None)
}

/// An item that has something beside its own members.
pub(crate) fn item_beside<E: Entity>(
    status: StatusCode,
    entities: &Entities<E>,
    include: &Include,
    beside: Beside<'_>,
) -> Result<HttpResponse, Problem> {
    let mut out = Vec::with_capacity(1024);
    Writer { out: &mut out }.entity(entities, 0, include, beside(0))?;
    let mut response = json(status, out);
    if status == StatusCode::CREATED {
        let location = header::HeaderValue::try_from(item_path(entities, 0)).map_err(unwritable)?;
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A new entity, with where it is.
pub(crate) fn created<E: Entity>(entity: E) -> Result<HttpResponse, Problem> {
    item(StatusCode::CREATED, &Entities::new(vec![entity]), &Include::nothing())
}

/// An entity by itself.
pub(crate) fn entity<E: Entity>(entity: E) -> Result<HttpResponse, Problem> {
    item(StatusCode::OK, &Entities::new(vec![entity]), &Include::nothing())
}

/// An item that may be missing: `null` then.
pub(crate) fn optional<E: Entity>(
    entities: Option<&Entities<E>>,
    include: &Include,
) -> Result<HttpResponse, Problem> {
    match entities {
        Some(entities) => item(StatusCode::OK, entities, include),
        None => Ok(json(StatusCode::OK, b"null".to_vec())),
    }
}

/// Where a page is and how it was asked for, for the link to the next.
#[derive(Debug)]
pub(crate) struct PageLink<'a> {
    /// What its cursors are bound to.
    pub(crate) binding: &'a Binding,
    /// Its order.
    pub(crate) sort: &'a Sort,
    /// Its path and query without the cursor: `/api/v1/books?limit=20`.
    pub(crate) url: &'a str,
}

/// A page, with the link to the next.
pub(crate) fn page<E: Entity>(
    page: &Page<E>,
    include: &Include,
    place: &PageLink<'_>,
    beside: Beside<'_>,
) -> Result<HttpResponse, Problem> {
    let entities = &page.entities;
    let count = entities.as_slice().len();
    let mut out = Vec::with_capacity(64 + count * 512);
    out.extend_from_slice(b"{\"items\":[");
    let mut shown = 0;
    for index in 0..count {
        let end = out.len();
        if index > 0 {
            out.push(b',');
        }
        let written = Writer { out: &mut out }.entity(entities, index, include, beside(index));
        match written {
            Ok(()) => shown += 1,
            // What does not fit is on the next page, unless it does not fit on any.
            Err(Unwritten::TooMuch) if shown > 0 => {
                out.truncate(end);
                break;
            }
            Err(unwritten) => return Err(unwritten.into()),
        }
    }
    out.push(b']');
    let mut link = None;
    if shown > 0 && (page.more || shown < count) {
        let cursor = cursor::encode(place.binding, &position(entities, shown - 1, place.sort));
        link = Some(next_link(place.url, &cursor)?);
        out.extend_from_slice(b",\"next_cursor\":\"");
        out.extend_from_slice(cursor.as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
    let mut response = json(StatusCode::OK, out);
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// A page of what is listed by its key alone, with the link to the next.
pub(crate) fn listed<T: serde::Serialize, K: std::fmt::Display>(
    listed: &Listed<T>,
    key: impl Fn(&T) -> K,
    place: &ListPlace,
) -> Result<HttpResponse, Problem> {
    #[derive(serde::Serialize)]
    struct Body<'a, T> {
        items: &'a [T],
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<&'a str>,
    }
    let last = listed.items.last().filter(|_| listed.more);
    let cursor = last.map(|last| {
        let position = KeysetPosition { values: Vec::new(), key: key(last).to_string() };
        cursor::encode(&place.binding, &position)
    });
    let body = Body { items: &listed.items, next_cursor: cursor.as_deref() };
    let mut response = document(StatusCode::OK, &body)?;
    if let Some(cursor) = &cursor {
        response.headers_mut().insert(header::LINK, next_link(&place.url, cursor)?);
    }
    Ok(response)
}

/// Where the next page is (RFC 8288).
fn next_link(url: &str, cursor: &str) -> Result<header::HeaderValue, Problem> {
    let joint = if url.contains('?') { '&' } else { '?' };
    let link = format!("<{url}{joint}cursor={cursor}>; rel=\"next\"");
    header::HeaderValue::try_from(link).map_err(unwritable)
}

/// An answer that is no entity.
pub(crate) fn document(
    status: StatusCode,
    body: &impl serde::Serialize,
) -> Result<HttpResponse, Problem> {
    Ok(json(status, serde_json::to_vec(body).map_err(unwritable)?))
}

/// A response of JSON that is written already.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// Nothing to say.
pub(crate) fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// What cursors of a relation's own path are bound to.
pub(crate) fn relation_binding(path: &str, sort: &Sort) -> Binding {
    Binding::new(path, &[], sort)
}

fn position(entities: &dyn AnyEntities, index: usize, sort: &Sort) -> KeysetPosition<String> {
    KeysetPosition { values: entities.sort_values(index, sort), key: entities.key(index) }
}

fn item_path(entities: &dyn AnyEntities, index: usize) -> String {
    format!("{BASE_PATH}{}/{}", paths::collection(entities.info()), entities.key(index))
}

fn unwritable(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "an answer could not be written");
    Problem::new(ProblemType::Internal, ProblemType::Internal.meaning())
}

/// The most bytes an answer may have. Bounds on how many entities there are do not bound it, for
/// entities may be long, and the same one may be shown many times.
const MOST_BYTES: usize = 9_000_000;

/// Why an entity could not be written.
enum Unwritten {
    /// The answer would have more than [`MOST_BYTES`].
    TooMuch,
    Failed(serde_json::Error),
}

impl From<serde_json::Error> for Unwritten {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unwritten> for Problem {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::TooMuch => Self::new(
                ProblemType::InvalidParameter,
                "include: a single item would have more than 9 MB with these relations; ask for fewer of them, or with a smaller limit",
            ),
            Unwritten::Failed(error) => unwritable(error),
        }
    }
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    /// An entity's own members, what stands beside them, counts and relations.
    ///
    /// Its object is written by serde and then opened again: flattening would
    /// go through a map of values for every entity.
    fn entity(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        include: &Include,
        beside: Option<&[u8]>,
    ) -> Result<(), Unwritten> {
        entities.write_json(index, self.out)?;
        self.out.pop();
        if let Some([b'{', members @ .., b'}']) = beside {
            self.out.push(b',');
            self.out.extend_from_slice(members);
        }
        let end = self.out.len();
        if entities.write_link_json(index, self.out)? {
            // Its object goes on where the entity's left off.
            self.out[end] = b',';
            self.out.pop();
        }
        for counted in entities.counts() {
            self.member(counted.relation.name, "_count");
            self.out.extend_from_slice(counted.numbers[index].to_string().as_bytes());
        }
        for (edge, requested) in entities.edges().iter().zip(include.edges()) {
            self.edge(entities, index, edge, &requested.nested)?;
        }
        self.out.push(b'}');
        if self.out.len() > MOST_BYTES { Err(Unwritten::TooMuch) } else { Ok(()) }
    }

    fn edge(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        edge: &Edge,
        nested: &Include,
    ) -> Result<(), Unwritten> {
        let target = edge.target();
        self.member(edge.relation.name, "");
        match edge.adjacency() {
            Adjacency::One(links) => match links[index] {
                Some(one) => self.entity(target, one as usize, nested, None)?,
                None => self.out.extend_from_slice(b"null"),
            },
            Adjacency::Many(spans) => {
                let span = spans[index];
                self.out.push(b'[');
                for child in span.start..span.end {
                    if child > span.start {
                        self.out.push(b',');
                    }
                    self.entity(target, child as usize, nested, None)?;
                }
                self.out.push(b']');
                if span.more && span.end > span.start {
                    let last = position(target, span.end as usize - 1, &edge.sort);
                    self.rest(entities, index, edge, nested, &last);
                }
            }
        }
        Ok(())
    }

    /// `"reviews_next":"/api/v1/books/…/reviews?limit=20&cursor=…"`
    fn rest(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        edge: &Edge,
        nested: &Include,
        last: &KeysetPosition<String>,
    ) {
        let path = format!("{}/{}", item_path(entities, index), edge.relation.name);
        let binding = relation_binding(&path, &edge.sort);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &edge.limit.to_string());
        if edge.sort != Sort::along(edge.relation) {
            query.append_pair("sort", &edge.sort.to_string());
        }
        let include = nested.to_string();
        if !include.is_empty() {
            query.append_pair("include", &include);
        }
        let counts = count_paths(nested, "");
        if !counts.is_empty() {
            query.append_pair("count", &counts.join(","));
        }
        query.append_pair("cursor", &cursor::encode(&binding, last));
        self.member(edge.relation.name, "_next");
        self.out.push(b'"');
        self.out.extend_from_slice(path.as_bytes());
        self.out.push(b'?');
        self.out.extend_from_slice(query.finish().as_bytes());
        self.out.push(b'"');
    }

    fn member(&mut self, name: &str, suffix: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// What is counted, at every level, as `count` reads it.
fn count_paths(include: &Include, prefix: &str) -> Vec<String> {
    let here = include.counts().iter().map(|relation| format!("{prefix}{}", relation.name));
    let below = include.edges().iter().flat_map(|edge| {
        let prefix = format!("{prefix}{}.", edge.relation.name);
        count_paths(&edge.nested, &prefix)
    });
    here.chain(below).collect()
}
