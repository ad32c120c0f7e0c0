//! The values that handlers return, and the responses that they become.

mod entities;

use actix_web::HttpResponse;
use actix_web::body::BodyStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use futures_util::Stream;
use recto_persistence::identity::idempotency_key::StoredResponse;
use serde::Serialize;

pub(crate) use self::entities::{Created, Item, List, OptionalItem, Page};
use crate::conditional;
use crate::error::Error;
use crate::idempotency::IDEMPOTENCY_REPLAYED;
use crate::present;

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
    /// Returns the entity tag of the response; `None` if it has none, or if it is a hash of the
    /// rendered body.
    fn tag(&self) -> Option<String> {
        None
    }

    /// Returns the response.
    ///
    /// # Errors
    /// 400 for an item of more than 9 MB; a serialization error.
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

    /// Returns the response to a client that has the response with this entity tag.
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

/// A JSON object that is not an entity.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> Render for Json<T> {
    fn render(self) -> Result<Rendered, Error> {
        Ok(Rendered::json(StatusCode::OK, present::json(&self.0)?))
    }
}

/// A new object that is not an entity: 201 with its path in `Location`.
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

/// JSON that is the same for all requests, with its entity tag.
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

#[derive(Debug)]
pub(crate) struct NoContent;

impl Render for NoContent {
    fn render(self) -> Result<Rendered, Error> {
        Ok(Rendered::empty(StatusCode::NO_CONTENT))
    }
}

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
