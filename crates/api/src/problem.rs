//! Problems (RFC 9457): the table of their types, and the function that writes all of them.

mod example;

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use recto_domain::{Code, Violation, Violations};
use recto_identity::access::MAX_SIGN_IN_AGE;
use recto_relations::EntityInfo;
use serde::Serialize;
use utoipa::ToSchema;

use crate::parameters::ParameterError;

pub(crate) use example::Example;

/// Declares the problem types: slug, status, title and meaning.
macro_rules! problem_types {
    ($($name:ident $slug:literal $status:ident $title:literal $meaning:literal)*) => {
        /// A problem type; its URI is `/problems/<slug>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemType {
            $(#[doc = $meaning] $name,)*
        }

        impl ProblemType {
            /// All problem types.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the name in URLs.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            /// Returns the status of the response.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// Returns the title.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// Returns the explanation, for the page of the problem type.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }
        }
    };
}

problem_types! {
    MalformedRequest "malformed-request" BAD_REQUEST "Malformed request"
        "The request is not valid HTTP, or its body is incomplete."
    MalformedJson "malformed-json" BAD_REQUEST "Malformed JSON"
        "The body is not JSON in UTF-8. The detail has the position of the error."
    InvalidParameter "invalid-parameter" BAD_REQUEST "Invalid parameter"
        "A query parameter is unknown, or its value is not valid. `errors` lists up to 50 errors, each with the parameter and a code."
    InvalidGrant "invalid-grant" BAD_REQUEST "Invalid grant"
        "The token endpoint refused the request. `error` is a code of RFC 6749 section 5.2."
    Unauthenticated "unauthenticated" UNAUTHORIZED "Not signed in"
        "The operation requires an access token or an API key, or the one that was sent is not valid or no longer valid. Sign in, and send the token as `Authorization: Bearer …`."
    SignInTooOld "sign-in-too-old" UNAUTHORIZED "Sign-in too old"
        "The operation requires that the password was sent at most ten minutes ago; refreshing the tokens is not enough. Sign in again, and repeat the request with the new access token."
    WrongCredentials "wrong-credentials" UNAUTHORIZED "Wrong credentials"
        "No account has this e-mail address and password."
    WrongPassword "wrong-password" FORBIDDEN "Wrong password"
        "The operation also requires the password of the account, and the one that was sent is wrong."
    Forbidden "forbidden" FORBIDDEN "Forbidden"
        "The account is not allowed to do this, or the API key does not have the scope for it."
    NotFound "not-found" NOT_FOUND "Not found"
        "There is nothing at this path. It may have been deleted."
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "Method not allowed"
        "The path does not support this method. The header `Allow` lists the methods that it supports."
    NotAcceptable "not-acceptable" NOT_ACCEPTABLE "Not acceptable"
        "The header `Accept` accepts no `application/json`, the media type of the response. Send `application/json` or `*/*`, or no `Accept`."
    RequestTimeout "request-timeout" REQUEST_TIMEOUT "Request timeout"
        "The request was not received in time. Its head and body have 10 seconds together."
    UsernameTaken "username-taken" CONFLICT "Username taken"
        "Another user has this username. Usernames are unique, ignoring case."
    EmailTaken "email-taken" CONFLICT "E-mail address taken"
        "Another account has this e-mail address."
    TagExists "tag-exists" CONFLICT "Tag exists"
        "A tag of this name exists, at the path `existing`. Names are unique, ignoring case."
    AuthorExists "author-exists" CONFLICT "Author exists"
        "An author of this name exists, at the path `existing`. Names are unique, ignoring case."
    AlreadyReviewed "already-reviewed" CONFLICT "Already reviewed"
        "A user can review a book once. Change the existing review instead, at the path `existing`."
    ReportingCycle "reporting-cycle" CONFLICT "Reporting cycle"
        "An employee cannot report to itself, directly or through others."
    StillReferenced "still-referenced" CONFLICT "Still referenced"
        "Other items refer to this one. The detail has their relation and number. Move or delete them first."
    LastAdmin "last-admin" CONFLICT "Last administrator"
        "The last administrator cannot be demoted, disabled or deleted. Make another user an administrator first."
    QuotaExceeded "quota-exceeded" CONFLICT "Quota exceeded"
        "The account has reached the largest number of such items. Delete some, or ask the operator for more."
    RequestInProgress "request-in-progress" CONFLICT "Request in progress"
        "Another request with this `Idempotency-Key` is under way. Send it again after the number of seconds in `Retry-After`, to get its response."
    PreconditionFailed "precondition-failed" PRECONDITION_FAILED "Precondition failed"
        "The item has been changed since its `ETag` was read. Get it again, and decide whether the change still applies."
    TooLarge "too-large" PAYLOAD_TOO_LARGE "Body too large"
        "The body has more than 1 MiB."
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "Unsupported media type"
        "Send the body as `application/json` in UTF-8, without a content coding. A PATCH may also be `application/merge-patch+json`. The token endpoint requires `application/x-www-form-urlencoded`."
    InvalidBody "invalid-body" UNPROCESSABLE_ENTITY "Invalid body"
        "The body is JSON, but breaks validation rules. `errors` lists all violations, each with a JSON pointer and a code."
    IdempotencyKeyReused "idempotency-key-reused" UNPROCESSABLE_ENTITY "Idempotency key reused"
        "The `Idempotency-Key` was sent with another request: another method, path, query or body. Every change needs a key of its own."
    TooManyRequests "too-many-requests" TOO_MANY_REQUESTS "Too many requests"
        "There have been too many such requests from this IP address or by this account. Try again after the number of seconds in `Retry-After`. `RateLimit` has what remains of each budget."
    Internal "internal" INTERNAL_SERVER_ERROR "Internal error"
        "The server failed. Its log has the cause, under the `request_id`."
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Overloaded"
        "The server has too many requests. Try again after the number of seconds in `Retry-After`."
    TimedOut "timed-out" SERVICE_UNAVAILABLE "Timed out"
        "The database did not do the work in time, and nothing was changed unless the commit was under way. Try again after the number of seconds in `Retry-After`. A query for fewer items or relations takes less time."
    Unavailable "unavailable" SERVICE_UNAVAILABLE "Unavailable"
        "The database cannot be reached, read or written. Try again after the number of seconds in `Retry-After`."
}

