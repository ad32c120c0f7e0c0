//! `/docs/`: Swagger UI, whose files are compiled in, with a page and a start of our own.

use std::sync::{Arc, LazyLock};

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::assets;
use super::layout::{HtmlPage, escaped, fill};
use crate::BASE_PATH;
use crate::error::{Error, Failure};
use crate::problem::Problem;
use crate::settings::DemoLogin;
use crate::state::{SharedState, State};

/// Allows scripts and requests to this server only, and the inline styles of Swagger UI.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
                      style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEAD: &str = "<link rel=\"stylesheet\" href=\"swagger-ui.css\">\n\
                    <script defer src=\"swagger-ui-bundle.js\"></script>\n";

/// The configuration of the page and the start that ours replace.
static UNUSED: LazyLock<Arc<Config<'static>>> = LazyLock::new(Arc::default);

/// `GET /docs/…`
pub(super) async fn show(request: HttpRequest, state: SharedState) -> Result<HttpResponse, Error> {
    match request.match_info().get("file").unwrap_or_default() {
        "" | "index.html" => Ok(page(request.path(), &state)),
        "swagger-initializer.js" => Err(Problem::not_found("file of Swagger UI").into()),
        file => self::file(file),
    }
}

fn page(path: &str, state: &State) -> HttpResponse {
    let accounts = &*state.demo_accounts;
    let listed = accounts.iter().map(|DemoLogin { email, password, role }| {
        json!({"email": email, "password": password, "role": role})
    });
    let listed = json!(listed.collect::<Vec<_>>()).to_string();
    let values = [
        ("openapi", &*format!("..{BASE_PATH}/openapi.json")),
        ("accounts", &escaped(&listed)),
        ("notice", &notice(accounts)),
    ];
    let body = fill(include_str!("../../assets/pages/docs.html"), &values);
    let scripts = &[assets::DOCS_SCRIPT];
    HtmlPage { head: HEAD, policy: POLICY, scripts, ..HtmlPage::new(path, "API", &body) }
        .respond(StatusCode::OK)
}

/// Returns a list of the accounts of a demo.
fn notice(accounts: &[DemoLogin]) -> String {
    let listed = accounts.iter().map(|DemoLogin { email, password, role }| {
        let (email, password, role) = (escaped(email), escaped(password), escaped(role));
        format!(
            "<li><span><code>{email}</code> ({role}),</span> \
             <span>password <code>{password}</code></span></li>\n"
        )
    });
    let listed: String = listed.collect();
    if listed.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"notice\">\n<p>Demo accounts for <em>Authorize</em>:</p>\n\
         <ul>\n{listed}</ul>\n</div>\n"
    )
}

/// Returns a file of Swagger UI.
fn file(name: &str) -> Result<HttpResponse, Error> {
    match utoipa_swagger_ui::serve(name, Arc::clone(&UNUSED)) {
        Ok(Some(SwaggerFile { bytes, content_type, gzpipped, .. })) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
            if gzpipped {
                response.insert_header(header::ContentEncoding::Gzip);
            }
            Ok(response.content_type(content_type).body(bytes.into_owned()))
        }
        Ok(None) => Err(Problem::not_found("file of Swagger UI").into()),
        Err(error) => Err(Failure::SwaggerUi(error.to_string()).into()),
    }
}
