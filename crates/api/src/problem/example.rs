//! A request and the problem that responds to it, for each problem type. The problems are created
//! as those of real requests.

use recto_domain::{AuthorId, Conflict, Input as _, NewBook, ReviewId, TagId};
use recto_identity::{AccessDenied, Forbidden};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Problem, ProblemType};
use crate::error::Error;
use crate::parameters::Parameters;

/// The request id of all examples.
const REQUEST_ID: &str = "7f2a1c90-0000002a";

/// The key of an existing item.
const EXISTING: Uuid = Uuid::from_u128(0x01a2_038d_e4d7_766e_9f53_d1e4_da02_f31c);

/// A request, as method and path, and the problem that responds to it.
pub(crate) struct Example {
    pub(crate) request: &'static str,
    pub(crate) problem: Problem,
}

const SIGN_UP: &str = "POST /api/v1/auth/signup";
const SIGN_IN: &str = "POST /api/v1/auth/login";
const BOOKS: &str = "GET /api/v1/books";
const NEW_BOOK: &str = "POST /api/v1/books";
const CHANGED_BOOK: &str = "PATCH /api/v1/books/01a2038d-e4a8-7320-8501-b7b69bb8f3c3";
const NEW_REVIEW: &str = "POST /api/v1/books/01a2038d-e4a8-7320-8501-b7b69bb8f3c3/reviews";
const ROLE: &str = "PUT /api/v1/users/01a2038d-e3bf-704d-8e48-d3d5deaa1ffd/role";

impl Example {
    /// Returns the example of a problem type.
    pub(crate) fn of(problem_type: ProblemType) -> Self {
        let with = |detail: &str| Problem::new(problem_type, detail);
        let general = || Problem::of(problem_type);
        let (request, problem) = match problem_type {
            ProblemType::MalformedRequest
            | ProblemType::RequestTimeout
            | ProblemType::RequestInProgress
            | ProblemType::IdempotencyKeyReused => (NEW_BOOK, general()),
            ProblemType::Internal
            | ProblemType::Overloaded
            | ProblemType::TimedOut
            | ProblemType::Unavailable => (BOOKS, general()),
            ProblemType::PreconditionFailed => (CHANGED_BOOK, general()),
            ProblemType::MalformedJson => (
                NEW_BOOK,
                with("the body is not JSON: EOF while parsing a value at line 1 column 10"),
            ),
            ProblemType::InvalidParameter => ("GET /api/v1/books?limit=many", invalid_parameter()),
            ProblemType::InvalidGrant => {
                let detail = "there is no account with that e-mail and password";
                ("POST /api/v1/auth/token", Problem::oauth("invalid_grant", detail))
            }
            ProblemType::Unauthenticated => {
                ("GET /api/v1/auth/me", with("this needs an access token"))
            }
            ProblemType::SignInTooOld => (ROLE, refusal(AccessDenied::SignInTooOld)),
            ProblemType::WrongCredentials => {
                (SIGN_IN, with("there is no account with that e-mail and password"))
            }
            ProblemType::WrongPassword => {
                ("DELETE /api/v1/auth/me", with("that is not the password of this account"))
            }
            ProblemType::Forbidden => {
                ("GET /api/v1/reviews", refusal(Forbidden("only an administrator may do this")))
            }
            ProblemType::NotFound => {
                let request = "GET /api/v1/books/01a2038d-0000-7000-8000-000000000000";
                (request, Problem::not_found("book"))
            }
            ProblemType::MethodNotAllowed => {
                let allow = "GET, HEAD, POST, OPTIONS".to_owned();
                ("DELETE /api/v1/books", Problem::method_not_allowed(allow))
            }
            ProblemType::NotAcceptable => {
                (BOOKS, with("the response is `application/json`, which `Accept` does not accept"))
            }
            ProblemType::UsernameTaken => (SIGN_UP, refusal(Conflict::UsernameTaken)),
            ProblemType::EmailTaken => (SIGN_UP, refusal(Conflict::EmailTaken)),
            ProblemType::TagExists => {
                ("POST /api/v1/tags", refusal(Conflict::TagExists(TagId::from_uuid(EXISTING))))
            }
            ProblemType::AuthorExists => {
                let request = "PATCH /api/v1/authors/01a2038d-e4a8-7c01-9d3e-4f1b2a6c7d80";
                (request, refusal(Conflict::AuthorExists(AuthorId::from_uuid(EXISTING))))
            }
            ProblemType::AlreadyReviewed => {
                (NEW_REVIEW, refusal(Conflict::AlreadyReviewed(ReviewId::from_uuid(EXISTING))))
            }
            ProblemType::ReportingCycle => {
                ("PATCH /api/v1/org/employees/2", refusal(Conflict::ReportingCycle))
            }
            ProblemType::StillReferenced => {
                ("DELETE /api/v1/org/companies/1", Problem::still_referenced("departments"))
            }
            ProblemType::LastAdmin => (ROLE, refusal(Conflict::LastAdmin)),
            ProblemType::QuotaExceeded => {
                (NEW_BOOK, with("an account may have at most 10000 books"))
            }
            ProblemType::TooLarge => {
                (NEW_BOOK, with("the body has more than 1 MiB (1,048,576 bytes)"))
            }
            ProblemType::UnsupportedMediaType => {
                (NEW_BOOK, with("the body must be application/json, but no Content-Type was sent"))
            }
            ProblemType::InvalidBody => (NEW_BOOK, invalid_body()),
            ProblemType::TooManyRequests => {
                let detail = "too many failed sign-ins: try again in 6 s".to_owned();
                (SIGN_IN, Problem::too_many_requests(detail, 6))
            }
        };
        Self { request, problem }
    }

    /// Returns the response as HTTP.
    pub(crate) fn http(&self) -> String {
        self.problem.http(self.path(), REQUEST_ID)
    }

    fn path(&self) -> &'static str {
        let (_, path) = self.request.split_once(' ').unwrap_or_default();
        path.split_once('?').map_or(path, |(path, _)| path)
    }
}

impl Problem {
    /// Returns a problem of a type whose detail fits every operation.
    pub(crate) fn of_any_operation(problem_type: ProblemType) -> Self {
        match problem_type {
            ProblemType::Forbidden
            | ProblemType::QuotaExceeded
            | ProblemType::TooManyRequests
            | ProblemType::UnsupportedMediaType => Self::of(problem_type),
            _ => Example::of(problem_type).problem,
        }
    }

    /// Returns the problem that an item of a relation keeps another from being deleted.
    pub(crate) fn still_referenced(relation: &'static str) -> Self {
        refusal(Conflict::StillReferenced { relation, count: 1 })
    }

    /// Returns the body of the response to a request with this path.
    pub(crate) fn example(&self, instance: &str) -> Value {
        // Serializing strings and numbers cannot fail.
        serde_json::to_value(self.body(instance, REQUEST_ID)).unwrap_or_default()
    }
}

fn refusal(reason: impl Into<Error>) -> Problem {
    reason.into().problem()
}

fn invalid_parameter() -> Problem {
    let mut parameters = Parameters::parse("limit=many");
    parameters.limit();
    Problem::invalid_query(parameters.finish(&["limit"]).err().unwrap_or_default())
}

fn invalid_body() -> Problem {
    let body = json!({"title": "", "author": "Jane Austen", "page_count": 0});
    NewBook::parse(&body)
        .err()
        .map_or_else(|| Problem::of(ProblemType::InvalidBody), Problem::invalid_body)
}
