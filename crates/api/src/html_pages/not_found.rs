//! The page for a browser that asks for something that does not exist.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::layout::{HtmlPage, escaped, fill};

/// The maximum number of characters of the path that are shown.
const SHOWN: usize = 200;

/// Returns the page, for the request with this path and id.
pub(crate) fn not_found(path: &str, request_id: &str) -> HttpResponse {
    let shown: String = path.chars().take(SHOWN).collect();
    let values = [("path", &*escaped(&shown)), ("request_id", &escaped(request_id))];
    let body = fill(include_str!("../../assets/pages/not-found.html"), &values);
    let head = "<meta name=\"robots\" content=\"noindex\">\n";
    HtmlPage { head, ..HtmlPage::new(path, "Not found", &body) }.respond(StatusCode::NOT_FOUND)
}
