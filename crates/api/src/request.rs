//! The middleware around every request: its id, its log line, its metrics, the body of its problem,
//! conditional requests, compression, and the headers of every response.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use recto_domain::{AuditAction, AuditDetail};
use recto_identity::ClientAddress;
use tracing::Instrument as _;

use crate::connection::{ConnectionState, OutgoingBody};
use crate::context::{RequestOrigin, ResolvedUser};
use crate::error::{Error, Failure};
use crate::problem::{Problem, ProblemType};
use crate::request_id::{REQUEST_ID, RequestId};
use crate::state::SharedState;
use crate::{
    allowance, audit_log, compression, conditional, cors, headers, html_pages, negotiation,
};

/// Assigns the request its id, completes the response, and logs it.
pub(crate) async fn middleware(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<OutgoingBody>, actix_web::Error> {
    let connection = ConnectionState::of(request.request()).cloned();
    if let Some(connection) = &connection {
        let (_, payload) = request.parts();
        connection.head_received(!matches!(payload, Payload::None));
    }
    let id = RequestId::of(&request);
    let started = Instant::now();
    // A span at the level of errors is enabled whenever anything is logged.
    let span = tracing::error_span!(
        "request",
        request_id = id.as_str(),
        client_request_id = id.of_client()
    );
    request.extensions_mut().insert(id.clone());
    // Errors of extractors and handlers arrive as responses, too.
    let response = next.call(request).instrument(span.clone()).await;
    let response = response.inspect_err(|_| {
        if let Some(connection) = &connection {
            connection.body_ends();
        }
    });
    let response = response?.map_into_boxed_body();
    if let Some((action, asked)) = refusal(&response) {
        span.in_scope(|| audit_refusal(&response, action, &asked));
    }
    let (mut response, reason) = write_problem(response, &id);
    let coding = compression::select_coding(&mut response);
    let response = conditional::not_modified(response);
    let (mut response, reason) = reserve_memory(response, reason, &id, connection.as_ref());
    if let Some(coding) = coding {
        response = compression::compress(response, coding).await;
    }
    if connection.is_some_and(|connection| connection.is_last_response()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    response.headers_mut().insert(REQUEST_ID, id.into());
    let client =
        response.request().extensions().get::<ClientAddress>().map(ClientAddress::allowances);
    allowance::write_headers(response.headers_mut(), &client.unwrap_or_default());
    headers::protect(&mut response);
    cors::write_headers(&mut response);
    let took = started.elapsed();
    count(&response, took, reason.as_ref());
    let cause = reason.and_then(|reason| reason.cause);
    span.in_scope(|| log(&response, took, cause.as_deref()));
    Ok(response)
}

/// Returns the action and the detail for the audit log, if a request was refused for lack of
/// permission or for a credential that is not valid.
fn refusal(response: &ServiceResponse<BoxBody>) -> Option<(AuditAction, String)> {
    let request = response.request();
    let asked = || format!("{} {}", request.method(), request.path());
    match response.status() {
        StatusCode::FORBIDDEN => Some((AuditAction::Refused, asked())),
        StatusCode::UNAUTHORIZED => match response.response().error()?.as_error::<Error>()? {
            Error::Refused(problem) if problem.is_invalid_token() => {
                let detail = format!("{}: {}", asked(), problem.detail());
                Some((AuditAction::CredentialRefused, detail))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Adds a refused request to the audit log.
fn audit_refusal(response: &ServiceResponse<BoxBody>, action: AuditAction, asked: &str) {
    let request = response.request();
    let Some(state) = request.app_data::<SharedState>() else { return };
    let origin = RequestOrigin::of(request);
    let mut entry = origin.entry(&*state.ids, action);
    entry.actor_uid = request.extensions().get::<ResolvedUser>().and_then(ResolvedUser::user);
    let asked: String = asked.chars().take(AuditDetail::MAX_CHARS).collect();
    entry.detail = AuditDetail::parse(&asked).ok();
    let is_stored = match action {
        AuditAction::CredentialRefused => state.throttle.should_audit_credential(&origin.client),
        _ => state.throttle.should_audit_refusal(&origin.client),
    };
    if is_stored {
        state.audit(entry);
    } else {
        audit_log::log(&entry);
    }
}

/// The reason for an error response.
struct ErrorReason {
    problem_type: ProblemType,
    /// The failure of the service, if it is one.
    cause: Option<String>,
}

/// Writes the body of an error response, and returns it with its reason.
fn write_problem(
    response: ServiceResponse<BoxBody>,
    id: &RequestId,
) -> (ServiceResponse<BoxBody>, Option<ErrorReason>) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return (response, None);
    }
    let error = response.response().error().and_then(|error| error.as_error::<Error>());
    let (problem, cause) = match error {
        Some(error @ Error::Refused(_)) => (error.problem(), None),
        Some(error @ Error::Failed(failure)) => (error.problem(), Some(failure.to_string())),
        // actix-web's own errors, such as an unknown path.
        None => {
            let failure = response.response().error().filter(|_| status.is_server_error());
            (Problem::of_status(status), failure.map(ToString::to_string))
        }
    };
    let (request, _) = response.into_parts();
    let response = respond(&request, &problem, id);
    let problem_type = problem.problem_type();
    (ServiceResponse::new(request, response), Some(ErrorReason { problem_type, cause }))
}

/// Returns the response with a problem, or a page if a browser asks for a page that does not exist.
fn respond(request: &HttpRequest, problem: &Problem, id: &RequestId) -> HttpResponse {
    let may_be_page = problem.problem_type() == ProblemType::NotFound
        && !headers::is_below_base_path(request.match_info().as_str());
    let mut response = if may_be_page && negotiation::prefers_html(request.headers()) {
        html_pages::not_found(request.path(), id.for_response())
    } else {
        problem.respond(request.path(), id.for_response())
    };
    if may_be_page {
        headers::add_vary(response.headers_mut(), HeaderValue::from_static("Accept"));
    }
    response
}

/// Counts a response in the metrics.
fn count(response: &ServiceResponse<OutgoingBody>, took: Duration, reason: Option<&ErrorReason>) {
    let request = response.request();
    let Some(state) = request.app_data::<SharedState>() else { return };
    state.metrics.observe(request, response.status(), took);
    if let Some(reason) = reason {
        state.metrics.problem(reason.problem_type);
    }
}

/// Reserves the memory of the body, or replaces the response if there is none.
fn reserve_memory(
    response: ServiceResponse<BoxBody>,
    reason: Option<ErrorReason>,
    id: &RequestId,
    connection: Option<&Rc<ConnectionState>>,
) -> (ServiceResponse<OutgoingBody>, Option<ErrorReason>) {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    if let Ok(body) = OutgoingBody::new(body, connection) {
        return (ServiceResponse::new(request, response.set_body(body)), reason);
    }
    let failure = Failure::TooManyResponses;
    let cause = Some(failure.to_string());
    let problem = Error::from(failure).problem();
    let response = problem.respond(request.path(), id.for_response());
    let mut response = ServiceResponse::new(request, response);
    // The coding is that of the replaced response, but the headers are new.
    compression::select_coding(&mut response);
    let response = response.map_body(|_, body| OutgoingBody::unlimited(body, connection));
    let reason = ErrorReason { problem_type: problem.problem_type(), cause };
    (response, Some(reason))
}

/// Logs the response to a request: one line, with the cause of a failure.
fn log(response: &ServiceResponse<OutgoingBody>, took: Duration, cause: Option<&str>) {
    let status = response.status().as_u16();
    let request = response.request();
    let (method, path) = (bounded(request.method().as_str(), 32), bounded(request.path(), 1_000));
    let (method, path) = (&*method, &*path);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if status >= 500 {
        let cause = cause.map(|cause| bounded(cause, 2_000));
        let cause = cause.as_deref();
        tracing::error!(%method, path, status, micros, cause, "request failed");
    } else {
        tracing::info!(%method, path, status, micros, "answered");
    }
}

/// Returns at most this many bytes of a text, with a mark if it is longer.
fn bounded(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return Cow::Borrowed(text);
    }
    let shown = &text[..text.floor_char_boundary(bytes)];
    Cow::Owned(format!("{shown}… ({} bytes)", text.len()))
}
