//! The handlers that describe the interface itself.

use std::sync::LazyLock;

use actix_web::web::Data;

use crate::context::Context;
use crate::error::Error;
use crate::response::StaticJson;
use crate::schema::SchemaDescription;

/// The OpenAPI document. The server adds it to the application: it describes the routes, and this
/// module is one of them.
pub(crate) struct OpenApiDocument(pub(crate) &'static LazyLock<StaticJson>);

static SCHEMA: LazyLock<StaticJson> =
    LazyLock::new(|| StaticJson::new(SchemaDescription::of(&recto_domain::MODULES).json()));

/// `GET /openapi.json`
pub(crate) async fn openapi(
    _: Context,
    document: Data<OpenApiDocument>,
) -> Result<&'static StaticJson, Error> {
    Ok(document.0)
}

/// `GET /schema`
pub(crate) async fn schema(_: Context) -> Result<&'static StaticJson, Error> {
    Ok(&SCHEMA)
}
