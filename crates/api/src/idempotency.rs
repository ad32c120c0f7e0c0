//! Idempotency keys: a client that did not get an answer sends its request again with the same
//! `Idempotency-Key`, and the change is made once.
//!
//! The draft of the header is draft-ietf-httpapi-idempotency-key-header.

use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage as _, HttpRequest};
use recto_persistence as persistence;
use recto_persistence::Connection;
use recto_persistence::identity::idempotency_key::{self, Claim, Claimed, IdempotencyKey};
use sha2::{Digest as _, Sha256};

use crate::answer::Rendered;
use crate::context::WriteTransaction;
use crate::error::Error;
use crate::headers;
use crate::problem::{Problem, ProblemType};

/// The header with the key.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of a stored answer that is sent again.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The maximum length of a key.
const MAX_CHARS: usize = 255;

/// The SHA-256 of a body, an extension of a request with a key.
#[derive(Debug, Clone, Copy)]
struct BodyHash([u8; 32]);

/// Returns whether keys have a meaning in a request: a POST or a PATCH outside of `/auth`.
fn accepts_key(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::POST | Method::PATCH)
        && !headers::is_private(request.match_info().as_str())
}

/// Keeps the hash of a body, if the request has a key.
pub(crate) fn body_received(request: &HttpRequest, body: &[u8]) {
    if accepts_key(request) && request.headers().contains_key(IDEMPOTENCY_KEY) {
        request.extensions_mut().insert(BodyHash(Sha256::digest(body).into()));
    }
}

/// Returns the key of a request, if it has one that has a meaning.
///
/// # Errors
/// 400 for more than one key, and for one that is empty, too long or not visible ASCII.
pub(crate) fn key_of(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Error> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next().filter(|_| accepts_key(request)) else { return Ok(None) };
    let key = std::str::from_utf8(value.as_bytes()).ok().map(unquoted);
    let key = key.filter(|key| {
        (1..=MAX_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let (Some(key), None) = (key, values.next()) else {
        let detail =
            format!("Idempotency-Key must be one key of 1 to {MAX_CHARS} visible ASCII characters");
        return Err(Problem::new(ProblemType::MalformedRequest, detail).into());
    };
    Ok(Some(IdempotencyKey { key: key.to_owned(), request: fingerprint(request) }))
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

/// A claimed key, or the answer that is stored for it.
pub(crate) enum Claiming {
    Claimed(Claimed),
    Answered(Rendered),
}

/// Claims a key of the caller for the transaction.
///
/// # Errors
/// 409 if another request with the key does not end in time; 422 if the key was sent with another
/// request; a failing database.
pub(crate) fn claim(
    tx: &mut WriteTransaction<'_>,
    key: &IdempotencyKey,
) -> Result<Claiming, Error> {
    let (user, now) = (tx.caller()?.user_uid, tx.now());
    match idempotency_key::claim(tx, user, key, now) {
        Ok(Claim::New(claimed)) => Ok(Claiming::Claimed(claimed)),
        Ok(Claim::Answered(stored)) => Ok(Claiming::Answered(Rendered::replayed(stored))),
        Ok(Claim::OtherRequest) => Err(Problem::of(ProblemType::IdempotencyKeyReused).into()),
        Err(persistence::Error::Failure(persistence::Failure::TimedOut)) => {
            Err(Problem::of(ProblemType::RequestInProgress).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Stores the answer for a claimed key, in the same transaction.
///
/// # Errors
/// A failing database.
pub(crate) fn store(
    conn: &mut Connection,
    claimed: Claimed,
    key: &IdempotencyKey,
    answer: &Rendered,
) -> Result<(), Error> {
    Ok(idempotency_key::store(conn, claimed, key, &answer.to_stored())?)
}
