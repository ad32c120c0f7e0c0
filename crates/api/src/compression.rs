//! Compression of responses by `Accept-Encoding`.
//!
//! The coding is selected before the response to a conditional request, since each coding of a
//! response has an entity tag of its own; the body is compressed after that, and only if it is
//! sent.

use std::io::{self, Write as _};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::connection::OutgoingBody;
use crate::headers;
use crate::negotiation::Coding;

/// The size of the smallest body that is compressed.
const SMALLEST: usize = 1 << 10;

/// The size from which a body is compressed on a thread for blocking work, so that other requests
/// of the same thread do not wait.
const LARGE: usize = 64 << 10;

/// The levels, by time and size of pages of books (decision 31).
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;

/// Selects the coding of a response, which becomes a part of its entity tag. If the response could
/// have one, `Vary` is set.
pub(crate) fn select_coding(response: &mut ServiceResponse<impl MessageBody>) -> Option<Coding> {
    if headers::is_private(response.request().match_info().as_str()) {
        return None;
    }
    let vary = HeaderValue::from_static("Accept-Encoding");
    if response.status() == StatusCode::NOT_MODIFIED {
        headers::add_vary(response.headers_mut(), vary);
        return None;
    }
    let BodySize::Sized(size) = response.response().body().size() else { return None };
    let headers = response.headers();
    let is_encoded = headers.contains_key(header::CONTENT_ENCODING);
    if is_encoded || !headers.get(header::CONTENT_TYPE).is_some_and(is_text) {
        return None;
    }
    headers::add_vary(response.headers_mut(), vary);
    if size < SMALLEST as u64 {
        return None;
    }
    let coding = Coding::preferred(response.request().headers())?;
    let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    if let Some(Ok(tag)) = tag.map(|tag| coding.tag(tag).try_into()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Some(coding)
}

/// Compresses the body of a response, unless it is small or produced while it is sent.
pub(crate) async fn compress(
    mut response: ServiceResponse<OutgoingBody>,
    coding: Coding,
) -> ServiceResponse<OutgoingBody> {
    let body = response.response().body().whole().cloned();
    let compressed = match body {
        None => return response,
        // It was replaced by a 304 or a problem.
        Some(body) if body.len() < SMALLEST => return response,
        Some(body) if body.len() < LARGE => encode(&body, coding),
        Some(body) => web::block(move || encode(&body, coding))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error))),
    };
    let Ok(compressed) = compressed else {
        // There is no memory or no thread for it. The body is sent as it is, without an entity
        // tag.
        response.headers_mut().remove(header::ETAG);
        return response;
    };
    response.map_body(|head, mut body| {
        let coding = HeaderValue::from_static(coding.name());
        head.headers_mut().insert(header::CONTENT_ENCODING, coding);
        body.replace(compressed.into());
        body
    })
}

fn encode(body: &[u8], coding: Coding) -> io::Result<Vec<u8>> {
    let mut compressed = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
            encoder.write_all(body)?;
            encoder.finish()?
        }
        Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL)?,
    };
    // Memory is reserved by length, not by capacity.
    compressed.shrink_to_fit();
    Ok(compressed)
}

/// Returns whether a media type is text that can be compressed well.
fn is_text(content_type: &HeaderValue) -> bool {
    let media_type =
        content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let ends = ["json", "xml", "javascript", "yaml", "openmetrics-text"];
    media_type.starts_with("text/") || ends.iter().any(|end| media_type.ends_with(end))
}
