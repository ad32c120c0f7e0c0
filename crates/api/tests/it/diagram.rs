//! The relation catalogue as JSON, as a page, and as drawn by a browser.

use recto_api::SchemaDescription;
use recto_domain::MODULES;
use recto_testkit::both_servers;
use recto_testkit::browser::Browser;
use recto_testkit::database::Engine;
use recto_testkit::server::TestServer;
use serde_json::Value;

use crate::support::assertions::Expect as _;
use crate::support::json_schema::Schemas;
use crate::support::operations::document;

fn catalogue_is_served_as_json(server: &TestServer) {
    let response = server.get("/api/v1/schema");
    let expected: Value = serde_json::from_str(&SchemaDescription::of(&MODULES).json()).unwrap();
    assert_eq!(response.expect_status(200), &expected);
    assert_eq!(response.header("content-type"), Some("application/json"));
    let document = document();
    let described = &document["paths"]["/api/v1/schema"]["get"]["responses"]["200"]["content"];
    let schema = &described["application/json"]["schema"];
    assert!(!document["components"]["schemas"]["Schema"].to_string().contains("```"));
    Schemas::of(&document).check(schema, &response.json, "/api/v1/schema");
    server.get("/api/v1/schema?format=dot").expect_problem("invalid-parameter");
}

fn page_shows_every_module(server: &TestServer) {
    let page = server.get("/schema");
    assert_eq!(page.status, 200);
    let html = page.text();
    for module in MODULES {
        assert!(html.contains(&format!("<section id=\"{}\">", module.name)));
    }
}

fn page_shows_json_types(server: &TestServer) {
    let html = server.get("/schema").text();
    for entity in SchemaDescription::of(&MODULES).entities {
        for field in entity.fields {
            let types = ["uuid", "date-time", "string", "integer", "boolean"];
            let is_shown = |name: &&str| html.contains(&format!("        {name} {}", field.name));
            let shown = types.iter().find(|name| is_shown(name));
            assert!(shown.is_some(), "{}.{}", entity.name, field.name);
            assert!(!html.contains(&format!("        {} {}", field.type_name, field.name)));
        }
    }
    for line in ["uuid uid PK", "integer rating", "date-time created_at", "integer id PK"] {
        assert!(html.contains(&format!("        {line}\n")), "{line}");
    }
}

fn unknown_files_are_not_found(server: &TestServer) {
    for file in ["/schema/draw.js", "/assets/mermaid.js", "/assets/schema.js/x"] {
        server.get(file).expect_problem("not-found");
    }
    let refused = server.anonymous().delete("/schema");
    assert_eq!(refused.expect_problem("method-not-allowed")["status"], 405);
}

#[test]
fn catalogue_paths_are_in_the_document() {
    let document = document();
    let catalogue = SchemaDescription::of(&MODULES);
    let entities = catalogue.entities.iter().map(|entity| &entity.path);
    for path in entities.chain(catalogue.relations.iter().map(|relation| &relation.path)) {
        assert!(document["paths"][format!("/api/v1{path}")]["get"].is_object(), "{path}");
    }
}

#[test]
fn browser_draws_every_module_with_names() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    browser.open(&server.url("/schema"));
    // The source text of a drawn diagram is folded.
    browser.wait(&drawn());
    let dom = browser.dom();
    let figures: Vec<_> = dom.split("<figure data-module=\"").skip(1).collect();
    assert_eq!(figures.len(), MODULES.len() + 1);
    for figure in figures {
        let name = figure.split('"').next().unwrap();
        let modules: Vec<_> =
            MODULES.into_iter().filter(|module| name == "all" || module.name == name).collect();
        let catalogue = SchemaDescription::of(&modules);
        let (drawn, below) = figure.split_once("<details").unwrap();
        assert!(drawn.contains("<svg"), "{name} is not drawn:\n{below}");
        assert!(!drawn.contains("class=\"error"), "{name}: {drawn}");
        assert!(!below.starts_with(" open"), "{name}");
        assert!(drawn.contains("aria-label=\"Zoom in\""), "{name}");
        let texts = texts_of(drawn);
        for entity in &catalogue.entities {
            assert!(texts.iter().any(|text| text == entity.name), "{name}: {texts:?}");
        }
        for relation in catalogue.pairs() {
            let names = relation.both_names();
            assert!(texts.contains(&names), "{name}: {names} is not among {texts:?}");
        }
    }
}

/// Returns the condition that all diagrams are drawn.
pub(crate) fn drawn() -> String {
    let number = MODULES.len() + 1;
    format!("document.querySelectorAll('figure .canvas:not([hidden])').length === {number}")
}

#[test]
fn browser_shows_one_module_and_zooms() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    browser.resize(390, 844);
    browser.open(&server.url("/schema#org"));
    browser.wait(&drawn());
    let visible = "[...document.querySelectorAll('section')].filter((one) => !one.hidden).map((one) => one.id).join()";
    assert_eq!(browser.evaluate(visible), "org");
    // A diagram that is wider than the screen is not made too small to be read.
    let is_hidden = |part: &str| format!("document.querySelector('#{part}').hidden");
    assert_eq!(browser.evaluate(&is_hidden("org .zoom .faint")), false);
    assert_eq!(browser.evaluate(&is_hidden("org [aria-label=\"Fit the width\"]")), true);
    browser.click(".tabs a[href='#school']");
    browser.wait(&format!("{visible} === 'school'"));
    let width = "document.querySelector('#school svg').getBoundingClientRect().width";
    let before = browser.evaluate(width).as_f64().unwrap();
    browser.click("#school [aria-label='Zoom in']");
    assert!(browser.evaluate(width).as_f64().unwrap() > before * 1.2);
    browser.click("#school [aria-label='Fit the width']");
    assert!(browser.evaluate(width).as_f64().unwrap() < 390.0);
    let cut = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.evaluate(cut), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn documentation_links_to_the_diagram() {
    let Some(mut browser) = Browser::find() else { return };
    let server = TestServer::start(Engine::Sqlite).unwrap();
    browser.open(&server.url("/docs/"));
    browser.wait("document.querySelector('.opblock') !== null");
    let dom = browser.dom();
    assert!(dom.contains("href=\"/schema\""), "{dom}");
    for path in ["/api/v1/schema", "/api/v1/books"] {
        assert!(dom.contains(&format!("data-path=\"{path}\"")), "{path}");
    }
}

/// Returns the texts between tags.
fn texts_of(html: &str) -> Vec<String> {
    let pieces = html.split('>').filter_map(|part| part.split('<').next());
    pieces.map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned).collect()
}

both_servers!(
    catalogue_is_served_as_json,
    page_shows_every_module,
    page_shows_json_types,
    unknown_files_are_not_found,
);
