//! The security headers of every response, including errors and pages.

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::BASE_PATH;
use crate::state::SharedState;

/// For data: loads nothing, and cannot be framed. Pages set their own policies.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");

/// Two years, including subdomains.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds the security headers, and forbids caches to store responses below `/auth`.
pub(crate) fn protect<B>(response: &mut ServiceResponse<B>) {
    let request = response.request();
    let https = request.app_data::<SharedState>().is_some_and(|state| state.is_https());
    // The path as the router decodes it, so that no spelling of it is missed.
    let private = is_private(request.match_info().as_str());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
    if private {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Adds the name of a request header to `Vary`, so that caches store a response for each value.
pub(crate) fn add_vary(headers: &mut HeaderMap, name: HeaderValue) {
    let present = headers.get(header::VARY).map(HeaderValue::as_bytes);
    let joined = present.map(|present| [present, name.as_bytes()].join(&b", "[..]));
    let value = joined.and_then(|joined| HeaderValue::from_bytes(&joined).ok());
    headers.insert(header::VARY, value.unwrap_or(name));
}

/// Returns whether a path is below `/auth`.
pub(crate) fn is_private(path: &str) -> bool {
    let rest = path.strip_prefix(BASE_PATH).and_then(|rest| rest.strip_prefix("/auth"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns whether a path is below the base path.
pub(crate) fn is_below_base_path(path: &str) -> bool {
    let rest = path.strip_prefix(BASE_PATH);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_paths_are_private() {
        for path in ["/api/v1/auth", "/api/v1/auth/", "/api/v1/auth/login", "/api/v1/auth/x/y"] {
            assert!(is_private(path), "{path}");
        }
        for path in ["/", "/auth/login", "/api/v1/authors", "/api/v1/books", "/docs/"] {
            assert!(!is_private(path), "{path}");
        }
    }
}
