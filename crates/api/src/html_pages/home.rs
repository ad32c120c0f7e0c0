//! `/`: an introduction, with requests to try.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::assets;
use super::layout::{HtmlPage, escaped, fill};
use crate::BASE_PATH;
use crate::settings::DemoLogin;
use crate::state::SharedState;

/// Requests that work on every server: a sentence, and a path below the base path.
const REQUESTS: [(&str, &str); 3] = [
    ("A page of books, the newest first.", "/books?limit=2"),
    (
        "A book with its tags, and its reviews with the users who wrote them.",
        "/books?limit=1&include=tags,reviews.user",
    ),
    (
        "The other direction: from tags to their books, and the number of them.",
        "/tags?sort=name&limit=3&include=books&count=books",
    ),
];

/// The address in the commands without the script of the page, which replaces it.
const USUAL_ADDRESS: &str = "http://127.0.0.1:8080";

const NO_ACCOUNTS: &str = "<h2>Accounts</h2>\n<p>Writing needs an account: <a href=\"{{root}}docs/#/auth\">sign up</a>, \
     and verify the address by the link in the mail. <code>recto serve --demo</code> serves a \
     small library with two accounts.</p>\n";

/// `GET /`
pub(super) async fn show(request: HttpRequest, state: SharedState) -> HttpResponse {
    let base = state.public_url.as_deref().unwrap_or(USUAL_ADDRESS);
    let requests: String = REQUESTS.iter().map(|request| item(base, request)).collect();
    let accounts = match &*state.demo_accounts {
        [] => NO_ACCOUNTS.to_owned(),
        accounts => demo(accounts),
    };
    let values = [
        ("requests", &*requests),
        ("accounts", &accounts),
        ("openapi", &format!("{{{{root}}}}{}/openapi.json", below_root(BASE_PATH))),
        ("tour", &assets::TOUR.url("{{root}}")),
        ("conventions", &assets::CONVENTIONS.url("{{root}}")),
        ("configuration", &assets::CONFIGURATION.url("{{root}}")),
    ];
    let body = fill(include_str!("../../assets/pages/home.html"), &values);
    HtmlPage { scripts: &[assets::HOME_SCRIPT], ..HtmlPage::new(request.path(), "Recto", &body) }
        .respond(StatusCode::OK)
}

fn item(base: &str, (text, path): &(&str, &str)) -> String {
    let path = escaped(&format!("{}{path}", below_root(BASE_PATH)));
    format!(
        "<li>\n<div><p>{text}</p>\n\
         <div class=\"actions\"><a href=\"{{{{root}}}}{path}\">Open</a></div></div>\n\
         <pre><code>curl '<span data-base>{}/</span>{path}'</code></pre>\n</li>\n",
        escaped(base)
    )
}

/// Returns the accounts of a demo.
fn demo(accounts: &[DemoLogin]) -> String {
    let entries = accounts.iter().map(|DemoLogin { email, password, role }| {
        let (email, password, role) = (escaped(email), escaped(password), escaped(role));
        format!("<dt>{email} ({role})</dt>\n<dd>password <code>{password}</code></dd>\n")
    });
    let entries: String = entries.collect();
    format!(
        "<div class=\"accounts\">\n<h2>Demo accounts</h2>\n<dl>\n{entries}</dl>\n\
         <p class=\"faint\">For <em>Authorize</em> in <a href=\"{{{{root}}}}docs/\">Swagger UI</a>. \
         All data is deleted when the server stops.</p>\n</div>\n"
    )
}

/// Returns a path without its slash, to append to the URL of the start page.
fn below_root(path: &str) -> &str {
    path.trim_start_matches('/')
}
