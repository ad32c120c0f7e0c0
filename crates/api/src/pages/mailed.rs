//! `/verify` and `/reset-password`: the pages that mails link to.
//!
//! The token stands in the link's fragment, which browsers do not send. Opening a page so tells
//! nobody the token and spends nothing: neither does a scanner that follows links. The page's
//! script posts it when its button is pressed.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use crate::error::Error;
use crate::problem::Problem;

/// A script and styles from here, questions to here, and nothing else: whatever else a page might
/// come to contain could take the token away. The one image is the empty icon.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// `GET /verify`
pub(super) async fn verify() -> HttpResponse {
    page(include_str!("../../assets/mailed/verify.html"))
}

/// `GET /reset-password`
pub(super) async fn reset_password() -> HttpResponse {
    page(include_str!("../../assets/mailed/reset-password.html"))
}

/// `GET /verify/{file}` and `GET /reset-password/{file}`: what both pages consist of. Each has it
/// below itself, so that their links hold wherever the public URL begins.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Error> {
    let (media_type, text) = match request.match_info().get("file") {
        Some("page.js") => {
            ("text/javascript; charset=utf-8", include_str!("../../assets/mailed/page.js"))
        }
        Some("page.css") => {
            ("text/css; charset=utf-8", include_str!("../../assets/mailed/page.css"))
        }
        _ => return Err(Problem::not_found("file of the page").into()),
    };
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(text))
}

fn page(html: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(html)
}
