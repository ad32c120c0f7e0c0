//! `/schema`: the relation catalogue as a page, each room drawn and told in a table.
//!
//! The drawing is Mermaid's, which is compiled in and served from here: the page asks nobody else
//! for anything, and its policy forbids it to.

use std::sync::LazyLock;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpRequest, HttpResponse};
use recto_domain::MODULES;
use recto_relations::{Cardinality, Module, OnDelete, Storage};

use crate::paths;
use crate::schema::{Description, RelationDescription};

use crate::BASE_PATH;
use crate::error::Error;
use crate::problem::Problem;

/// The file of the Mermaid that is compiled in, its version in the name.
const MERMAID: &str = "mermaid-11.17.2.js";

/// The drawn diagrams bring their styles along within them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What has its version in its name never changes.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// What has not is asked for again.
const ASK_AGAIN: &str = "no-cache";

static PAGE: LazyLock<String> = LazyLock::new(page);

/// `GET /schema`
pub(super) async fn show() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, ASK_AGAIN))
        .body(PAGE.as_str())
}

/// `GET /schema/{file}`: what the page consists of.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Error> {
    let name = request.match_info().get("file").unwrap_or_default();
    let file = FILES
        .iter()
        .find(|file| file.name == name)
        .ok_or_else(|| Problem::not_found("file of the diagram"))?;
    let mut response = HttpResponse::Ok();
    if file.zipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    Ok(response
        .content_type(file.media_type)
        .insert_header((header::CACHE_CONTROL, file.caching))
        .body(file.bytes))
}

struct File {
    name: &'static str,
    media_type: &'static str,
    caching: &'static str,
    zipped: bool,
    bytes: &'static [u8],
}

static FILES: [File; 5] = [
    File {
        name: MERMAID,
        media_type: "text/javascript; charset=utf-8",
        caching: FOR_GOOD,
        zipped: true,
        bytes: include_bytes!("../../assets/mermaid/mermaid.tiny.js.gz"),
    },
    File {
        name: "mermaid-licence.txt",
        media_type: "text/plain; charset=utf-8",
        caching: ASK_AGAIN,
        zipped: false,
        bytes: include_bytes!("../../assets/mermaid/LICENSE"),
    },
    File {
        name: "mermaid-third-party.txt",
        media_type: "text/plain; charset=utf-8",
        caching: ASK_AGAIN,
        zipped: false,
        bytes: include_bytes!("../../assets/mermaid/THIRD-PARTY.txt"),
    },
    File {
        name: "draw.js",
        media_type: "text/javascript; charset=utf-8",
        caching: ASK_AGAIN,
        zipped: false,
        bytes: include_bytes!("../../assets/schema/draw.js"),
    },
    File {
        name: "page.css",
        media_type: "text/css; charset=utf-8",
        caching: ASK_AGAIN,
        zipped: false,
        bytes: include_bytes!("../../assets/schema/page.css"),
    },
];

fn page() -> String {
    let rooms = MODULES.map(|room| format!("<a href=\"#{0}\">{0}</a>\n", room.name)).concat();
    let all = Description::of(&MODULES);
    let mut sections = section("all", "All rooms", &all, "");
    for room in MODULES {
        let description = Description::of(&[room]);
        let table = table(&description);
        sections.push_str(&section(room.name, &title(room), &description, &table));
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
         <p>Every relation has two names, one at either end, and can be walked from both. \
         A line bears both names; it is dashed where the way leads through another entity. \
         As data: <a href=\"{BASE_PATH}/schema\"><code>{BASE_PATH}/schema</code></a>. \
         The interface: <a href=\"/docs/\">documentation</a>.</p>\n\
         <nav aria-label=\"Rooms\">\n<a href=\"#all\">all</a>\n{rooms}</nav>\n\
         <main>\n{sections}</main>\n\
         <footer><p>Drawn by Mermaid, <code>{MERMAID}</code>: \
         <a href=\"/schema/mermaid-licence.txt\">its licence</a>, and \
         <a href=\"/schema/mermaid-third-party.txt\">those of what it is made of</a>.</p></footer>\n\
         </body>\n</html>\n"
    )
}

fn title(room: &Module) -> String {
    let path = paths::module(room);
    let place = if path.is_empty() { "" } else { ", below " };
    format!("The room {}{place}{path}", room.name)
}

/// A diagram with the text that it is drawn from, which stays open where nothing draws it.
fn section(id: &str, title: &str, description: &Description, table: &str) -> String {
    format!(
        "<section id=\"{id}\">\n<h2 id=\"title-{id}\">{title}</h2>\n\
         <figure data-room=\"{id}\">\n\
         <div class=\"canvas\" tabindex=\"0\" hidden></div>\n\
         <details open>\n<summary>The diagram as text</summary>\n<pre>{}</pre>\n</details>\n\
         </figure>\n{table}</section>\n",
        escaped(&description.mermaid())
    )
}

/// The same for those who do not look at drawings, and with what a drawing has no room for.
fn table(description: &Description) -> String {
    let mut rows = String::new();
    for relation in &description.relations {
        let RelationDescription { from, name, to, inverse, path, .. } = relation;
        let (stored, on_delete) = (stored(relation.storage), on_delete(relation));
        let count = match relation.cardinality {
            Cardinality::Many => "any number",
            Cardinality::Optional => "one or none",
            Cardinality::One => "one",
        };
        rows.extend([
            format!("<tr><th scope=\"row\">{from}.{name}</th><td>{to}</td><td>{count}</td>"),
            format!("<td>{to}.{inverse}</td><td>{on_delete}</td><td>{stored}</td>"),
            format!("<td><code>{}</code></td></tr>\n", escaped(path)),
        ]);
    }
    format!(
        "<div class=\"table\" tabindex=\"0\">\n<table>\n<thead><tr><th>Relation</th><th>leads to</th>\
         <th>how many</th><th>and back</th><th>on delete</th>\
         <th>stored in</th><th>read at</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn stored(storage: Storage) -> String {
    match storage {
        Storage::ForeignKey { table, column } => format!("<code>{table}.{column}</code>"),
        Storage::Link { table, from, to, data } => {
            let columns = [&[from, to], data].concat().join(", ");
            format!("<code>{table}({columns})</code>")
        }
        Storage::Through { first, second } => format!("by way of <code>{first}.{second}</code>"),
    }
}

fn on_delete(relation: &RelationDescription) -> String {
    if matches!(relation.storage, Storage::Link { .. }) {
        return "the link goes".to_owned();
    }
    let (one, many) = match relation.cardinality {
        Cardinality::Many => (relation.from, relation.to),
        Cardinality::Optional | Cardinality::One => (relation.to, relation.from),
    };
    match relation.on_delete {
        Some(OnDelete::Cascade) => format!("{many} goes with {one}"),
        Some(OnDelete::SetNull) => format!("{many} stays without {one}"),
        Some(OnDelete::Restrict) => format!("{many} stands in the way of {one}"),
        None => String::new(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
