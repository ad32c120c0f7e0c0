//! The pages outside the base path: the start page, Swagger UI, the diagrams, the targets of mailed
//! links, the problem types; and health checks.

mod assets;
mod diagram;
mod home;
mod layout;
mod mailed;
mod not_found;
mod problems;
mod swagger_ui;

use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::error::{Error, Failure};
use crate::metrics;
use crate::state::SharedState;
use crate::table::resource;

pub(crate) use not_found::not_found;

/// Adds the pages.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let get = |route: actix_web::Route| vec![(Method::GET, route)];
    let redirect = |to: &'static str| web::route().to(move || async move { redirect(to) });
    config
        .service(resource("", "/", get(web::route().to(home::show))))
        .service(resource("", "/assets/{file}", get(web::route().to(assets::show))))
        .service(resource("", "/favicon.ico", get(web::route().to(assets::favicon))))
        .service(resource("", "/docs", get(redirect("/docs/"))))
        .service(resource("", "/docs/{file:.*}", get(web::route().to(swagger_ui::show))))
        .service(resource("", "/schema", get(web::route().to(diagram::show))))
        .service(resource("", "/verify", get(web::route().to(mailed::verify))))
        .service(resource("", "/reset-password", get(web::route().to(mailed::reset_password))))
        .service(resource("", "/confirm-email", get(web::route().to(mailed::confirm_email))))
        .service(resource("", "/problems", get(redirect("/problems/"))))
        .service(resource("", "/problems/", get(web::route().to(problems::list))))
        .service(resource("", "/problems/{slug}", get(web::route().to(problems::show))));
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
