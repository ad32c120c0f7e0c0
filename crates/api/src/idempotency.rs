//! Idempotency keys: a client that did not get a response sends its request again with the same
//! `Idempotency-Key`, and the change is made once.
//!
//! The draft of the header is draft-ietf-httpapi-idempotency-key-header.

use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage as _, HttpRequest};
use recto_persistence::identity::idempotency_key::IdempotencyKey;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::headers;
use crate::problem::{Problem, ProblemType};

/// The header with the key.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of a stored response that is sent again.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The maximum length of a key.
const MAX_CHARS: usize = 255;

/// The pattern of a valid header: a key, with or without quotes around it.
pub(crate) const PATTERN: &str = r#"^("[!-~]{1,255}"|[!#-~][!-~]{0,254}|"|"[!-~]{0,253}[!#-~])$"#;

/// The SHA-256 of a body, an extension of a request with a key.
#[derive(Debug, Clone, Copy)]
struct BodyHash([u8; 32]);

/// Returns whether a request may have a key: a POST or a PATCH outside of `/auth`.
fn accepts_key(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::POST | Method::PATCH)
        && !headers::is_private(request.match_info().as_str())
}

/// Stores the hash of a body, if the request has a key.
pub(crate) fn body_received(request: &HttpRequest, body: &[u8]) {
    if accepts_key(request) && request.headers().contains_key(IDEMPOTENCY_KEY) {
        request.extensions_mut().insert(BodyHash(Sha256::digest(body).into()));
    }
}

/// The header `Idempotency-Key` of a request.
#[derive(Debug, Clone)]
pub(crate) enum IdempotencyKeyHeader {
    Valid(IdempotencyKey),
    /// More than one key, or one that is empty, too long or not visible ASCII.
    Malformed,
}

impl IdempotencyKeyHeader {
    /// Returns the header, if a request has it and may have it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
        let value = values.next().filter(|_| accepts_key(request))?;
        let key = std::str::from_utf8(value.as_bytes()).ok().map(unquoted);
        let key = key.filter(|key| {
            (1..=MAX_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        });
        Some(match (key, values.next()) {
            (Some(key), None) => {
                Self::Valid(IdempotencyKey { key: key.to_owned(), request: fingerprint(request) })
            }
            _ => Self::Malformed,
        })
    }

    /// Returns the key.
    ///
    /// # Errors
    /// 400 if it is malformed.
    pub(crate) fn key(&self) -> Result<&IdempotencyKey, Error> {
        match self {
            Self::Valid(key) => Ok(key),
            Self::Malformed => {
                let detail = format!(
                    "Idempotency-Key must be one key of 1 to {MAX_CHARS} visible ASCII characters"
                );
                Err(Problem::new(ProblemType::MalformedRequest, detail).into())
            }
        }
    }
}

/// Returns a key without the quotes around it.
fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// Returns a hash of method, path, query and body.
fn fingerprint(request: &HttpRequest) -> [u8; 32] {
    let uri = request.uri();
    let mut hash = Sha256::new();
    for part in [request.method().as_str(), uri.path(), uri.query().unwrap_or_default()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    if let Some(BodyHash(body)) = request.extensions().get() {
        hash.update(body);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;
    use proptest::string::string_regex;

    use super::*;

    fn is_valid(header: &str) -> bool {
        let request = TestRequest::post().insert_header((IDEMPOTENCY_KEY, header));
        matches!(
            IdempotencyKeyHeader::of(&request.to_http_request()),
            Some(IdempotencyKeyHeader::Valid(_))
        )
    }

    proptest! {
        #[test]
        fn headers_of_the_pattern_are_valid(
            header in string_regex(PATTERN.trim_matches(['^', '$'])).unwrap()
        ) {
            prop_assert!(is_valid(&header), "{header}");
        }
    }

    #[test]
    fn only_enclosing_quotes_are_removed() {
        let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
        for valid in
            ["k", "\"k\"", "\"", "\"k", "k\"", "\"\"\"", &longest, &format!("\"{longest}\"")]
        {
            assert!(is_valid(valid), "{valid}");
        }
        for invalid in ["\"\"", "k k", "é", &too_long, &format!("\"{too_long}\"")] {
            assert!(!is_valid(invalid), "{invalid}");
        }
    }
}
