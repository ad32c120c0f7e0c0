//! `/schema`: a page with a diagram and a table of the relations of each module.
//!
//! Mermaid draws the diagrams. It is compiled in, since the page's policy forbids requests to other
//! servers.

use std::sync::LazyLock;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpRequest, HttpResponse};
use recto_domain::MODULES;
use recto_relations::{Cardinality, Module, OnDelete, Storage};

use crate::BASE_PATH;
use crate::error::Error;
use crate::paths;
use crate::problem::Problem;
use crate::schema::{Description, RelationDescription};

/// The name of the Mermaid file, with its version.
const MERMAID: &str = "mermaid-11.17.2.js";

/// Allows inline styles, which the diagrams contain.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// For a file with its version in the name.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// For all other files.
const REVALIDATE: &str = "no-cache";

static PAGE: LazyLock<String> = LazyLock::new(page);

/// `GET /schema`
pub(super) async fn show() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, REVALIDATE))
        .body(PAGE.as_str())
}

/// `GET /schema/{file}`: the scripts and styles of the page.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Error> {
    let name = request.match_info().get("file").unwrap_or_default();
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| Problem::not_found("file of the diagram"))?;
    let mut response = HttpResponse::Ok();
    if asset.gzipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    Ok(response
        .content_type(asset.media_type)
        .insert_header((header::CACHE_CONTROL, asset.cache_control))
        .body(asset.bytes))
}

struct Asset {
    name: &'static str,
    media_type: &'static str,
    cache_control: &'static str,
    gzipped: bool,
    bytes: &'static [u8],
}

static ASSETS: [Asset; 5] = [
    Asset {
        name: MERMAID,
        media_type: "text/javascript; charset=utf-8",
        cache_control: IMMUTABLE,
        gzipped: true,
        bytes: include_bytes!("../../assets/mermaid/mermaid.tiny.js.gz"),
    },
    Asset {
        name: "mermaid-licence.txt",
        media_type: "text/plain; charset=utf-8",
        cache_control: REVALIDATE,
        gzipped: false,
        bytes: include_bytes!("../../assets/mermaid/LICENSE"),
    },
    Asset {
        name: "mermaid-third-party.txt",
        media_type: "text/plain; charset=utf-8",
        cache_control: REVALIDATE,
        gzipped: false,
        bytes: include_bytes!("../../assets/mermaid/THIRD-PARTY.txt"),
    },
    Asset {
        name: "draw.js",
        media_type: "text/javascript; charset=utf-8",
        cache_control: REVALIDATE,
        gzipped: false,
        bytes: include_bytes!("../../assets/schema/draw.js"),
    },
    Asset {
        name: "page.css",
        media_type: "text/css; charset=utf-8",
        cache_control: REVALIDATE,
        gzipped: false,
        bytes: include_bytes!("../../assets/schema/page.css"),
    },
];

fn page() -> String {
    let links = MODULES.map(|module| format!("<a href=\"#{0}\">{0}</a>\n", module.name)).concat();
    let all = Description::of(&MODULES);
    let mut sections = section("all", "All modules", &all, "");
    for module in MODULES {
        let description = Description::of(&[module]);
        let table = table(&description);
        sections.push_str(&section(module.name, &title(module), &description, &table));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Entities and relations</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/schema/page.css\">\n\
         <script defer src=\"/schema/{MERMAID}\"></script>\n\
         <script defer src=\"/schema/draw.js\"></script>\n</head>\n<body>\n\
         <h1>Entities and relations</h1>\n\
         <p>Every relation can be followed in both directions, and has a name in each. \
         A line has both names; it is dashed for a relation through another entity. \
         As JSON: <a href=\"{BASE_PATH}/schema\"><code>{BASE_PATH}/schema</code></a>. \
         The API: <a href=\"/docs/\">documentation</a>.</p>\n\
         <nav aria-label=\"Modules\">\n<a href=\"#all\">all</a>\n{links}</nav>\n\
         <main>\n{sections}</main>\n\
         <footer><p>Drawn by Mermaid, <code>{MERMAID}</code>: \
         <a href=\"/schema/mermaid-licence.txt\">its licence</a>, and \
         <a href=\"/schema/mermaid-third-party.txt\">the licences of its dependencies</a>.</p></footer>\n\
         </body>\n</html>\n"
    )
}

fn title(module: &Module) -> String {
    let path = paths::module(module);
    let below = if path.is_empty() { "" } else { ", below " };
    format!("Module {}{below}{path}", module.name)
}

/// Returns a diagram as text, which the script of the page draws and closes.
fn section(id: &str, title: &str, description: &Description, table: &str) -> String {
    format!(
        "<section id=\"{id}\">\n<h2 id=\"title-{id}\">{title}</h2>\n\
         <figure data-module=\"{id}\">\n\
         <div class=\"canvas\" tabindex=\"0\" hidden></div>\n\
         <details open>\n<summary>The diagram as text</summary>\n<pre>{}</pre>\n</details>\n\
         </figure>\n{table}</section>\n",
        escaped(&description.mermaid())
    )
}

/// Returns a table of the relations, which has more than the diagram and needs no script.
fn table(description: &Description) -> String {
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
            format!("<tr><th scope=\"row\">{from}.{name}</th><td>{to}</td><td>{count}</td>"),
            format!("<td>{to}.{inverse}</td><td>{on_delete}</td><td>{columns}</td>"),
            format!("<td><code>{}</code></td></tr>\n", escaped(path)),
        ]);
    }
    format!(
        "<div class=\"table\" tabindex=\"0\">\n<table>\n<thead><tr><th>Relation</th><th>Target</th>\
         <th>Number</th><th>Inverse</th><th>On delete</th>\
         <th>Columns</th><th>Path</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
