//! `/verify`, `/reset-password` and `/confirm-email`: the targets of mailed links.
//!
//! The token is in the fragment of the link, which browsers do not send, so a scanner that follows
//! the link does not use the token up. The script of the page sends it when the button is pressed.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::assets;
use super::layout::{HtmlPage, fill};

/// `GET /verify`
pub(super) async fn verify(request: HttpRequest) -> HttpResponse {
    let new_link = new_link("verify-request", "an unverified account");
    let sections = fill(include_str!("../../assets/pages/verify.html"), &[("new-link", &new_link)]);
    respond(&request, "Verify your e-mail address", &sections)
}

/// `GET /reset-password`
pub(super) async fn reset_password(request: HttpRequest) -> HttpResponse {
    let new_link = new_link("password-reset-request", "an account");
    let sections =
        fill(include_str!("../../assets/pages/reset-password.html"), &[("new-link", &new_link)]);
    respond(&request, "Choose a new password", &sections)
}

/// `GET /confirm-email`
pub(super) async fn confirm_email(request: HttpRequest) -> HttpResponse {
    let sections = include_str!("../../assets/pages/confirm-email.html");
    respond(&request, "Confirm your new e-mail address", sections)
}

/// Returns the form that requests another link, and the section that confirms it.
fn new_link(request: &str, account: &str) -> String {
    let template = include_str!("../../assets/pages/new-link.html");
    fill(template, &[("request", request), ("account", account)])
}

fn respond(request: &HttpRequest, title: &str, sections: &str) -> HttpResponse {
    let heading = title.replace("e-mail", "<span class=\"unbroken\">e-mail</span>");
    let values = [("heading", &*heading), ("sections", sections)];
    let body = fill(include_str!("../../assets/pages/mailed.html"), &values);
    HtmlPage {
        head: "<meta name=\"robots\" content=\"noindex\">\n",
        scripts: &[assets::MAILED_SCRIPT],
        cache_control: "no-store",
        ..HtmlPage::new(request.path(), title, &body)
    }
    .respond(StatusCode::OK)
}
