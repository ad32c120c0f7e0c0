//! The relation catalogue as JSON, as a page, and as drawn by a browser.

use std::collections::BTreeSet;

use recto_api::Description;
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
    let answer = server.get("/api/v1/schema");
    let expected: Value = serde_json::from_str(&Description::of(&MODULES).json()).unwrap();
    assert_eq!(answer.expect_status(200), &expected);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = document();
    let described = &document["paths"]["/api/v1/schema"]["get"]["responses"]["200"]["content"];
    let schema = &described["application/json"]["schema"];
    assert!(!document["components"]["schemas"]["Schema"].to_string().contains("```"));
    Schemas::of(&document).check(schema, &answer.json, "/api/v1/schema");
    server.get("/api/v1/schema?format=dot").expect_problem("invalid-parameter");
}

fn page_loads_only_local_files(server: &TestServer) {
    let page = server.get("/schema");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    let html = page.text();
    // All scripts are files.
    assert_eq!(html.matches("<script").count(), html.matches("<script defer src=\"/").count());
    let mut files = BTreeSet::new();
    for attribute in ["src=\"", "href=\""] {
        for part in html.split(attribute).skip(1) {
            let target = part.split('"').next().unwrap();
            match target.strip_prefix("/schema/") {
                Some(file) => _ = files.insert(file.to_owned()),
                None => assert!(
                    target.starts_with('#')
                        || ["data:,", "/docs/", "/api/v1/schema"].contains(&target),
                    "{target}"
                ),
            }
        }
    }
    assert_eq!(files.len(), 5, "{files:?}");
    for file in &files {
        let asset = server.get(&format!("/schema/{file}"));
        assert_eq!(asset.status, 200, "{file}");
        assert!(!asset.body.is_empty(), "{file}");
        let is_immutable = asset.header("cache-control").unwrap().contains("immutable");
        assert_eq!(is_immutable, file.bytes().any(|byte| byte.is_ascii_digit()), "{file}");
        let is_compressed = asset.header("content-encoding") == Some("gzip");
        assert_eq!(is_compressed, asset.body.starts_with(&[0x1f, 0x8b]), "{file}");
    }
    for module in MODULES {
        assert!(html.contains(&format!("<section id=\"{}\">", module.name)));
    }
}

fn unknown_files_are_not_found(server: &TestServer) {
    for file in ["nonsense.js", "mermaid.js", "mermaid-1.0.0.js", "draw.js.map", "page.css/x"] {
        server.get(&format!("/schema/{file}")).expect_problem("not-found");
    }
    let refused = server.anonymous().delete("/schema");
    assert_eq!(refused.expect_problem("method-not-allowed")["status"], 405);
}

#[test]
fn catalogue_paths_are_in_the_document() {
    let document = document();
    let catalogue = Description::of(&MODULES);
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
    browser.wait("!document.querySelector('figure details[open]')");
    browser.picture("schema");
    let dom = browser.dom();
    let figures: Vec<_> = dom.split("<figure data-module=\"").skip(1).collect();
    assert_eq!(figures.len(), MODULES.len() + 1);
    for figure in figures {
        let name = figure.split('"').next().unwrap();
        let modules: Vec<_> =
            MODULES.into_iter().filter(|module| name == "all" || module.name == name).collect();
        let catalogue = Description::of(&modules);
        let (drawn, below) = figure.split_once("<details").unwrap();
        assert!(drawn.contains("<svg"), "{name} is not drawn:\n{below}");
        assert!(!drawn.contains("class=\"error"), "{name}: {drawn}");
        assert!(!below.starts_with(" open"), "{name}");
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
    page_loads_only_local_files,
    unknown_files_are_not_found,
);
