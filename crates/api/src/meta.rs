//! The handlers that describe the interface itself.

use std::sync::LazyLock;

use actix_web::web::Data;

use crate::answer::Written;
use crate::context::Context;
use crate::error::Error;
use crate::schema::Description;

/// The OpenAPI document. The server adds it to the application: it describes the routes, and this
/// module is one of them.
pub(crate) struct OpenApiDocument(pub(crate) &'static LazyLock<Vec<u8>>);

static SCHEMA: LazyLock<Vec<u8>> =
    LazyLock::new(|| Description::of(&recto_domain::MODULES).json().into_bytes());

/// `GET /openapi.json`
pub(crate) async fn openapi(_: Context, document: Data<OpenApiDocument>) -> Result<Written, Error> {
    Ok(Written(document.0))
}

/// `GET /schema`
pub(crate) async fn schema(_: Context) -> Result<Written, Error> {
    Ok(Written(&SCHEMA))
}
