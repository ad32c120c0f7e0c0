//! Problems (RFC 9457): one table of their types, one function that writes them.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use recto_domain::{Violation, Violations};
use recto_relations::EntityInfo;
use serde::Serialize;
use utoipa::ToSchema;

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

            /// Returns its name in URLs.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            /// Returns the status of the response.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// Returns its title.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// Returns what it means and what to do about it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }
        }
    };
}

problem_types! {
    MalformedRequest "malformed-request" BAD_REQUEST "Malformed request"
        "The request is not well-formed HTTP, or its body could not be read to the end."
    MalformedJson "malformed-json" BAD_REQUEST "Malformed JSON"
        "The body is not a JSON text in UTF-8. The detail says where it stops being one."
    InvalidParameter "invalid-parameter" BAD_REQUEST "Invalid parameter"
        "A parameter of the query is unknown or has a value it cannot have. The detail names it and what is valid."
    InvalidGrant "invalid-grant" BAD_REQUEST "Invalid grant"
        "The token endpoint refused, as RFC 6749 section 5.2 has it: the member `error` says why."
    Unauthenticated "unauthenticated" UNAUTHORIZED "Not signed in"
        "The operation needs an access token, or the one sent is not valid (any more). Sign in and send it as `Authorization: Bearer …`."
    WrongCredentials "wrong-credentials" UNAUTHORIZED "Wrong credentials"
        "There is no account with that e-mail address and password."
    WrongPassword "wrong-password" FORBIDDEN "Wrong password"
        "You are signed in, but this takes the account's password as well, and that was another."
    Forbidden "forbidden" FORBIDDEN "Forbidden"
        "You are signed in, but this is not yours to do."
    NotFound "not-found" NOT_FOUND "Not found"
        "There is nothing at this path: it never existed, or it has been deleted."
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "Method not allowed"
        "The path exists, but not with this method. The header `Allow` lists those it has."
    UsernameTaken "username-taken" CONFLICT "Username taken"
        "Somebody has that username already; usernames are unique without regard to case."
    EmailTaken "email-taken" CONFLICT "E-mail address taken"
        "There is an account with that e-mail address already."
    TagExists "tag-exists" CONFLICT "Tag exists"
        "There is a tag of that name already; names are unique without regard to case."
    AlreadyReviewed "already-reviewed" CONFLICT "Already reviewed"
        "A reader reviews a book once. Change the review that there is."
    ReportingCycle "reporting-cycle" CONFLICT "Reporting cycle"
        "An employee cannot manage those who manage it, directly or over others."
    StillReferenced "still-referenced" CONFLICT "Still referenced"
        "What is to be deleted is still pointed at. The detail says by what and how many: move or delete those first."
    LastAdmin "last-admin" CONFLICT "Last administrator"
        "Nobody would be left to administer. Make somebody else an administrator first."
    TooLarge "too-large" PAYLOAD_TOO_LARGE "Body too large"
        "A body may have 1 MiB at the most."
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "Unsupported media type"
        "The body must be sent as `application/json` in UTF-8, without a content coding. A PATCH may be `application/merge-patch+json`; the token endpoint takes `application/x-www-form-urlencoded`."
    InvalidBody "invalid-body" UNPROCESSABLE_ENTITY "Invalid body"
        "The body is JSON but breaks rules. The member `errors` lists every one, with a JSON pointer to the place."
    TooManyRequests "too-many-requests" TOO_MANY_REQUESTS "Too many requests"
        "Too much of this has come from your address of late. Try again after the seconds that `Retry-After` says; `RateLimit` says what is left of which budget."
    Internal "internal" INTERNAL_SERVER_ERROR "Internal error"
        "Something went wrong on this side. The `request_id` finds it in the log."
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Overloaded"
        "More is asked than can be answered. Try again after the seconds that `Retry-After` says."
    Unavailable "unavailable" SERVICE_UNAVAILABLE "Unavailable"
        "The database cannot be reached. Try again after the seconds that `Retry-After` says."
}

/// A request that was refused, or failed.
#[derive(Debug, Clone)]
pub struct Problem {
    r#type: ProblemType,
    detail: String,
    errors: Vec<Violation>,
    oauth: Option<&'static str>,
    allow: Option<String>,
    challenge: Option<&'static str>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem of that kind, with what there is to say about this one.
    pub fn new(problem_type: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            r#type: problem_type,
            detail: detail.into(),
            errors: Vec::new(),
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
        let errors = violations.into_vec();
        let detail = match errors.len() {
            1 => "the body breaks a rule".to_owned(),
            several => format!("the body breaks {several} rules"),
        };
        Self { errors, ..Self::new(ProblemType::InvalidBody, detail) }
    }

    /// Nothing of that sort is there.
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemType::NotFound, format!("there is no such {what}"))
    }

    /// Signed in, but not allowed to.
    pub fn forbidden(detail: &str) -> Self {
        Self::new(ProblemType::Forbidden, detail)
    }

    /// An error of the token endpoint, by its code in RFC 6749 section 5.2.
    pub fn oauth(code: &'static str, detail: impl Into<String>) -> Self {
        Self { oauth: Some(code), ..Self::new(ProblemType::InvalidGrant, detail) }
    }

    /// The path has other methods only.
    pub fn method_not_allowed(allow: String) -> Self {
        let detail = format!("the methods of this path are {allow}");
        Self { allow: Some(allow), ..Self::new(ProblemType::MethodNotAllowed, detail) }
    }

    /// A token was sent, but is no good: RFC 6750 section 3.1 wants that told apart from none.
    pub fn invalid_token(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Unauthenticated, detail).challenging("invalid_token")
    }

    /// Too much of something has come from there; after `seconds` there may be more.
    pub fn too_many_requests(detail: String, seconds: u64) -> Self {
        let retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        Self { retry_after, ..Self::new(ProblemType::TooManyRequests, detail) }
    }

    /// The same, with a challenge in `WWW-Authenticate` that names an error of RFC 6750 section
    /// 3.1.
    #[must_use]
    pub fn challenging(self, error: &'static str) -> Self {
        Self { challenge: Some(error), ..self }
    }

    /// After how many seconds to try again, where it is known.
    pub fn retry_after(&self) -> Option<u32> {
        let unavailable = self.r#type.status() == StatusCode::SERVICE_UNAVAILABLE;
        self.retry_after.or_else(|| unavailable.then_some(1))
    }

    /// Returns its type.
    pub fn problem_type(&self) -> ProblemType {
        self.r#type
    }

    /// The problem of a response that came without one, as the router's do.
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

    /// Turns the problem into the response that a client sees.
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
        let body = ProblemBody {
            r#type: format!("/problems/{}", self.r#type.slug()),
            title: self.r#type.title(),
            status: self.r#type.status().as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            errors: &self.errors,
            error: self.oauth,
            error_description: self.oauth.map(|_| self.detail.as_str()),
        };
        // A struct of strings and numbers cannot fail to be written.
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }

    /// RFC 6750 section 3: without an error where there was no token to be wrong.
    fn www_authenticate(&self) -> Option<String> {
        let realm = "Bearer realm=\"recto\"";
        match self.challenge {
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
    /// The URI of the problem type; the page there explains it.
    r#type: String,
    /// The title of the problem type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: &'a str,
    /// The path of the request.
    instance: &'a str,
    /// The id of the request in the log.
    request_id: &'a str,
    /// The rules that the body breaks.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(inline)]
    errors: &'a [Violation],
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
