//! The pages outside the base path: Swagger UI, the diagrams, the targets of mailed links, the
//! problem types, and health checks.

mod diagram;
mod mailed;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::BASE_PATH;
use crate::error::{Error, Failure};
use crate::metrics;
use crate::problem::{Problem, ProblemType};
use crate::state::SharedState;
use crate::table::resource;

/// Adds the pages.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let get = |route: actix_web::Route| vec![(Method::GET, route)];
    config
        .service(resource("", "/", get(web::route().to(|| async { redirect("/docs/") }))))
        .service(resource("", "/docs", get(web::route().to(|| async { redirect("/docs/") }))))
        .service(resource("", "/docs/{file:.*}", get(web::route().to(swagger_ui))))
        .service(resource("", "/schema", get(web::route().to(diagram::show))))
        .service(resource("", "/schema/{file}", get(web::route().to(diagram::file))))
        .service(resource("", "/verify", get(web::route().to(mailed::verify))))
        .service(resource("", "/verify/{file}", get(web::route().to(mailed::file))))
        .service(resource("", "/reset-password", get(web::route().to(mailed::reset_password))))
        .service(resource("", "/reset-password/{file}", get(web::route().to(mailed::file))))
        .service(resource("", "/confirm-email", get(web::route().to(mailed::confirm_email))))
        .service(resource("", "/confirm-email/{file}", get(web::route().to(mailed::file))))
        .service(resource("", "/problems/{slug}", get(web::route().to(problem))));
}

/// Adds the metrics and the health checks.
pub(crate) fn configure_monitoring(config: &mut web::ServiceConfig) {
    let get = |route: actix_web::Route| vec![(Method::GET, route)];
    config
        .service(resource("", "/livez", get(web::route().to(live))))
        .service(resource("", "/readyz", get(web::route().to(ready))))
        .service(resource("", "/metrics", get(web::route().to(metrics))));
}

fn redirect(to: &str) -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, to)).finish()
}

/// Allows scripts and requests to this server only, and the inline styles of Swagger UI.
const SWAGGER_POLICY: &str = "default-src 'none'; script-src 'self'; \
                              style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                              connect-src 'self'; base-uri 'none'; form-action 'none'; \
                              frame-ancestors 'none'";

static SWAGGER: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Arc::new(
        Config::new([format!("{BASE_PATH}/openapi.json")])
            .try_it_out_enabled(true)
            .display_request_duration(true)
            // Otherwise the browser would store the password in plain text.
            .persist_authorization(false)
            .doc_expansion("list")
            .default_models_expand_depth(0)
            .filter(true)
            .validator_url("none"),
    )
});

/// `GET /docs/…`: a compiled-in file of Swagger UI.
async fn swagger_ui(request: HttpRequest) -> Result<HttpResponse, Error> {
    let file = request.match_info().get("file").unwrap_or_default();
    match utoipa_swagger_ui::serve(file, Arc::clone(&SWAGGER)) {
        Ok(Some(SwaggerFile { bytes, content_type, gzpipped, .. })) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((header::CONTENT_SECURITY_POLICY, SWAGGER_POLICY));
            if gzpipped {
                response.insert_header(header::ContentEncoding::Gzip);
            }
            Ok(response.content_type(content_type).body(bytes.into_owned()))
        }
        Ok(None) => Err(Problem::not_found("file of Swagger UI").into()),
        Err(error) => Err(Failure::SwaggerUi(error.to_string()).into()),
    }
}

/// `GET /problems/{slug}`: the explanation of a problem type.
async fn problem(request: HttpRequest) -> Result<HttpResponse, Error> {
    let slug = request.match_info().get("slug").unwrap_or_default();
    let problem_type = ProblemType::ALL
        .iter()
        .find(|problem_type| problem_type.slug() == slug)
        .ok_or_else(|| Problem::not_found("problem type"))?;
    let (title, status) = (problem_type.title(), problem_type.status());
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
         <h1>{title}</h1>\n<p>Status {status}</p>\n<p>{}</p>\n</html>\n",
        with_code(problem_type.meaning())
    );
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(body))
}

/// Returns HTML with `<code>` for backquotes. The text must be trusted: it is not escaped.
fn with_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for (index, part) in text.split('`').enumerate() {
        match index % 2 {
            0 => html.push_str(part),
            _ => html.extend(["<code>", part, "</code>"]),
        }
    }
    html
}

/// `GET /livez`: the process is running.
async fn live() -> HttpResponse {
    status("live")
}

/// The time limit of the database for [`ready`].
const READY_WITHIN: Duration = Duration::from_secs(2);

/// `GET /readyz`: the database can be read and written, and the server has not been asked to stop.
async fn ready(state: SharedState) -> Result<HttpResponse, Error> {
    if state.connections.is_stopping() {
        return Err(Failure::Stopping.into());
    }
    let checked = tokio::time::timeout(READY_WITHIN, state.database.check_health()).await;
    checked.map_err(|_| Failure::NotReady)?.map_err(Failure::from)?;
    Ok(status("ready"))
}

/// `GET /metrics`: the metrics of this server process.
async fn metrics(state: SharedState) -> Result<HttpResponse, Error> {
    let text = state.metrics.encode().map_err(|_| Failure::Metrics)?;
    Ok(HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(text))
}

fn status(status: &str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(json!({ "status": status }).to_string())
}
