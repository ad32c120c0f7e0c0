//! `recto schema`.

use recto_api::SchemaDescription;
use recto_domain::MODULES;

use super::{CommandError, print};
use crate::cli::SchemaFormat;

pub(super) fn run(format: SchemaFormat) -> Result<(), CommandError> {
    let catalogue = SchemaDescription::of(&MODULES);
    let text = match format {
        SchemaFormat::Json => catalogue.json(),
        SchemaFormat::Mermaid => catalogue.mermaid(),
        SchemaFormat::Dot => catalogue.dot(),
    };
    Ok(print(&text.trim_end())?)
}
