//! The headers that report the client's remaining budgets.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use recto_identity::throttle::Allowance;

/// Adds `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) fn write_headers(headers: &mut HeaderMap, allowances: &[Allowance]) {
    if allowances.is_empty() {
        return;
    }
    let list = |write: fn(&Allowance) -> String| {
        HeaderValue::try_from(allowances.iter().map(write).collect::<Vec<_>>().join(", "))
    };
    let policy = list(|one| format!("\"{}\";q={};w={}", one.name, one.quota, one.window));
    let remaining = list(|one| {
        let next = one.next.map(|seconds| format!(";t={seconds}")).unwrap_or_default();
        format!("\"{}\";r={}{next}", one.name, one.remaining)
    });
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", remaining)] {
        if let Ok(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
