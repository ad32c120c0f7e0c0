//! `/verify`, `/reset-password` and `/confirm-email`: the targets of mailed links.
//!
//! The token is in the fragment of the link, which browsers do not send, so a scanner that follows
//! the link does not use the token up. The script of the page sends it when the button is pressed.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use crate::error::Error;
use crate::problem::Problem;

/// Allows scripts, styles and requests of this server only, so that injected content cannot send
/// the token elsewhere. The only image is the empty icon.
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

/// `GET /confirm-email`
pub(super) async fn confirm_email() -> HttpResponse {
    page(include_str!("../../assets/mailed/confirm-email.html"))
}

/// `GET /verify/{file}`, and the same of the other pages: their script and styles. The paths are
/// relative to the page, so that the public URL may have a path of its own.
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