impl ProblemType {
    /// Returns the names of the headers that its responses have beyond those of others.
    pub(crate) const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Unauthenticated | Self::SignInTooOld => &["WWW-Authenticate"],
            Self::TooManyRequests => &["RateLimit", "RateLimit-Policy", "Retry-After"],
            Self::RequestInProgress | Self::Overloaded | Self::TimedOut | Self::Unavailable => {
                &["Retry-After"]
            }
            _ => &[],
        }
    }
}

/// The maximum number of `errors` of a query, so that a response is not many times larger than its
/// request. Inputs limit those of a body.
const MAX_ERRORS: usize = 50;

/// A rule that a request breaks, in its body or in its query.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BrokenRule {
    /// The position in the body, a JSON pointer (RFC 6901); empty for the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("/rating"))]
    pointer: Option<String>,
    /// The parameter of the query. A long name is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// The kind of the rule.
    #[schema(inline)]
    code: Code,
    /// The rule.
    #[schema(examples("must be a whole number from 1 to 5"))]
    detail: Cow<'static, str>,
}

impl From<Violation> for BrokenRule {
    fn from(Violation { pointer, code, detail }: Violation) -> Self {
        Self { pointer: Some(pointer), parameter: None, code, detail }
    }
}

impl From<ParameterError> for BrokenRule {
    fn from(ParameterError { parameter, code, detail }: ParameterError) -> Self {
        Self { pointer: None, parameter: Some(parameter), code, detail }
    }
}

