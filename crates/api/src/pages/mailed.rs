//! `/verify`, `/reset-password` and `/confirm-email`: the targets of mailed links.
//!
//! The token is in the fragment of the link, which browsers do not send, so a scanner that follows
//! the link does not use the token up. The script of the page sends it when the button is pressed.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::assets;
use super::layout::Page;

/// `GET /verify`
pub(super) async fn verify(request: HttpRequest) -> HttpResponse {
    let body = include_str!("../../assets/pages/verify.html");
    respond(&request, "Confirm your e-mail address", body)
}

/// `GET /reset-password`
pub(super) async fn reset_password(request: HttpRequest) -> HttpResponse {
    let body = include_str!("../../assets/pages/reset-password.html");
    respond(&request, "Choose a new password", body)
}

/// `GET /confirm-email`
pub(super) async fn confirm_email(request: HttpRequest) -> HttpResponse {
    let body = include_str!("../../assets/pages/confirm-email.html");
    respond(&request, "Confirm your new e-mail address", body)
}

fn respond(request: &HttpRequest, title: &str, body: &str) -> HttpResponse {
    Page {
        head: "<meta name=\"robots\" content=\"noindex\">\n",
        scripts: &[assets::MAILED_SCRIPT],
        cache_control: "no-store",
        ..Page::new(request.path(), title, body)
    }
    .respond(StatusCode::OK)
}
