//! The handlers that describe the interface itself.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;

use crate::extract::NoQuery;
use crate::present;
use crate::schema::Description;

/// The OpenAPI document. It describes the routes, of which this module has some, so the server
/// adds it to the application.
pub(crate) struct OpenApiDocument(pub(crate) &'static LazyLock<Vec<u8>>);

static SCHEMA: LazyLock<Vec<u8>> =
    LazyLock::new(|| Description::of(&recto_domain::MODULES).json().into_bytes());

/// `GET /openapi.json`
pub(crate) async fn openapi(_: NoQuery, document: Data<OpenApiDocument>) -> HttpResponse {
    present::json(StatusCode::OK, (*document.0).clone())
}

/// `GET /schema`
pub(crate) async fn schema(_: NoQuery) -> HttpResponse {
    present::json(StatusCode::OK, SCHEMA.clone())
}