/// The description of an error in a response.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    r#type: ProblemType,
    detail: String,
    errors: Vec<BrokenRule>,
    existing: Option<String>,
    /// An error code of RFC 6749 section 5.2.
    oauth: Option<&'static str>,
    allow: Option<String>,
    /// An error code of RFC 6750 section 3.1 or RFC 9470 section 3, for `WWW-Authenticate`.
    challenge: Option<&'static str>,
    retry_after: Option<u32>,
}

impl Problem {
    /// Returns a problem with a description of this occurrence.
    pub(crate) fn new(problem_type: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            r#type: problem_type,
            detail: detail.into(),
            errors: Vec::new(),
            existing: None,
            oauth: None,
            allow: None,
            challenge: None,
            retry_after: None,
        }
    }

    /// Returns a problem with the general description of its type.
    pub(crate) fn of(problem_type: ProblemType) -> Self {
        Self::new(problem_type, problem_type.meaning())
    }

    /// Returns the problem that an entity does not exist.
    pub(crate) fn no_such(entity: &EntityInfo) -> Self {
        Self::not_found(&entity.name.to_lowercase())
    }

    /// Returns the problem of a body that breaks rules.
    pub(crate) fn invalid_body(violations: Violations) -> Self {
        let errors: Vec<BrokenRule> = violations.into_vec().into_iter().map(Into::into).collect();
        let detail = match errors.len() {
            1 => "the body breaks a rule".to_owned(),
            several => format!("the body breaks {several} rules"),
        };
        Self { errors, ..Self::new(ProblemType::InvalidBody, detail) }
    }

    /// Returns the problem of a query that breaks rules. Its detail is the first.
    pub(crate) fn invalid_query(mut errors: Vec<ParameterError>) -> Self {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        let detail = match errors.len() {
            0 | 1 => first,
            several => format!("{first} (the first of {several} errors)"),
        };
        errors.truncate(MAX_ERRORS);
        let errors = errors.into_iter().map(Into::into).collect();
        Self { errors, ..Self::new(ProblemType::InvalidParameter, detail) }
    }

    /// Returns the problem that something does not exist.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ProblemType::NotFound, format!("there is no such {what}"))
    }

    /// Returns the problem that a mailed token cannot be used.
    pub(crate) fn unusable_token() -> Self {
        Self::new(ProblemType::NotFound, "the token is unknown, used, replaced or expired")
    }

    /// Returns the problem that the caller is not allowed to do something.
    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(ProblemType::Forbidden, detail)
    }

    /// Returns a problem of the token endpoint, with an error code of RFC 6749 section 5.2.
    pub(crate) fn oauth(code: &'static str, detail: impl Into<String>) -> Self {
        Self { oauth: Some(code), ..Self::new(ProblemType::InvalidGrant, detail) }
    }

    /// Returns the problem that a path has only the methods in `allow`.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("the methods of this path are {allow}");
        Self { allow: Some(allow), ..Self::new(ProblemType::MethodNotAllowed, detail) }
    }

    /// Returns the problem that a token is not valid, which RFC 6750 section 3.1 distinguishes from
    /// a missing one.
    pub(crate) fn invalid_token(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Unauthenticated, detail).challenging("invalid_token")
    }

    /// Returns the problem that the sign-in is too long ago (RFC 9470).
    pub(crate) fn sign_in_too_old(detail: String) -> Self {
        Self::new(ProblemType::SignInTooOld, detail).challenging("insufficient_user_authentication")
    }

    /// Returns the problem that a budget is used up for a number of seconds.
    pub(crate) fn too_many_requests(detail: String, seconds: u64) -> Self {
        let retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        Self { retry_after, ..Self::new(ProblemType::TooManyRequests, detail) }
    }

    /// Adds the path of the item that exists already.
    #[must_use]
    pub(crate) fn about(self, existing: Option<String>) -> Self {
        Self { existing, ..self }
    }

    /// Adds an error code of RFC 6750 section 3.1 to `WWW-Authenticate`.
    #[must_use]
    pub(crate) fn challenging(self, error: &'static str) -> Self {
        Self { challenge: Some(error), ..self }
    }

    /// Returns whether a credential was sent that is not valid.
    pub(crate) fn is_invalid_token(&self) -> bool {
        self.challenge == Some("invalid_token")
    }

    /// Returns the description of this occurrence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the seconds after which to try again, if that may help.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        let soon = self.r#type.status() == StatusCode::SERVICE_UNAVAILABLE
            || self.r#type == ProblemType::RequestInProgress;
        self.retry_after.or_else(|| soon.then_some(1))
    }

    /// Returns the problem type.
    pub(crate) fn problem_type(&self) -> ProblemType {
        self.r#type
    }

    /// Returns the problem of an error response without one, such as the router's.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self::of(match status {
            StatusCode::NOT_FOUND => ProblemType::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => ProblemType::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => ProblemType::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemType::UnsupportedMediaType,
            status if status.is_client_error() => ProblemType::MalformedRequest,
            _ => ProblemType::Internal,
        })
    }

    /// Returns the response, for the request with this path and id.
    pub(crate) fn respond(&self, instance: &str, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.r#type.status());
        response.content_type("application/problem+json");
        if let Some(challenge) = self.www_authenticate() {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if self.oauth.is_some() {
            response.insert_header((header::CACHE_CONTROL, "no-store"));
        }
        let body = self.body(instance, request_id);
        // Serializing strings and numbers cannot fail.
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }

    /// Returns the response as text, with the headers that depend on the problem.
    pub(crate) fn http(&self, instance: &str, request_id: &str) -> String {
        let response = self.respond(instance, request_id);
        let mut text = format!("HTTP/1.1 {}\n", response.status());
        for name in [
            header::CONTENT_TYPE,
            header::WWW_AUTHENTICATE,
            header::RETRY_AFTER,
            header::ALLOW,
            header::CACHE_CONTROL,
        ] {
            let value = response.headers().get(&name).and_then(|value| value.to_str().ok());
            if let Some(value) = value {
                text.extend([name.as_str(), ": ", value, "\n"]);
            }
        }
        let body = self.body(instance, request_id);
        // Serializing strings and numbers cannot fail.
        text.extend(["\n", &serde_json::to_string_pretty(&body).unwrap_or_default(), "\n"]);
        text
    }

    fn body<'a>(&'a self, instance: &'a str, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            r#type: format!("/problems/{}", self.r#type.slug()),
            title: self.r#type.title(),
            status: self.r#type.status().as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            errors: &self.errors,
            existing: self.existing.as_deref(),
            error: self.oauth,
            error_description: self.oauth.map(|_| self.detail.as_str()),
        }
    }

    /// Returns the challenge of RFC 6750 section 3, without an error code if there was no token.
    fn www_authenticate(&self) -> Option<String> {
        let realm = "Bearer realm=\"recto\"";
        match self.challenge {
            Some(error) if self.r#type == ProblemType::SignInTooOld => {
                let seconds = MAX_SIGN_IN_AGE.num_seconds();
                Some(format!("{realm}, error=\"{error}\", max_age={seconds}"))
            }
            Some(error) => Some(format!("{realm}, error=\"{error}\"")),
            None if self.r#type.status() == StatusCode::UNAUTHORIZED => Some(realm.to_owned()),
            None => None,
        }
    }
}

/// A problem (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The URI of the problem type, a page that explains it.
    r#type: String,
    /// The title of the problem type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The description of this error.
    detail: &'a str,
    /// The path of the request.
    instance: &'a str,
    /// The id of the request in the log.
    request_id: &'a str,
    /// The rules that the body (of a 422) or the query (of a 400) breaks; at most 50 for a query.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(inline)]
    errors: &'a [BrokenRule],
    /// The path of the tag, the author or the review that exists already, of a 409 about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    existing: Option<&'a str>,
    /// The error code of RFC 6749 section 5.2, at `/auth/token` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
    /// The same as `detail`, at `/auth/token` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_description: Option<&'a str>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.r#type.title(), self.detail)
    }
}
