//! `/problems/`: the problem types and the codes of errors, and a page for each problem type.

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use recto_domain::Code;

use super::layout::{HtmlPage, escaped, with_code};
use crate::error::Error;
use crate::problem::{Example, Problem, ProblemType};

/// `GET /problems/`
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let mut types = String::new();
    for problem_type in ProblemType::ALL {
        let (slug, title) = (problem_type.slug(), problem_type.title());
        let status = problem_type.status().as_u16();
        let sentence = with_code(first_sentence(problem_type.meaning()));
        row(
            &mut types,
            &format!("<a href=\"{slug}\">{title}</a>"),
            &[
                ("Name", &format!("<code>{slug}</code>")),
                ("Status", &status.to_string()),
                ("", &sentence),
            ],
        );
    }
    let mut codes = String::new();
    for code in Code::ALL {
        row(&mut codes, &format!("<code>{}</code>", code.as_str()), &[("", meaning(code))]);
    }
    let body = format!(
        "<main>\n<h1>Errors</h1>\n\
         <p class=\"lead\">Every error is a problem: JSON of the media type \
         <code>application/problem+json</code> (RFC 9457), whose <code>type</code> is the address \
         of one of these pages: <code>/problems/</code> and a name.</p>\n\
         <h2 id=\"types\">Problem types</h2>\n\
         <table class=\"cards\">\n<thead><tr><th>Title</th><th>Name</th><th>Status</th>\
         <th>Meaning</th></tr></thead>\n<tbody>\n{types}</tbody>\n</table>\n\
         <h2 id=\"codes\">Codes</h2>\n\
         <p>The problems <a href=\"invalid-body\">Invalid body</a> and \
         <a href=\"invalid-parameter\">Invalid parameter</a> list <code>errors</code>. Each has a \
         <code>pointer</code> into the body or the <code>parameter</code> of the query, a \
         <code>code</code> for programs, and a <code>detail</code> for people, whose words may \
         change.</p>\n\
         <table class=\"cards\">\n<thead><tr><th>Code</th><th>Meaning</th></tr></thead>\n\
         <tbody>\n{codes}</tbody>\n</table>\n</main>\n"
    );
    HtmlPage::new(request.path(), "Errors", &body).respond(StatusCode::OK)
}

/// `GET /problems/{slug}`
pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Error> {
    let slug = request.match_info().get("slug").unwrap_or_default();
    let problem_type = *ProblemType::ALL
        .iter()
        .find(|problem_type| problem_type.slug() == slug)
        .ok_or_else(|| Problem::not_found("problem type"))?;
    let example = Example::of(problem_type);
    let body = format!(
        "<main>\n<p class=\"faint\"><a href=\"./\">All problem types</a></p>\n\
         <h1>{title}</h1>\n\
         <p class=\"lead\">Status {status}, type <code>/problems/{slug}</code></p>\n\
         <p>{meaning}</p>\n<h2>What to do</h2>\n<p>{advice}</p>\n\
         <h2>Example</h2>\n<p>The response to <code>{asked}</code>:</p>\n\
         <pre class=\"example\"><code>{response}</code></pre>\n</main>\n",
        title = problem_type.title(),
        status = problem_type.status(),
        meaning = with_code(problem_type.meaning()),
        advice = with_code(advice(problem_type)),
        asked = escaped(example.request),
        response = escaped(&example.http()),
    );
    Ok(HtmlPage::new(request.path(), problem_type.title(), &body).respond(StatusCode::OK))
}

/// Appends a row with a heading and cells of HTML, each with a label for narrow screens.
fn row(rows: &mut String, heading: &str, cells: &[(&str, &str)]) {
    rows.extend(["<tr><th scope=\"row\">", heading, "</th>"]);
    for (label, cell) in cells {
        let label =
            if label.is_empty() { String::new() } else { format!(" data-label=\"{label}\"") };
        // Writing to a string cannot fail.
        let _ = write!(rows, "<td{label}>{cell}</td>");
    }
    rows.push_str("</tr>\n");
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

/// Returns the meaning of a code, as HTML.
const fn meaning(code: Code) -> &'static str {
    match code {
        Code::Required => "A value is missing or <code>null</code>.",
        Code::Unknown => {
            "There is no such field, parameter, relation or field to sort by. The detail lists the \
             known ones."
        }
        Code::Type => {
            "The value has another JSON type than the field, such as <code>\"5\"</code> for a \
             whole number."
        }
        Code::Range => {
            "The value is not allowed: a number or a date out of bounds, a choice that an \
             enumeration does not have, a reserved username, a common password."
        }
        Code::Length => {
            "The value is empty, too short or too long, or has too many items or relations."
        }
        Code::Format => {
            "The text is malformed: an ISBN, a date, an id, a parameter that is not a number, \
             characters that are not allowed."
        }
        Code::Duplicate => "A value or a parameter is repeated.",
        Code::Reference => "The id is of an item that does not exist.",
        Code::Conflict => {
            "The value contradicts another one of the request, such as a password that contains \
             the username."
        }
        Code::Cursor => "The cursor is malformed, or belongs to another query.",
    }
}

