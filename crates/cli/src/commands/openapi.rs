//! `recto openapi`.

use super::{CommandError, print};

/// Prints the OpenAPI document as JSON.
pub(super) fn run() -> Result<(), CommandError> {
    Ok(print(&recto_api::openapi_json().trim_end())?)
}
