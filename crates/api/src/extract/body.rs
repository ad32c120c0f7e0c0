//! Request bodies: JSON and forms, of at most 1 MiB.
//!
//! A body has a deadline together with its head, and all bodies under way share a budget of memory;
//! [`crate::connection`] has both.

use std::collections::HashMap;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::{Method, header};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use recto_domain::{Input, Violations};
use recto_relations::excerpt;
use serde::Serialize;
use serde_json::{Map, Value};

use super::json_size::{JsonSize, MAX_VALUES};

use crate::connection::{ConnectionState, Refusal, ReservedBytes, UNCOUNTED};
use crate::error::{Error, Failure};
use crate::idempotency;
use crate::problem::{Problem, ProblemType};

/// The maximum size of a body in bytes.
const LIMIT: usize = 1 << 20;

/// The bytes that are read of a body that is too large, so that the client can read the response.
const DRAINED: usize = 32 << 20;

/// A JSON body, parsed as `T`.
///
/// [`checked`](Self::checked) returns the violations of rules, so that a caller without access gets
/// 403 and not 422.
#[derive(Debug)]
pub(crate) struct Body<T> {
    parsed: Result<T, InvalidBody>,
    /// The memory of the input, which is about as large as the text, or of the fields of a patch.
    _memory: Option<ReservedBytes>,
}

/// A body that breaks rules.
#[derive(Debug)]
struct InvalidBody {
    violations: Violations,
    /// The fields of a merge patch.
    patch: Option<Map<String, Value>>,
}

impl<T: Clone> Body<T> {
    /// Returns the input.
    ///
    /// # Errors
    /// 422 with all violations.
    pub(crate) fn checked(&self) -> Result<T, Error> {
        match &self.parsed {
            Ok(input) => Ok(input.clone()),
            Err(invalid) => Err(invalid.violations.clone().into()),
        }
    }
}

impl<T: Clone + Input> Body<T> {
    /// Returns the input, a merge patch of an entity. A value that the entity has already is not
    /// checked again, because rules may be newer than the value.
    ///
    /// # Errors
    /// 422 with all violations.
    pub(crate) fn checked_for(&self, entity: &impl Serialize) -> Result<T, Error> {
        let Err(InvalidBody { violations, patch: Some(patch) }) = &self.parsed else {
            return self.checked();
        };
        let broken = violations.as_slice().iter().filter(|violation| !violation.is_unknown_field());
        let broken: Vec<_> = broken.filter_map(|one| one.pointer.strip_prefix('/')).collect();
        let current = serde_json::to_value(entity).map_err(Failure::from)?;
        let is_kept = |name: &String, value: &Value| {
            !broken.contains(&name.as_str()) || current.get(name) != Some(value)
        };
        let mut changes = patch.clone();
        changes.retain(|name, value| is_kept(name, value));
        Ok(T::parse(&Value::Object(changes))?)
    }
}

impl<T: Input + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let accepted = expect_json(request);
        let (mut body, request) = (Incoming::new(request, payload), request.clone());
        Box::pin(async move {
            accepted?;
            let Received { bytes, mut memory } = body.read().await?;
            idempotency::body_received(&request, &bytes);
            let size = JsonSize::of(&bytes);
            if !size.is_allowed() {
                let detail = format!("the body has more than {MAX_VALUES} JSON values");
                return Err(Problem::new(ProblemType::TooLarge, detail).into());
            }
            let value = serde_json::from_slice(&bytes)
                .map_err(|error| Problem::new(ProblemType::MalformedJson, not_json(&error)))?;
            let parsed = T::parse(&value).map_err(|violations| match value {
                Value::Object(fields) if request.method() == Method::PATCH => {
                    InvalidBody { violations, patch: Some(fields) }
                }
                _ => InvalidBody { violations, patch: None },
            });
            if matches!(&parsed, Err(InvalidBody { patch: Some(_), .. })) {
                body.reserve(&mut memory, bytes.len() + size.bytes())?;
            }
            Ok(Self { parsed, _memory: memory })
        })
    }
}

/// The form of the token endpoint.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: HashMap<String, String>,
    repeated: Option<String>,
    /// The memory of the body.
    _memory: Option<ReservedBytes>,
}

impl Form {
    fn parse(body: Received) -> Self {
        let mut form = Self { _memory: body.memory, ..Self::default() };
        for (name, value) in form_urlencoded::parse(&body.bytes).into_owned() {
            if form.fields.insert(name.clone(), value).is_some() {
                form.repeated = Some(name);
            }
        }
        form
    }

    /// Returns the value of a field, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the name of a repeated field.
    pub(crate) fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }
}

