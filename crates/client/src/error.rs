//! Errors, and the problems that the server reports.

use std::fmt;
use std::time::Duration;

use recto_relations::{NotCounted, NotLoaded};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::request::ReceivedResponse;

/// The error of a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the request, or failed.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The item is not the one that was read: it has been changed since (412). Get it again, and
    /// decide whether the change still applies.
    #[error("the item has been changed since it was read")]
    Changed(Box<Problem>),
    /// There was no connection, or it broke. A change may have been made nevertheless.
    #[error("the connection to the server failed")]
    Connection(#[source] reqwest::Error),
    /// The call, with its retries, took too long. A change may have been made nevertheless.
    #[error("the server did not respond in time")]
    TimedOut,
    /// A body could not be written, or is not what was expected.
    #[error("a body is not the expected JSON")]
    Json(#[from] serde_json::Error),
    /// The relation was not included.
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    /// The relation was not counted.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// The item has no `ETag` to compare with: it was read with others.
    #[error("the item has no ETag: get it alone, or list it with `with_etags`")]
    NoETag,
    /// The client cannot be built: the base URL, the token or the settings are not valid.
    #[error("invalid settings: {0}")]
    Settings(String),
}

impl Error {
    /// Returns the problem that the server reported, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) | Self::Changed(problem) => Some(problem),
            _ => None,
        }
    }

    /// Returns whether the item does not exist (404).
    pub fn is_not_found(&self) -> bool {
        self.problem().is_some_and(|problem| problem.status == StatusCode::NOT_FOUND)
    }
}

/// The description of an error in a response (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// The URI of the problem type; `about:blank` if the response has no description, such as a
    /// proxy's.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The title of the problem type.
    pub title: String,
    /// The status of the response.
    #[serde(skip)]
    pub status: StatusCode,
    /// The description of this error.
    #[serde(default)]
    pub detail: String,
    /// The id of the request in the server's log.
    pub request_id: Option<String>,
    /// The rules that the body or the query breaks; at most 50 for a query.
    #[serde(default)]
    pub errors: Vec<BrokenRule>,
    /// The path of the item that exists already, of a conflict with one.
    pub existing: Option<String>,
    /// The time after which to try again.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// A rule that a request breaks.
#[derive(Debug, Clone, Deserialize)]
pub struct BrokenRule {
    /// The position in the body, a JSON pointer; empty for the whole body.
    pub pointer: Option<String>,
    /// The parameter of the query.
    pub parameter: Option<String>,
    /// The kind of the rule, such as `range`: a name of [`Code`](recto_domain::Code), or a later
    /// one.
    pub code: String,
    /// The rule.
    pub detail: String,
}

impl Problem {
    /// Returns the name of the problem type, such as `tag-exists`.
    pub fn slug(&self) -> &str {
        self.type_uri.rsplit('/').next().unwrap_or(&self.type_uri)
    }

    fn of(response: &ReceivedResponse) -> Self {
        let described = serde_json::from_slice(&response.body).unwrap_or_else(|_| Self {
            type_uri: "about:blank".to_owned(),
            title: response.status.canonical_reason().unwrap_or("Unknown").to_owned(),
            status: response.status,
            detail: String::new(),
            request_id: None,
            errors: Vec::new(),
            existing: None,
            retry_after: None,
        });
        Self { status: response.status, retry_after: response.retry_after(), ..described }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.title)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for rule in &self.errors {
            let position = rule.pointer.as_ref().or(rule.parameter.as_ref());
            write!(f, "; {} {}", position.map_or("", String::as_str), rule.detail)?;
        }
        Ok(())
    }
}

/// The error of a response that is not successful.
impl From<&ReceivedResponse> for Error {
    fn from(response: &ReceivedResponse) -> Self {
        let problem = Box::new(Problem::of(response));
        match response.status {
            StatusCode::PRECONDITION_FAILED => Self::Changed(problem),
            _ => Self::Problem(problem),
        }
    }
}