/// Returns what a client should do about a problem.
const fn advice(problem_type: ProblemType) -> &'static str {
    match problem_type {
        ProblemType::MalformedRequest | ProblemType::MalformedJson => {
            "Correct the client: the same request will be refused again. A JSON library writes valid bodies."
        }
        ProblemType::InvalidParameter => {
            "Correct the parameters that `errors` names. If the code is `cursor`, begin again at the first page."
        }
        ProblemType::InvalidGrant => {
            "Send a form with `grant_type=password`, the e-mail address as `username`, and `password`. Programs other than Swagger UI sign in at `/api/v1/auth/login`."
        }
        ProblemType::Unauthenticated => {
            "Without `error` in `WWW-Authenticate`, no token was sent. With `error=\"invalid_token\"`, exchange the refresh token at `/api/v1/auth/refresh`, once; if that is refused too, ask the user to sign in."
        }
        ProblemType::SignInTooOld => {
            "Ask the user for the password, sign in at `/api/v1/auth/login`, and repeat the request with the new access token."
        }
        ProblemType::WrongCredentials | ProblemType::WrongPassword => {
            "Ask the user for the password again, and do not repeat the request by yourself: failed attempts are limited. A new password can be requested at `/api/v1/auth/password-reset-request`."
        }
        ProblemType::Forbidden => {
            "Do not repeat the request. The detail has the reason: another account or an API key with another scope may be allowed to do it, and an account whose address is not verified may only read."
        }
        ProblemType::NotFound => {
            "Do not repeat the request. If the path came from a list, read the list again."
        }
        ProblemType::MethodNotAllowed => "Correct the client: send a method that `Allow` lists.",
        ProblemType::NotAcceptable => "Correct the client: send `Accept: application/json`.",
        ProblemType::RequestTimeout => {
            "Send the request again, on a connection that is fast enough. Split a large batch."
        }
        ProblemType::UsernameTaken | ProblemType::EmailTaken => {
            "Ask the user for another one. An owner of the address who has forgotten the password can request a new one at `/api/v1/auth/password-reset-request`."
        }
        ProblemType::TagExists | ProblemType::AuthorExists => {
            "Use the item at `existing` instead of creating one."
        }
        ProblemType::AlreadyReviewed => {
            "Change the review at `existing` by a PATCH, if that is what the user wants."
        }
        ProblemType::ReportingCycle => "Choose another manager.",
        ProblemType::StillReferenced => {
            "List the items that refer to this one by the relation that the detail names, and move or delete them first."
        }
        ProblemType::LastAdmin => "Make another user an administrator, and repeat the request.",
        ProblemType::QuotaExceeded => {
            "Repeating the request does not help. Delete something, or ask the operator for a larger quota."
        }
        ProblemType::RequestInProgress => {
            "Wait for the time in `Retry-After`, and send the same request with the same `Idempotency-Key`."
        }
        ProblemType::PreconditionFailed => {
            "Get the item, apply the change to its current state, and send it with the new `ETag` in `If-Match`."
        }
        ProblemType::TooLarge => "Split the body: a batch can be sent in parts.",
        ProblemType::UnsupportedMediaType => {
            "Correct the client: set `Content-Type`, and do not compress the body."
        }
        ProblemType::InvalidBody => {
            "Show each detail at the field that its pointer names, and let the user correct it. The same body will be refused again."
        }
        ProblemType::IdempotencyKeyReused => {
            "Correct the client: generate a new random key for each change, and keep it only to repeat that change."
        }
        ProblemType::TooManyRequests => {
            "Wait for the time in `Retry-After`, and then send fewer requests at a time."
        }
        ProblemType::Internal => {
            "Report it to the operator with the `request_id`. A read may be repeated; a write only if it is idempotent or has an `Idempotency-Key`."
        }
        ProblemType::Overloaded | ProblemType::Unavailable => {
            "Wait for the time in `Retry-After`, longer each time, and repeat the request. A write may have been done: repeat it only if it is idempotent or has an `Idempotency-Key`."
        }
        ProblemType::TimedOut => {
            "Ask for less: a smaller `limit`, fewer relations and counts. A write may have been done: repeat it only if it is idempotent or has an `Idempotency-Key`."
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn all_codes_are_listed() {
        let schema = serde_json::to_value(Code::schema()).unwrap();
        let known = schema["enum"].as_array().unwrap().iter();
        let known: BTreeSet<_> = known.filter_map(serde_json::Value::as_str).collect();
        assert_eq!(Code::ALL.map(Code::as_str).into_iter().collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn first_sentence_ends_with_full_stop() {
        assert_eq!(first_sentence("One. Two."), "One.");
        assert_eq!(first_sentence("RFC 6749 section 5.2."), "RFC 6749 section 5.2.");
    }
}
