//! `/assets/{file}`: the styles, scripts and images of the pages, which are compiled in.
//!
//! The name of a file contains a hash of its content, so that browsers may store it for ever.

use std::sync::LazyLock;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpRequest, HttpResponse};
use twox_hash::XxHash3_64;

use crate::error::Error;
use crate::problem::Problem;

#[derive(Clone, Copy)]
pub(super) struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    is_gzipped: bool,
    bytes: &'static [u8],
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The styles of all pages.
pub(super) const STYLES: Asset =
    file("recto", "css", "text/css; charset=utf-8", include_bytes!("../../assets/pages/recto.css"));

/// The icon of all pages.
pub(super) const ICON: Asset =
    file("recto", "svg", "image/svg+xml", include_bytes!("../../assets/pages/favicon.svg"));

pub(super) const HOME_SCRIPT: Asset =
    file("home", "js", JAVASCRIPT, include_bytes!("../../assets/pages/home.js"));

pub(super) const MAILED_SCRIPT: Asset =
    file("mailed", "js", JAVASCRIPT, include_bytes!("../../assets/pages/mailed.js"));

pub(super) const SCHEMA_SCRIPT: Asset =
    file("schema", "js", JAVASCRIPT, include_bytes!("../../assets/pages/schema.js"));

pub(super) const DOCS_SCRIPT: Asset =
    file("docs", "js", JAVASCRIPT, include_bytes!("../../assets/pages/docs.js"));

/// Draws the diagrams.
pub(super) const MERMAID: Asset = Asset {
    is_gzipped: true,
    ..file(
        "mermaid-11.17.2",
        "js",
        JAVASCRIPT,
        include_bytes!("../../assets/mermaid/mermaid.tiny.js.gz"),
    )
};

pub(super) const MERMAID_LICENCE: Asset =
    file("mermaid-licence", "txt", TEXT, include_bytes!("../../assets/mermaid/LICENSE"));

pub(super) const MERMAID_THIRD_PARTY: Asset = file(
    "mermaid-third-party",
    "txt",
    TEXT,
    include_bytes!("../../assets/mermaid/THIRD-PARTY.txt"),
);

pub(super) const TOUR: Asset =
    file("tour", "txt", TEXT, include_bytes!("../../../../docs/tour.md"));

pub(super) const CONVENTIONS: Asset =
    file("api-conventions", "txt", TEXT, include_bytes!("../../../../docs/api-conventions.md"));

pub(super) const CONFIGURATION: Asset =
    file("configuration", "txt", TEXT, include_bytes!("../../../../docs/configuration.md"));

/// All files, with their names.
static ASSETS: LazyLock<Vec<(String, Asset)>> = LazyLock::new(|| {
    let assets = [
        STYLES,
        ICON,
        HOME_SCRIPT,
        MAILED_SCRIPT,
        SCHEMA_SCRIPT,
        DOCS_SCRIPT,
        MERMAID,
        MERMAID_LICENCE,
        MERMAID_THIRD_PARTY,
        TOUR,
        CONVENTIONS,
        CONFIGURATION,
    ];
    assets.map(|asset| (asset.name(), asset)).into()
});

/// `GET /assets/{file}`
pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Error> {
    let name = request.match_info().get("file").unwrap_or_default();
    let (_, asset) =
        ASSETS.iter().find(|(known, _)| known == name).ok_or_else(|| Problem::not_found("file"))?;
    Ok(asset.respond("public, max-age=31536000, immutable"))
}

/// `GET /favicon.ico`: the icon, for responses that are not pages.
pub(super) async fn favicon() -> HttpResponse {
    ICON.respond("public, max-age=86400")
}

const fn file(
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
) -> Asset {
    Asset { stem, extension, media_type, is_gzipped: false, bytes }
}

impl Asset {
    /// Returns the URL on a page from which `root` leads to the start page.
    pub(super) fn url(&self, root: &str) -> String {
        format!("{root}assets/{}", self.name())
    }

    /// Returns the name without hash and extension.
    pub(super) const fn stem(&self) -> &'static str {
        self.stem
    }

    fn name(&self) -> String {
        format!("{}-{:016x}.{}", self.stem, XxHash3_64::oneshot(self.bytes), self.extension)
    }

    fn respond(&self, cache_control: &'static str) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if self.is_gzipped {
            response.insert_header(ContentEncoding::Gzip);
        }
        response
            .content_type(self.media_type)
            .insert_header((header::CACHE_CONTROL, cache_control))
            .body(self.bytes)
    }
}
