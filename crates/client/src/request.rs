//! Requests, and when they are repeated.

use std::time::Duration;

use reqwest::header::{
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Error;
use crate::paths::BASE_PATH;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The delay before the first retry is at most this, before the second twice this, and so on.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay, unless the server asks for a longer one.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A request that can be sent more than once.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path and query, below the base URL.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A response, whatever its status.
#[derive(Debug)]
pub(crate) struct ReceivedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Path and query of the request.
    pub(crate) path: String,
}

impl Request {
    /// Returns a request. A POST or PATCH outside of `/auth` gets a new idempotency key, which is
    /// the same each time that the request is sent.
    #[expect(clippy::disallowed_methods, reason = "keys are random, also in tests")]
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let mut request =
            Self { method, path: path.into(), headers: HeaderMap::new(), body: Vec::new() };
        let needs_key = matches!(request.method, Method::POST | Method::PATCH);
        // A UUID is a valid value.
        if needs_key
            && !request.is_about_account()
            && let Ok(key) = HeaderValue::try_from(Uuid::new_v4().to_string())
        {
            request.headers.insert(IDEMPOTENCY_KEY, key);
        }
        request
    }

    /// Adds a body of JSON.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { body: serde_json::to_vec(body)?, ..self })
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Returns whether the path is below `/auth`, where idempotency keys are ignored.
    fn is_about_account(&self) -> bool {
        self.path.strip_prefix(BASE_PATH).is_some_and(|path| path.starts_with("/auth/"))
    }

    /// Returns whether sending the request twice has the effect of sending it once.
    ///
    /// A PUT or DELETE below `/auth` is not repeated either: its body, such as the
    /// current password, is wrong once the first one has been done.
    fn is_repeatable(&self) -> bool {
        match self.method {
            Method::GET | Method::HEAD => true,
            Method::PUT | Method::DELETE => !self.is_about_account(),
            _ => self.headers.contains_key(IDEMPOTENCY_KEY),
        }
    }

    /// Returns the time to wait before the request is sent again, after `attempts`; `None` if it
    /// must not be, or if that would be of no use.
    pub(crate) fn retry_delay(
        &self,
        outcome: &Result<ReceivedResponse, reqwest::Error>,
        attempts: u32,
    ) -> Option<Duration> {
        if !self.is_repeatable() {
            return None;
        }
        let asked = match outcome {
            Err(error) => (!error.is_builder()).then_some(Duration::ZERO),
            Ok(response) => match response.status {
                StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Some(response.retry_after().unwrap_or_default()),
                StatusCode::TOO_MANY_REQUESTS => response.retry_after(),
                StatusCode::CONFLICT if response.is_in_progress() => {
                    Some(response.retry_after().unwrap_or_default())
                }
                _ => None,
            },
        };
        Some(asked? + backoff(attempts))
    }
}

/// Returns a random delay, so that clients that failed together do not return together. Its bound
/// doubles with each attempt.
fn backoff(attempts: u32) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    doubled.min(LONGEST_DELAY).mul_f64(fastrand::f64())
}

impl ReceivedResponse {
    /// Returns the body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Returns the time after which the server asks to try again, unless it is a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        // Numbers that do not fit are of no use, and would overflow when added to a time.
        seconds.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Returns whether the server refused the access token.
    pub(crate) fn refuses_token(&self) -> bool {
        let challenge = self.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        self.status == StatusCode::UNAUTHORIZED
            && challenge.is_some_and(|challenge| challenge.contains("error=\"invalid_token\""))
    }

    /// Returns whether the server may have made the change, although the response does not say so.
    pub(crate) fn may_be_done(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        )
    }

    fn is_in_progress(&self) -> bool {
        matches!(Error::from(self), Error::Problem(problem) if problem.slug() == "request-in-progress")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(
        status: u16,
        header: Option<(HeaderName, &'static str)>,
        body: &str,
    ) -> ReceivedResponse {
        let mut headers = HeaderMap::new();
        headers.extend(header.map(|(name, value)| (name, HeaderValue::from_static(value))));
        let status = StatusCode::from_u16(status).unwrap();
        ReceivedResponse { status, headers, body: body.as_bytes().to_vec(), path: String::new() }
    }

    fn is_retried(method: Method, path: &str, response: ReceivedResponse) -> bool {
        Request::new(method, path).retry_delay(&Ok(response), 1).is_some()
    }

    #[test]
    fn below_auth_only_reads_are_repeated() {
        let unavailable = || response(503, None, "");
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST, Method::PATCH] {
            assert!(is_retried(method.clone(), "/api/v1/books", unavailable()), "{method}");
            let about_account = is_retried(method.clone(), "/api/v1/auth/me", unavailable());
            assert_eq!(about_account, method == Method::GET, "{method}");
        }
    }

    #[test]
    fn only_passing_failures_are_retried() {
        let in_progress = r#"{"type": "/problems/request-in-progress", "title": ""}"#;
        let exists = r#"{"type": "/problems/tag-exists", "title": ""}"#;
        let later = || Some((RETRY_AFTER, "2"));
        for (status, header, body, retried) in [
            (502, None, "", true),
            (504, None, "", true),
            (429, later(), "", true),
            (429, None, "", false),
            (409, later(), in_progress, true),
            (409, None, exists, false),
            (500, None, "", false),
            (422, None, "", false),
        ] {
            let response = response(status, header, body);
            assert_eq!(is_retried(Method::POST, "/api/v1/tags", response), retried, "{status}");
        }
    }

    #[test]
    fn delays_double_and_follow_the_server() {
        let request = Request::new(Method::GET, "/api/v1/books");
        let delay = |header, attempts| {
            request.retry_delay(&Ok(response(503, header, "")), attempts).unwrap()
        };
        for attempts in 1..=70 {
            let bound = FIRST_DELAY.saturating_mul(1 << (attempts - 1).min(20)).min(LONGEST_DELAY);
            assert!(delay(None, attempts) <= bound, "{attempts}");
        }
        let asked = delay(Some((RETRY_AFTER, "7")), 1);
        assert!((7.0..=7.1).contains(&asked.as_secs_f64()), "{asked:?}");
        assert!(delay(Some((RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT")), 1) <= FIRST_DELAY);
    }
}
