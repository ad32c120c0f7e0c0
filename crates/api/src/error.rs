//! The reason for an error response: the client's mistake, or a failure of the service.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use recto_domain::{Author, Conflict, Review, Tag, User, Violations};
use recto_identity::password::HashError;
use recto_identity::throttle::Throttled;
use recto_identity::{AccessDenied, Forbidden};
use recto_persistence::WorkError;
use recto_relations::{Entity, EntityInfo};

use crate::BASE_PATH;
use crate::parameters::ParameterError;
use crate::paths;
use crate::problem::{Problem, ProblemType};

/// The reason for an error response.
#[derive(Debug)]
pub(crate) enum Error {
    /// The client's mistake. The response describes it.
    Refused(Box<Problem>),
    /// A failure of the service. The log has the cause; the response does not.
    Failed(Failure),
}

/// A failure of the service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] recto_persistence::DatabaseFailure),
    /// A password could be neither hashed nor checked.
    #[error(transparent)]
    Password(#[from] HashError),
    /// A response could not be serialized.
    #[error("the response cannot be serialized: {0}")]
    Serialize(#[from] serde_json::Error),
    /// A file of Swagger UI could not be read.
    #[error("Swagger UI cannot be read: {0}")]
    SwaggerUi(String),
    /// A handler asked for a caller, and its route does not require one.
    #[error("the route does not require the caller that its handler asks for")]
    NoCaller,
    /// A handler did not check the access that its route requires.
    #[error("the handler did not check the access that its route requires")]
    AccessNotChecked,
    /// The bodies of requests under way would hold too much memory.
    #[error("the bodies of requests hold too much memory")]
    TooManyBodies,
    /// The responses under way would hold too much memory.
    #[error("the responses under way hold too much memory")]
    TooManyResponses,
    /// The server has been asked to stop.
    #[error("the server is stopping")]
    Stopping,
    /// The metrics could not be written.
    #[error("the metrics cannot be written")]
    Metrics,
    /// The readiness check of the database took too long.
    #[error("the readiness check of the database took too long")]
    NotReady,
    /// The database cannot be read or written.
    #[error("the database is not ready: {0}")]
    Unhealthy(#[from] recto_persistence::Unhealthy),
}

impl Error {
    /// Returns the problem to respond with.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => (**problem).clone(),
            Self::Failed(failure) => Problem::of(failure.problem_type()),
        }
    }
}

impl Failure {
    fn problem_type(&self) -> ProblemType {
        use recto_persistence::DatabaseFailure as Database;

        match self {
            Self::Database(failure) => match failure {
                Database::Overloaded | Database::Busy | Database::Contended => {
                    ProblemType::Overloaded
                }
                Database::Query(_) if failure.is_transient() => ProblemType::Overloaded,
                Database::TimedOut | Database::LockTimedOut | Database::Cancelled => {
                    ProblemType::TimedOut
                }
                Database::Unavailable(_)
                | Database::StorageFull(_)
                | Database::ReadOnly(_)
                | Database::FileReplaced(_)
                | Database::BrokenTransaction(_) => ProblemType::Unavailable,
                Database::Query(_) | Database::Corrupt(_) | Database::Panicked(_) => {
                    ProblemType::Internal
                }
            },
            Self::Password(HashError::Overloaded)
            | Self::TooManyBodies
            | Self::TooManyResponses => ProblemType::Overloaded,
            Self::NotReady | Self::Stopping | Self::Unhealthy(_) => ProblemType::Unavailable,
            Self::Password(
                HashError::Failed(_) | HashError::Corrupt(_) | HashError::Interrupted,
            )
            | Self::Serialize(_)
            | Self::SwaggerUi(_)
            | Self::Metrics
            | Self::NoCaller
            | Self::AccessNotChecked => ProblemType::Internal,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) => problem.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

/// The response has no body yet. The middleware knows path and request id, so it writes the body.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.problem().problem_type().status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl WorkError for Error {
    fn failure(&self) -> Option<&recto_persistence::DatabaseFailure> {
        match self {
            Self::Failed(Failure::Database(failure)) => Some(failure),
            Self::Failed(_) | Self::Refused(_) => None,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<recto_persistence::Error> for Error {
    fn from(error: recto_persistence::Error) -> Self {
        use recto_persistence::Error as Database;

        match error {
            Database::Conflict(conflict) => conflict.into(),
            Database::Violations(violations) => violations.into(),
            Database::MissingReference { entity, .. } => missing(entity).into(),
            Database::Failure(failure) => Self::Failed(failure.into()),
        }
    }
}

/// An entity that the path names, or the caller, was deleted while the request was under way.
fn missing(entity: &EntityInfo) -> Problem {
    if entity == User::INFO {
        Problem::invalid_token("the account of this token is deleted")
    } else {
        Problem::no_such(entity)
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        // An account is never named: the caller may be a stranger.
        let (problem_type, existing) = match conflict {
            Conflict::UsernameTaken => (ProblemType::UsernameTaken, None),
            Conflict::EmailTaken => (ProblemType::EmailTaken, None),
            Conflict::TagExists(tag) => (ProblemType::TagExists, Some(path_of::<Tag>(tag))),
            Conflict::AuthorExists(author) => {
                (ProblemType::AuthorExists, Some(path_of::<Author>(author)))
            }
            Conflict::AlreadyReviewed(review) => {
                (ProblemType::AlreadyReviewed, Some(path_of::<Review>(review)))
            }
            Conflict::LastAdmin => (ProblemType::LastAdmin, None),
            Conflict::ReportingCycle => (ProblemType::ReportingCycle, None),
            Conflict::StillReferenced { .. } => (ProblemType::StillReferenced, None),
        };
        Problem::new(problem_type, conflict.to_string()).about(existing).into()
    }
}

/// Returns the path of an item.
fn path_of<E: Entity>(key: E::Key) -> String {
    format!("{BASE_PATH}{}/{key}", paths::collection(E::INFO))
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Problem::invalid_body(violations).into()
    }
}

impl From<Forbidden> for Error {
    fn from(forbidden: Forbidden) -> Self {
        Problem::forbidden(forbidden.0).into()
    }
}

impl From<AccessDenied> for Error {
    fn from(denied: AccessDenied) -> Self {
        match denied {
            AccessDenied::Forbidden(forbidden) => forbidden.into(),
            AccessDenied::MissingScope(_) => {
                Problem::forbidden(&denied.to_string()).challenging("insufficient_scope").into()
            }
            AccessDenied::SignInTooOld => Problem::sign_in_too_old(denied.to_string()).into(),
        }
    }
}

impl From<Throttled> for Error {
    fn from(throttled: Throttled) -> Self {
        Problem::too_many_requests(throttled.to_string(), throttled.seconds).into()
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Vec<ParameterError>> for Error {
    fn from(errors: Vec<ParameterError>) -> Self {
        Problem::invalid_query(errors).into()
    }
}
