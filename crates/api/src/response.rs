//! The values that handlers return, and the responses that they become.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::BodyStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use futures_util::Stream;
use recto_persistence::identity::idempotency_key::StoredResponse;
use recto_relations::{ContentHasher, Entities, Entity, Include, KeysetPosition, PageStart, Paged};
use serde::Serialize;

use crate::conditional;
use crate::cursor;
use crate::error::Error;
use crate::fields::SelectedFields;
use crate::idempotency::IDEMPOTENCY_REPLAYED;
use crate::present::{self, Cursors, ExtraFields, PageLinks, PageOptions, Total};

/// A value that a handler returns: one to [`Render`], or a [`Download`].
pub(crate) trait Respond {
    /// Returns the response.
    ///
    /// # Errors
    /// As for [`Render::render`].
    fn respond(self) -> Result<HttpResponse, Error>;
}

impl<R: Render> Respond for R {
    fn respond(self) -> Result<HttpResponse, Error> {
        Ok(self.render()?.into())
    }
}

/// A value that is rendered as a whole before it is sent.
pub(crate) trait Render {
    /// Returns the entity tag of the response; `None` if it has none, or only the rendered body gives
    /// it.
    fn tag(&self) -> Option<String> {
        None
    }

    /// Returns the response.
    ///
    /// # Errors
    /// 400 for an item of more than 9 MB; a failing serialization.
    fn render(self) -> Result<Rendered, Error>;
}

/// A response, ready to be sent.
#[derive(Debug)]
pub(crate) struct Rendered {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON; `None` for a response without a body.
    body: Option<Vec<u8>>,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Rendered {
    /// Returns a response with a body of JSON.
    pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    /// Returns the response to a client that has the one with a tag.
    pub(crate) fn not_modified(tag: String) -> Self {
        Self::empty(StatusCode::NOT_MODIFIED).header(header::ETAG, tag)
    }

    fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    /// Returns a response that was stored for an idempotency key.
    pub(crate) fn replayed(stored: StoredResponse) -> Self {
        // Only statuses of responses are stored.
        let status = StatusCode::from_u16(stored.status).unwrap_or_default();
        let headers = [(header::LOCATION, stored.location), (header::ETAG, stored.etag)];
        let response = Self { body: stored.body, ..Self::empty(status) };
        let response = headers.into_iter().fold(response, |response, (name, value)| match value {
            Some(value) => response.header(name, value),
            None => response,
        });
        response.header(IDEMPOTENCY_REPLAYED, "true")
    }

    /// Returns the parts to store for an idempotency key.
    pub(crate) fn to_stored(&self) -> StoredResponse {
        let header = |name: HeaderName| {
            let value = &self.headers.iter().find(|(found, _)| *found == name)?.1;
            value.to_str().ok().map(str::to_owned)
        };
        StoredResponse {
            status: self.status.as_u16(),
            location: header(header::LOCATION),
            etag: header(header::ETAG),
            body: self.body.clone(),
        }
    }

    /// Adds an entity tag, if there is one.
    fn tagged(self, tag: Option<String>) -> Self {
        match tag {
            Some(tag) => self.header(header::ETAG, tag),
            None => self,
        }
    }

    /// Adds a header. The values are paths, cursors and constants of ASCII; one that is not a
    /// valid header would be left out.
    fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }
}

/// A value that is rendered already.
impl Render for Rendered {
    fn render(self) -> Result<Self, Error> {
        Ok(self)
    }
}

impl From<Rendered> for HttpResponse {
    fn from(rendered: Rendered) -> Self {
        let mut response = Self::build(rendered.status);
        for header in rendered.headers {
            response.append_header(header);
        }
        match rendered.body {
            Some(mut body) => {
                // The bytes under way are counted by length, not by capacity.
                body.shrink_to_fit();
                response.content_type(JSON).body(body)
            }
            None => response.finish(),
        }
    }
}

/// An entity with what was loaded with it.
#[derive(Debug)]
pub(crate) struct Item<E> {
    entities: Entities<E>,
    include: Arc<Include>,
    fields: Arc<SelectedFields>,
    extra: ExtraFields,
}

impl<E: Entity> Item<E> {
    /// Returns the only one of `entities`, loaded with `include`.
    pub(crate) fn new(entities: Entities<E>, include: Arc<Include>) -> Self {
        Self { entities, include, fields: Arc::default(), extra: ExtraFields::default() }
    }

    /// Shows some of its own fields.
    pub(crate) fn with_fields(self, fields: &Arc<SelectedFields>) -> Self {
        Self { fields: Arc::clone(fields), ..self }
    }

