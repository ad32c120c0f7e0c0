//! `recto openapi`.

use super::{CommandError, print};

pub(super) fn run() -> Result<(), CommandError> {
    Ok(print(&recto_api::openapi_json().trim_end())?)
}
