//! The pages for people: the common properties, the start page, and the page of a 404.

use recto_api::{DemoLogin, Settings};
use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{Response, TestServer};
use url::Url;

use crate::support::assertions::Expect as _;
use crate::support::limits::server_with;
use crate::support::raw_http;

const PAGES: [&str; 9] = [
    "/",
    "/docs/",
    "/docs/index.html",
    "/schema",
    "/problems/",
    "/problems/invalid-body",
    "/verify",
    "/reset-password",
    "/confirm-email",
];

/// The header `Accept` of a browser.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Returns the values of an attribute.
fn attributes<'h>(html: &'h str, name: &str) -> Vec<&'h str> {
    let parts = html.split(&format!(" {name}=\"")).skip(1).collect::<Vec<_>>();
    parts.into_iter().map(|part| part.split('"').next().unwrap()).collect()
}

/// Asserts that every element is closed.
#[track_caller]
fn assert_well_formed(html: &str) {
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let name = part.split(|c: char| c.is_whitespace() || c == '>').next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{part}"),
            None if ["!doctype", "meta", "link", "img", "input"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

/// Asserts what is true of all pages.
#[track_caller]
fn assert_is_page(response: &Response) -> String {
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.header("cache-control").is_some());
    let policy = response.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|one| one == rule), "{policy}");
    }
    let html = response.text();
    assert_well_formed(&html);
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{html}");
    assert!(html.contains("name=\"viewport\"") && html.contains("rel=\"icon\""), "{html}");
    assert!(!html.contains(" style=") && !html.contains("<style"), "{html}");
    assert_eq!(html.matches("<script").count(), html.matches("<script defer src=\"").count());
    assert!(!html.contains("{{"), "{html}");
    html
}

fn pages_are_complete_and_links_resolve(server: &TestServer) {
    for path in PAGES {
        let page = server.get(path);
        assert_eq!(page.status, 200, "{path}");
        let html = assert_is_page(&page);
        let here = Url::parse(&server.url(path)).unwrap();
        let targets = [attributes(&html, "href"), attributes(&html, "src")].concat();
        assert!(targets.len() > 6, "{html}");
        for target in targets {
            let url = here.join(&target.replace("&amp;", "&")).unwrap();
            assert_eq!(url.origin(), here.origin(), "{path}: {target}");
            if let Some(id) = target.strip_prefix('#') {
                assert!(html.contains(&format!("id=\"{id}\"")), "{path}: {target}");
            } else {
                let to = &url[url::Position::BeforePath..url::Position::AfterQuery];
                assert_eq!(server.get(to).status, 200, "{path}: {target}");
            }
        }
    }
}

fn files_are_stored_for_ever(server: &TestServer) {
    let mut files = 0;
    for path in PAGES {
        let html = server.get(path).text();
        for target in [attributes(&html, "href"), attributes(&html, "src")].concat() {
            let Some((_, file)) = target.split_once("assets/") else { continue };
            let file = server.get(&format!("/assets/{file}"));
            let cache_control = file.header("cache-control");
            assert_eq!(cache_control, Some("public, max-age=31536000, immutable"), "{target}");
            let is_compressed = file.header("content-encoding") == Some("gzip");
            assert_eq!(is_compressed, file.body.starts_with(&[0x1f, 0x8b]), "{target}");
            files += 1;
        }
    }
    assert!(files > 20, "{files}");
    let icon = server.get("/favicon.ico");
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml")));
    for file in ["/assets/", "/assets/recto.css", "/assets/recto-0000000000000000.css"] {
        server.get(file).expect_problem("not-found");
    }
}

/// Sends a GET with the path as it is.
fn get(server: &TestServer, path: &str, accept: &str) -> Response {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: {accept}\r\n\r\n");
    raw_http::send_bytes(server, request.as_bytes()).unwrap()
}

fn browser_gets_page_for_unknown_path(server: &TestServer) {
    for path in [
        "/nonsense",
        "/a/b/c?x=1",
        "/docs/nonsense",
        "/problems/nonsense",
        "/assets/x.css",
        "/schema/x",
        "/api/v2/books",
    ] {
        let page = get(server, path, BROWSER);
        assert_eq!(page.status, 404, "{path}");
        let html = assert_is_page(&page);
        assert!(html.contains("There is no such page"), "{html}");
        let here = Url::parse(&format!("http://{}{path}", server.address())).unwrap();
        for target in attributes(&html, "href") {
            let target = here.join(target).unwrap();
            assert_eq!(server.get(target.path()).status, 200, "{path}: {target}");
        }
        let problem = get(server, path, "*/*");
        problem.expect_problem("not-found");
        for response in [page, problem] {
            assert!(response.header("vary").unwrap().contains("Accept,"), "{path}: {response:?}");
        }
    }
    // Below the base path, errors are problems.
    get(server, "/api/v1/nonsense", BROWSER).expect_problem("not-found");
    get(server, "/api/v1/books/x", BROWSER).expect_problem("not-found");
    // The path is shown as text.
    let html = get(server, "/a&b\"'<i>", BROWSER).text();
    assert!(!html.contains("<i>"), "{html}");
    let long = get(server, &format!("/{}", "x".repeat(5_000)), BROWSER);
    assert!(long.body.len() < 4_000, "{}", long.body.len());
    let head = server.anonymous().send("HEAD", "/docs/x", &[("accept", BROWSER)], None);
    assert_eq!((head.status, head.body.len()), (404, 0));
}

fn start_page_has_requests_that_work(server: &TestServer) {
    let html = server.get("/").text();
    assert!(html.contains("<h1>A book catalogue with a REST API</h1>"));
    let requests: Vec<_> = attributes(&html, "href")
        .into_iter()
        .filter_map(|target| target.strip_prefix("./api/v1"))
        .filter(|path| path.contains('?'))
        .collect();
    assert_eq!(requests.len(), 3, "{html}");
    for path in requests {
        server.get(&path.replace("&amp;", "&")).expect_items();
        assert!(html.contains(&format!("/</span>api/v1{path}'</code>")), "{path}");
    }
    assert!(!html.contains("Demo accounts"));
}

#[test]
fn commands_begin_with_the_public_url() {
    let public_url = Some("https://books.example/recto".to_owned());
    let server = server_with(Settings { public_url, ..TestServer::settings() });
    let html = server.get("/").text();
    assert!(html.contains("https://books.example/recto/</span>api/v1/books?"), "{html}");
}

#[test]
fn only_a_demo_shows_demo_accounts() {
    let demo_accounts = vec![DemoLogin {
        email: "reader@recto.example".to_owned(),
        password: "<b>&\"".to_owned(),
        role: "user".to_owned(),
    }];
    let demo = server_with(Settings { demo_accounts, ..TestServer::settings() });
    let usual = TestServer::start(Engine::Sqlite).unwrap();
    for path in ["/", "/docs/"] {
        let html = assert_is_page(&demo.get(path));
        assert!(html.contains("reader@recto.example"), "{html}");
        assert!(html.contains("<code>&lt;b&gt;&amp;&quot;</code>"), "{html}");
        assert!(!assert_is_page(&usual.get(path)).contains("recto.example"));
    }
}

both_servers!(
    pages_are_complete_and_links_resolve,
    files_are_stored_for_ever,
    browser_gets_page_for_unknown_path,
    start_page_has_requests_that_work,
);