    /// Returns an entity without relations.
    pub(crate) fn alone(entity: E) -> Self {
        Self::new(Entities::new(vec![entity]), Arc::new(Include::nothing()))
    }

    /// Adds further fields.
    pub(crate) fn with_extra(self, extra: ExtraFields) -> Self {
        Self { extra, ..self }
    }

    /// Returns the loaded entity.
    pub(crate) fn entities(&self) -> &Entities<E> {
        &self.entities
    }
}

impl<E: Entity> Render for Item<E> {
    fn tag(&self) -> Option<String> {
        if !self.fields.is_all() {
            return None;
        }
        let mut state = ContentHasher::new();
        conditional::hash_item(&self.entities, 0, &mut state);
        self.extra.hash(0, &mut state);
        conditional::tag_of_item(&self.entities, 0, state.finish())
    }

    fn render(self) -> Result<Rendered, Error> {
        let body = present::item(&self.entities, (&self.include, &self.fields), &self.extra)?;
        let of_body =
            || conditional::tag_of_item(&self.entities, 0, conditional::hash_of_body(&body));
        let tag = self.tag().or_else(of_body);
        Ok(Rendered::json(StatusCode::OK, body).tagged(tag))
    }
}

/// A new entity: 201 with its path in `Location`.
#[derive(Debug)]
pub(crate) struct Created<E>(pub(crate) Item<E>);

impl<E: Entity> Render for Created<E> {
    fn render(self) -> Result<Rendered, Error> {
        let location = present::item_path(&self.0.entities, 0);
        let rendered = self.0.render()?;
        Ok(Rendered { status: StatusCode::CREATED, ..rendered }.header(header::LOCATION, location))
    }
}

/// An entity that may be missing: `null` then.
#[derive(Debug)]
pub(crate) struct OptionalItem<E>(pub(crate) Option<Item<E>>);

impl<E: Entity> OptionalItem<E> {
    /// Shows some of its own fields.
    pub(crate) fn with_fields(self, fields: &Arc<SelectedFields>) -> Self {
        Self(self.0.map(|item| item.with_fields(fields)))
    }
}

impl<E: Entity> Render for OptionalItem<E> {
    fn tag(&self) -> Option<String> {
        self.0.as_ref()?.tag()
    }

    fn render(self) -> Result<Rendered, Error> {
        match self.0 {
            Some(item) => item.render(),
            None => Ok(Rendered::json(StatusCode::OK, b"null".to_vec())),
        }
    }
}

/// A page of entities.
#[derive(Debug)]
pub(crate) struct Page<E: Entity> {
    loaded: recto_persistence::Page<E>,
    total: Option<Total>,
    options: Arc<PageOptions<E::Key>>,
    extra: ExtraFields,
}

impl<E: Entity> Page<E> {
    /// Returns a page with the options that it was asked by.
    pub(crate) fn new(
        loaded: recto_persistence::Page<E>,
        total: Option<Total>,
        options: Arc<PageOptions<E::Key>>,
    ) -> Self {
        Self { loaded, total, options, extra: ExtraFields::default() }
    }

    /// Adds further fields.
    pub(crate) fn with_extra(self, extra: ExtraFields) -> Self {
        Self { extra, ..self }
    }

    /// Returns the loaded entities.
    pub(crate) fn entities(&self) -> &Entities<E> {
        &self.loaded.entities
    }
}

impl<E: Entity> Render for Page<E> {
    fn tag(&self) -> Option<String> {
        let Self { loaded, total, options, extra } = self;
        if !options.fields.is_all() {
            return None;
        }
        let mut state = ContentHasher::new();
        for index in 0..loaded.entities.as_slice().len() {
            conditional::hash_item(&loaded.entities, index, &mut state);
            extra.hash(index, &mut state);
        }
        (loaded.has_previous, loaded.has_next, total).hash(&mut state);
        Some(conditional::tag_of_page(state.finish()))
    }

    fn render(self) -> Result<Rendered, Error> {
        let Self { loaded, total, options, extra } = &self;
        let (body, cursors) = present::page(loaded, *total, options, extra)?;
        let tag = self.tag().unwrap_or_else(|| tag_of_body(&body));
        let rendered = Rendered::json(StatusCode::OK, body).tagged(Some(tag));
        Ok(with_links(rendered, &options.links, cursors))
    }
}

/// A page of a list that is ordered by key alone.
#[derive(Debug)]
pub(crate) struct List<T> {
    items: Vec<T>,
    total: Option<Total>,
    cursors: Cursors,
    links: PageLinks,
}

