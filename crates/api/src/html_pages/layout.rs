//! The frame of all pages: their head, their links to each other, and their policy.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};

use super::assets::{self, Asset};

/// Allows scripts, styles, images and requests of this server only, so that injected content can
/// neither run nor send anything elsewhere.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                                 img-src 'self'; connect-src 'self'; base-uri 'none'; \
                                 form-action 'none'; frame-ancestors 'none'; \
                                 require-trusted-types-for 'script'; trusted-types 'none'";

/// A page. Its links are relative, since the public URL may have a path of its own.
pub(super) struct HtmlPage<'p> {
    /// The path of the page, as requested.
    pub(super) path: &'p str,
    /// The title, without the name of the site.
    pub(super) title: &'p str,
    /// Additional elements of the head.
    pub(super) head: &'p str,
    pub(super) scripts: &'p [Asset],
    pub(super) policy: &'p str,
    /// The value of `Cache-Control`.
    pub(super) cache_control: &'static str,
    /// The HTML below the links; `{{root}}` leads to the start page.
    pub(super) body: &'p str,
}

impl<'p> HtmlPage<'p> {
    /// Returns a page without scripts, for a path, with a title and a body.
    pub(super) fn new(path: &'p str, title: &'p str, body: &'p str) -> Self {
        Self {
            path,
            title,
            head: "",
            scripts: &[],
            policy: POLICY,
            cache_control: "no-cache",
            body,
        }
    }

    /// Returns the response with the page.
    pub(super) fn respond(&self, status: StatusCode) -> HttpResponse {
        HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, self.policy))
            .insert_header((header::CACHE_CONTROL, self.cache_control))
            .body(self.html())
    }

    fn html(&self) -> String {
        let root = root(self.path);
        let mut head = fill(self.head, &[("root", &root)]);
        for script in self.scripts {
            head.extend(["<script defer src=\"", &script.url(&root), "\"></script>\n"]);
        }
        let title = match self.title {
            "Recto" => Cow::Borrowed("Recto"),
            title => Cow::Owned(format!("{} · Recto", escaped(title))),
        };
        let current =
            |path| if self.path.starts_with(path) { " aria-current=\"page\"" } else { "" };
        let values = [
            ("in-docs", current("/docs/")),
            ("in-schema", current("/schema")),
            ("in-problems", current("/problems/")),
            ("title", &*title),
            ("icon", &assets::ICON.url(&root)),
            ("styles", &assets::STYLES.url(&root)),
            ("head", &head),
            ("root", &root),
            ("body", &fill(self.body, &[("root", &root)])),
        ];
        fill(include_str!("../../assets/pages/layout.html"), &values)
    }
}

/// Returns the relative URL of the start page from a path: `./` from `/schema`, `../` from
/// `/docs/`.
pub(super) fn root(path: &str) -> String {
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        slashes => "../".repeat(slashes - 1),
    }
}

/// Replaces each `{{name}}` of a template by its value. The values must be HTML. Other names
/// remain.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, (name, behind))) =
        rest.split_once("{{").and_then(|(before, behind)| Some((before, behind.split_once("}}")?)))
    {
        filled.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.extend(["{{", name, "}}"]),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

/// Returns text as HTML, also for an attribute in double quotes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns text as HTML, with `<code>` for backquotes.
pub(super) fn with_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for (index, part) in escaped(text).split('`').enumerate() {
        match index % 2 {
            0 => html.push_str(part),
            _ => html.extend(["<code>", part, "</code>"]),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once() {
        let values = [("a", "{{b}}"), ("b", "2")];
        assert_eq!(fill("<{{a}}> {{b}} {{c}} {{", &values), "<{{b}}> 2 {{c}} {{");
    }

    #[test]
    fn root_is_relative_to_the_path() {
        for (path, expected) in
            [("/", "./"), ("/schema", "./"), ("/docs/", "../"), ("/a/b/c", "../../"), ("*", "./")]
        {
            assert_eq!(root(path), expected, "{path}");
        }
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert_eq!(with_code("see `<b>` & more"), "see <code>&lt;b&gt;</code> &amp; more");
    }
}
