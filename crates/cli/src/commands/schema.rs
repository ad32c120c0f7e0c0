//! `recto schema`.

use recto_api::SchemaDescription;
use recto_domain::MODULES;

use super::{CommandError, print};
use crate::cli::SchemaFormat;

pub(super) fn run(format: SchemaFormat) -> Result<(), CommandError> {
    let description = SchemaDescription::of(&MODULES);
    let text = match format {
        SchemaFormat::Json => description.json(),
        SchemaFormat::Mermaid => description.mermaid(),
        SchemaFormat::Dot => description.dot(),
    };
    Ok(print(&text.trim_end())?)
}