impl FromRequest for Form {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = media_type(request) == "application/x-www-form-urlencoded";
        let mut body = Incoming::new(request, payload);
        Box::pin(async move {
            if !is_form {
                let detail = "the body must be application/x-www-form-urlencoded";
                return Err(Problem::new(ProblemType::UnsupportedMediaType, detail).into());
            }
            Ok(Self::parse(body.read().await?))
        })
    }
}

fn expect_json(request: &HttpRequest) -> Result<(), Error> {
    let media_type = media_type(request);
    let patch = request.method() == Method::PATCH && media_type == "application/merge-patch+json";
    if media_type == "application/json" || patch {
        return expect_plain_utf8(request);
    }
    let detail = match media_type.as_str() {
        "" => "the body must be application/json, but no Content-Type was sent".to_owned(),
        other => format!("the body must be application/json, not {}", excerpt(other)),
    };
    Err(Problem::new(ProblemType::UnsupportedMediaType, detail).into())
}

/// Checks that the body is UTF-8, as JSON is (RFC 8259 section 8.1), and has no content coding.
fn expect_plain_utf8(request: &HttpRequest) -> Result<(), Error> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let content_type = header(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let charset = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    let unsupported = |detail| Err(Problem::new(ProblemType::UnsupportedMediaType, detail).into());
    if charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return unsupported("the body must be in UTF-8");
    }
    if header(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return unsupported("the body must be sent without a content coding");
    }
    Ok(())
}

/// Returns the media type without parameters in lower case, or nothing.
fn media_type(request: &HttpRequest) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The body of a request that is being received.
struct Incoming {
    payload: Payload,
    connection: Option<Rc<ConnectionState>>,
}

/// The body of a request.
struct Received {
    bytes: Vec<u8>,
    /// The memory of `bytes`, unless they are few.
    memory: Option<ReservedBytes>,
}

impl Incoming {
    fn new(request: &HttpRequest, payload: &mut Payload) -> Self {
        Self { payload: payload.take(), connection: ConnectionState::of(request).cloned() }
    }

    /// Receives the whole body.
    ///
    /// # Errors
    /// 400 if it is not complete, 408 if it is late, 413 if it is too large, 503 if the bodies of
    /// all requests hold too much memory.
    async fn read(&mut self) -> Result<Received, Error> {
        let mut body = Received { bytes: Vec::new(), memory: None };
        let mut length = 0;
        while let Some(chunk) = self.next().await {
            let chunk = chunk?;
            length += chunk.len();
            if length <= LIMIT {
                self.append(&mut body, &chunk)?;
            } else if length > DRAINED {
                break;
            }
        }
        if length > LIMIT {
            let detail = "the body has more than 1 MiB (1,048,576 bytes)";
            return Err(Problem::new(ProblemType::TooLarge, detail).into());
        }
        if let Some(connection) = &self.connection {
            connection.body_received();
        }
        Ok(body)
    }

    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| match self.payload.poll_next_unpin(cx) {
            // The stream wakes this task when the deadline has passed.
            Poll::Pending if self.connection.as_ref().is_some_and(|one| one.is_late()) => {
                Poll::Ready(Some(Err(Problem::of(ProblemType::RequestTimeout).into())))
            }
            polled => polled
                .map(|chunk| chunk.map(|chunk| chunk.map_err(|error| not_readable(&error).into()))),
        })
        .await
    }

    fn append(&self, body: &mut Received, chunk: &[u8]) -> Result<(), Error> {
        let length = body.bytes.len() + chunk.len();
        if length > body.bytes.capacity() {
            let capacity = length.next_power_of_two().min(LIMIT);
            self.reserve(&mut body.memory, capacity)?;
            body.bytes.reserve_exact(capacity - body.bytes.len());
        }
        body.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Grows a reservation to a number of bytes, unless they are few.
    fn reserve(&self, memory: &mut Option<ReservedBytes>, bytes: usize) -> Result<(), Error> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if bytes <= UNCOUNTED {
            return Ok(());
        }
        let connections = connection.connections();
        if memory.get_or_insert_with(|| connections.request_body()).grow_to(bytes) {
            return Ok(());
        }
        connections.refuse(Refusal::RequestBodies);
        Err(Failure::TooManyBodies.into())
    }
}

/// The texts of actix-web's errors are for its log.
fn not_readable(error: &PayloadError) -> Problem {
    let detail = match error {
        PayloadError::Incomplete(_) => "the body is incomplete",
        _ => "the body is not valid HTTP",
    };
    Problem::new(ProblemType::MalformedRequest, detail)
}

fn not_json(error: &serde_json::Error) -> String {
    format!("the body is not JSON: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_body_has_plain_detail() {
        let problem = not_readable(&PayloadError::Incomplete(None));
        assert_eq!(problem.detail(), "the body is incomplete");
    }
}
