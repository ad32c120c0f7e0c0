//! Request bodies: JSON and forms, of at most 1 MiB.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use recto_domain::{Input, Violations};

use crate::error::Error;
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
pub(crate) struct Body<T>(Result<T, Violations>);

impl<T: Clone> Body<T> {
    /// Returns the input.
    ///
    /// # Errors
    /// 422 with all violations.
    pub(crate) fn checked(&self) -> Result<T, Error> {
        self.0.clone().map_err(Error::from)
    }
}

impl<T: Input + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let accepted = expect_json(request);
        let payload = payload.take();
        Box::pin(async move {
            accepted?;
            let bytes = read(payload).await?;
            let value = serde_json::from_slice(&bytes)
                .map_err(|error| Problem::new(ProblemType::MalformedJson, not_json(&error)))?;
            Ok(Self(T::parse(&value)))
        })
    }
}

/// The form of the token endpoint.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: HashMap<String, String>,
    repeated: Option<String>,
}

impl Form {
    fn parse(bytes: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(bytes).into_owned() {
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
        let payload = payload.take();
        Box::pin(async move {
            if !is_form {
                let detail = "the body must be application/x-www-form-urlencoded";
                return Err(Problem::new(ProblemType::UnsupportedMediaType, detail).into());
            }
            let bytes = read(payload).await?;
            Ok(Self::parse(&bytes))
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
        other => format!("the body must be application/json, not {other}"),
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

async fn read(mut payload: Payload) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    let mut length = 0;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(
                ProblemType::MalformedRequest,
                format!("the body could not be read: {error}"),
            )
        })?;
        length += chunk.len();
        if length <= LIMIT {
            body.extend_from_slice(&chunk);
        } else if length > DRAINED {
            break;
        }
    }
    if length > LIMIT {
        return Err(Problem::new(
            ProblemType::TooLarge,
            "the body has more than 1 MiB (1,048,576 bytes)",
        )
        .into());
    }
    Ok(body.freeze())
}

fn not_json(error: &serde_json::Error) -> String {
    format!("the body is not JSON: {error}")
}
