//! The headers that report what a client has left of each budget.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use recto_identity::throttle::Allowance;

/// Adds what is left of each budget (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) fn write_headers(headers: &mut HeaderMap, allowances: &[Allowance]) {
    if allowances.is_empty() {
        return;
    }
    let list = |write: fn(&Allowance) -> String| {
        HeaderValue::try_from(allowances.iter().map(write).collect::<Vec<_>>().join(", "))
    };
    let policy = list(|one| format!("\"{}\";q={};w={}", one.name, one.quota, one.window));
    let left = list(|one| format!("\"{}\";r={};t={}", one.name, one.remaining, one.reset));
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
        if let Ok(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