impl<T> List<T> {
    /// Returns a page of a list.
    pub(crate) fn new<K: ToString>(
        paged: Paged<T>,
        total: Option<Total>,
        key: impl Fn(&T) -> K,
        links: PageLinks,
    ) -> Self {
        let Paged { items, has_previous, has_next } = paged;
        let position = |item: &T| KeysetPosition { values: Vec::new(), key: key(item).to_string() };
        let previous =
            items.first().map_or(PageStart::Last, |one| PageStart::Before(position(one)));
        let next = items.last().map_or(PageStart::First, |one| PageStart::After(position(one)));
        let cursor = |start| cursor::encode(&links.fingerprint, &start);
        let cursors = Cursors {
            previous: has_previous.then(|| cursor(previous)),
            next: has_next.then(|| cursor(next)),
        };
        Self { items, total, cursors, links }
    }
}

impl<T: Serialize> Render for List<T> {
    fn render(self) -> Result<Rendered, Error> {
        let mut body = b"{\"items\":".to_vec();
        body.extend(present::json(&self.items)?);
        self.cursors.write(self.total, &mut body);
        let tag = tag_of_body(&body);
        let rendered = Rendered::json(StatusCode::OK, body).tagged(Some(tag));
        Ok(with_links(rendered, &self.links, self.cursors))
    }
}

/// A JSON object that is no entity.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> Render for Json<T> {
    fn render(self) -> Result<Rendered, Error> {
        Ok(Rendered::json(StatusCode::OK, present::json(&self.0)?))
    }
}

/// A new object that is no entity: 201 with its path in `Location`.
#[derive(Debug)]
pub(crate) struct CreatedJson<T> {
    /// The object.
    pub(crate) value: T,
    /// Its path.
    pub(crate) location: String,
}

impl<T: Serialize> Render for CreatedJson<T> {
    fn render(self) -> Result<Rendered, Error> {
        let rendered = Rendered::json(StatusCode::CREATED, present::json(&self.value)?);
        Ok(rendered.header(header::LOCATION, self.location))
    }
}

/// A JSON object that is read while it is sent, and that browsers save as a file of that name.
#[derive(Debug)]
pub(crate) struct Download<S> {
    /// The parts of the object. An error breaks the response off, so that the client notices.
    pub(crate) parts: S,
    /// The name of the file.
    pub(crate) file_name: &'static str,
}

impl<S: Stream<Item = Result<Bytes, std::io::Error>> + 'static> Respond for Download<S> {
    fn respond(self) -> Result<HttpResponse, Error> {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        Ok(HttpResponse::Ok()
            .content_type(JSON)
            .insert_header((header::CONTENT_DISPOSITION, disposition))
            .body(BodyStream::new(self.parts)))
    }
}

/// JSON that is the same for all requests, with its tag.
#[derive(Debug)]
pub(crate) struct StaticJson {
    body: Vec<u8>,
    tag: String,
}

impl StaticJson {
    /// Returns JSON that is written already.
    pub(crate) fn new(json: String) -> Self {
        let body = json.into_bytes();
        Self { tag: tag_of_body(&body), body }
    }
}

impl Render for &'static StaticJson {
    fn tag(&self) -> Option<String> {
        Some(self.tag.clone())
    }

    fn render(self) -> Result<Rendered, Error> {
        Ok(Rendered::json(StatusCode::OK, self.body.clone()).tagged(Some(self.tag.clone())))
    }
}

/// 204.
#[derive(Debug)]
pub(crate) struct NoContent;

impl Render for NoContent {
    fn render(self) -> Result<Rendered, Error> {
        Ok(Rendered::empty(StatusCode::NO_CONTENT))
    }
}

/// 202.
#[derive(Debug)]
pub(crate) struct Accepted;

impl Render for Accepted {
    fn render(self) -> Result<Rendered, Error> {
        Ok(Rendered::empty(StatusCode::ACCEPTED))
    }
}

fn tag_of_body(body: &[u8]) -> String {
    conditional::tag_of_page(conditional::hash_of_body(body))
}

/// Adds the `Link` header (RFC 8288) of a page, if there are others.
fn with_links(rendered: Rendered, links: &PageLinks, cursors: Cursors) -> Rendered {
    let joint = if links.url.contains('?') { '&' } else { '?' };
    let link = |(cursor, relation): (Option<String>, &str)| {
        Some(format!("<{}{joint}cursor={}>; rel=\"{relation}\"", links.url, cursor?))
    };
    let all = [(cursors.previous, "prev"), (cursors.next, "next")];
    let all: Vec<_> = all.into_iter().filter_map(link).collect();
    if all.is_empty() { rendered } else { rendered.header(header::LINK, all.join(", ")) }
}
