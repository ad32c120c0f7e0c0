//! `/schema`: a page with a diagram and a table of the relations of each module.
//!
//! Mermaid draws the diagrams. It is compiled in, since the page's policy forbids requests to other
//! servers.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use recto_domain::MODULES;
use recto_relations::{Cardinality, Module, OnDelete, Storage};
use serde_json::Value;

use super::assets;
use super::layout::{HtmlPage, escaped, fill};
use crate::document;
use crate::paths;
use crate::schema::{RelationDescription, SchemaDescription};

/// Allows inline styles, which the diagrams contain.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

static BODY: LazyLock<String> = LazyLock::new(body);

/// `GET /schema`
pub(super) async fn show(request: HttpRequest) -> HttpResponse {
    let scripts = &[assets::MERMAID, assets::SCHEMA_SCRIPT];
    let page = HtmlPage::new(request.path(), "Entities and relations", &BODY);
    HtmlPage { policy: POLICY, scripts, ..page }.respond(StatusCode::OK)
}

fn body() -> String {
    let document = serde_json::from_str(&document::openapi_json()).unwrap_or_default();
    let describe =
        |modules: &[&'static Module]| with_json_types(SchemaDescription::of(modules), &document);
    let (mut tabs, mut sections) = (String::new(), String::new());
    for module in MODULES {
        let description = describe(&[module]);
        let table = table(&description);
        tabs.extend(["<a href=\"#", module.name, "\">", module.name, "</a>\n"]);
        sections.push_str(&section(module.name, &title(module), &description, &table));
    }
    tabs.push_str("<a href=\"#all\">all</a>\n");
    sections.push_str(&section("all", "All modules", &describe(&MODULES), ""));
    let values = [
        ("tabs", &*tabs),
        ("sections", &sections),
        ("mermaid", assets::MERMAID.stem()),
        ("licence", &assets::MERMAID_LICENCE.url("{{root}}")),
        ("third-party", &assets::MERMAID_THIRD_PARTY.url("{{root}}")),
    ];
    fill(include_str!("../../assets/pages/schema.html"), &values)
}

/// Returns a description with the types that clients see, from the OpenAPI document.
fn with_json_types(mut description: SchemaDescription, document: &Value) -> SchemaDescription {
    for entity in &mut description.entities {
        for field in &mut entity.fields {
            let pointer = format!("/components/schemas/{}/properties/{}", entity.name, field.name);
            let schema = document.pointer(&pointer).unwrap_or(&Value::Null);
            field.type_name = json_type(schema, document);
        }
    }
    description
}

/// Returns the format of a schema, or its type.
fn json_type(schema: &Value, document: &Value) -> &'static str {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return document.pointer(pointer).map_or("any", |schema| json_type(schema, document));
    }
    let choices = ["oneOf", "anyOf", "allOf"].iter().find_map(|name| schema[name].as_array());
    let choice = choices.and_then(|choices| choices.iter().find(|one| one["type"] != "null"));
    if let Some(choice) = choice {
        return json_type(choice, document);
    }
    let is_type = |name: &str| match &schema["type"] {
        Value::Array(types) => types.iter().any(|one| one == name),
        one => one == name,
    };
    match schema["format"].as_str() {
        Some("uuid") => "uuid",
        Some("date-time") => "date-time",
        Some("email") => "email",
        _ => ["string", "integer", "number", "boolean", "array", "object"]
            .into_iter()
            .find(|name| is_type(name))
            .unwrap_or("any"),
    }
}

fn title(module: &Module) -> String {
    let path = paths::module(module);
    let below = if path.is_empty() { "" } else { ", below " };
    format!("Module {}{below}{path}", module.name)
}

/// Returns a diagram as text, which the script of the page draws.
fn section(id: &str, title: &str, description: &SchemaDescription, table: &str) -> String {
    format!(
        "<section id=\"{id}\">\n<h2 id=\"title-{id}\">{title}</h2>\n\
         <figure data-module=\"{id}\">\n\
         <div class=\"canvas\" tabindex=\"0\" hidden></div>\n\
         <details>\n<summary>The diagram as text</summary>\n<pre>{}</pre>\n</details>\n\
         </figure>\n{table}</section>\n",
        escaped(&description.mermaid())
    )
}

/// Returns a table of the relations, which has more than the diagram and needs no script.
fn table(description: &SchemaDescription) -> String {
    let mut rows = String::new();
    for relation in &description.relations {
        let RelationDescription { from, name, to, inverse, path, .. } = relation;
        let (columns, on_delete) = (columns(relation.storage), on_delete(relation));
        let count = match relation.cardinality {
            Cardinality::Many => "many",
            Cardinality::Optional => "one or none",
            Cardinality::One => "one",
        };
        rows.extend([
            format!("<tr><th scope=\"row\">{from}.{name}</th>"),
            format!("<td data-label=\"Target\">{to}, {count}</td>"),
            format!("<td data-label=\"Inverse\">{to}.{inverse}</td>"),
            format!("<td data-label=\"On delete\">{on_delete}</td>"),
            format!("<td data-label=\"Columns\">{columns}</td>"),
            format!("<td data-label=\"Path\"><code>{}</code></td></tr>\n", escaped(path)),
        ]);
    }
    format!(
        "<table class=\"cards\">\n<thead><tr><th>Relation</th><th>Target</th><th>Inverse</th>\
         <th>On delete</th><th>Columns</th><th>Path</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n"
    )
}

fn columns(storage: Storage) -> String {
    match storage {
        Storage::ForeignKey { table, column } => format!("<code>{table}.{column}</code>"),
        Storage::Link { table, from, to, data } => {
            let columns = [&[from, to], data].concat().join(", ");
            format!("<code>{table}({columns})</code>")
        }
        Storage::Through { first, second } => format!("through <code>{first}.{second}</code>"),
    }
}

fn on_delete(relation: &RelationDescription) -> String {
    if matches!(relation.storage, Storage::Link { .. }) {
        return "the link is deleted".to_owned();
    }
    let (one, many) = match relation.cardinality {
        Cardinality::Many => (relation.from, relation.to),
        Cardinality::Optional | Cardinality::One => (relation.to, relation.from),
    };
    match relation.on_delete {
        Some(OnDelete::Cascade) => format!("{many} is deleted with {one}"),
        Some(OnDelete::SetNull) => format!("{many} remains without {one}"),
        Some(OnDelete::Restrict) => format!("{one} cannot be deleted before {many}"),
        None => String::new(),
    }
}
