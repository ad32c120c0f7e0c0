//! Cross-origin requests (CORS): which pages of other origins may call the API from a browser.
//!
//! Credentials of browsers are never allowed, since the API uses none: a token is sent by the page.

use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};

use crate::headers;
use crate::state::SharedState;

/// The request headers that a page may send in addition to those that every page may.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id",
);

/// The response headers that a page may read in addition to those that every page may.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Allow, Content-Disposition, ETag, Idempotency-Replayed, Link, Location, RateLimit, \
     RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
);

/// The seconds for which a browser may remember the response to a preflight request: the maximum of
/// Chromium.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Allows a page of another origin to read a response, errors included, and responds to its
/// preflight request with the methods of the path, which are in `Allow`.
pub(crate) fn write_headers<B>(response: &mut ServiceResponse<B>) {
    let request = response.request().clone();
    let Some(state) = request.app_data::<SharedState>() else { return };
    let origins = &state.cors_origins;
    if origins.is_empty() || !headers::is_below_base_path(request.match_info().as_str()) {
        return;
    }
    let headers = response.headers_mut();
    if !origins.is_all() {
        headers::add_vary(headers, HeaderValue::from_static("Origin"));
    }
    let Some(allowed) = origins.allowed(request.headers()) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    } else if let Some(methods) = headers.get(header::ALLOW).cloned() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}
