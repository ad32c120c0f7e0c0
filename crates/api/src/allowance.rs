//! What a client has left of a budget, and the headers that report it.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// What a client has left of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) name: &'static str,
    pub(crate) quota: u32,
    /// In how many seconds all of it comes back.
    pub(crate) window: u64,
    pub(crate) remaining: u32,
    /// In how many seconds from now all of it will be back; where nothing is left, the first of it.
    pub(crate) reset: u64,
}

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
