//! Requests of browser pages from other origins.

use recto_api::Settings;
use recto_testkit::both_servers;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, uid};
use crate::support::fixtures::add_book;
use crate::support::operations::operations;

both_servers!(
    other_origins_are_refused_by_default,
    listed_origins_may_read_responses,
    errors_can_be_read,
    preflight_lists_methods_and_headers,
    every_origin_can_be_allowed,
);

const APP: &str = "https://app.example.org";

/// Starts a server that allows these origins.
fn with_origins(server: &TestServer, origins: &str) -> TestServer {
    let cors_origins = origins.parse().unwrap();
    server.another(Settings { cors_origins, ..TestServer::settings() })
}

fn from_origin(client: &TestClient<'_>, method: &str, path: &str, origin: &str) -> Response {
    client.send(method, path, &[("origin", origin)], None)
}

fn preflight(client: &TestClient<'_>, path: &str, origin: &str) -> Response {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,content-type,if-match"),
    ];
    client.send("OPTIONS", path, &headers, None)
}

/// Returns the names of the CORS headers of a response.
fn cors_headers(response: &Response) -> Vec<&str> {
    let names = response.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

fn varies_by_origin(response: &Response) -> bool {
    response.header("vary").is_some_and(|vary| vary.split(", ").any(|name| name == "Origin"))
}

fn other_origins_are_refused_by_default(server: &TestServer) {
    for response in [
        from_origin(&server.anonymous(), "GET", "/books", APP),
        preflight(&server.anonymous(), "/books", APP),
    ] {
        assert!([200, 204].contains(&response.status));
        assert_eq!(cors_headers(&response), [""; 0]);
        assert!(!varies_by_origin(&response));
    }
}

fn listed_origins_may_read_responses(server: &TestServer) {
    let server = with_origins(server, &format!("http://localhost:5173, {APP}"));
    let Clients { ada, anonymous, .. } = Clients::create(&server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    for origin in [APP, "http://localhost:5173"] {
        let response = from_origin(&ada, "GET", &book, origin);
        response.expect_status(200);
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
        assert!(varies_by_origin(&response));
        assert_eq!(response.header("access-control-allow-credentials"), None);
        let exposed = response.header("access-control-expose-headers").unwrap();
        for name in ["ETag", "Link", "Location", "Retry-After", "RateLimit", "X-Request-Id"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}");
        }
        let tag = response.header("etag").unwrap();
        let headers = [("origin", origin), ("if-none-match", tag)];
        let unchanged = ada.send("GET", &book, &headers, None);
        assert_eq!(unchanged.status, 304);
        assert_eq!(unchanged.header("access-control-allow-origin"), Some(origin));
        assert!(varies_by_origin(&unchanged));
    }
    for other in [
        "https://app.example.org.evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://APP.example.org",
        "null",
        "",
    ] {
        let response = from_origin(&ada, "GET", &book, other);
        response.expect_status(200);
        assert_eq!(cors_headers(&response), [""; 0], "{other}");
        assert!(varies_by_origin(&response), "{other}");
        let refused = preflight(&anonymous, &book, other);
        assert_eq!((refused.status, cors_headers(&refused)), (204, vec![]), "{other}");
    }
    assert!(varies_by_origin(&anonymous.get(&book)), "without an origin");
    // Pages outside of the API are not for other origins.
    for page in ["/livez", "/docs/", "/metrics", "/nowhere/else"] {
        let url = if page == "/nowhere/else" { "/api/v2/books" } else { page };
        assert_eq!(cors_headers(&from_origin(&anonymous, "GET", url, APP)), [""; 0]);
    }
}

fn errors_can_be_read(server: &TestServer) {
    let server = with_origins(server, APP);
    let Clients { ada, anonymous, .. } = Clients::create(&server);
    let json = [("origin", APP), ("content-type", "application/json")];
    let html = [("origin", APP), ("accept", "text/html")];
    for (slug, response) in [
        ("not-found", from_origin(&anonymous, "GET", "/nowhere", APP)),
        ("not-found", from_origin(&anonymous, "GET", "/books/x", APP)),
        ("unauthenticated", from_origin(&anonymous, "GET", "/auth/me", APP)),
        ("method-not-allowed", from_origin(&anonymous, "DELETE", "/books", APP)),
        ("invalid-parameter", from_origin(&anonymous, "GET", "/books?x=1", APP)),
        ("not-acceptable", anonymous.send("GET", "/books", &html, None)),
        ("malformed-json", ada.send("POST", "/books", &json, Some(b"{"))),
        ("invalid-body", ada.send("POST", "/books", &json, Some(b"{}"))),
    ] {
        response.expect_problem(slug);
        assert_eq!(response.header("access-control-allow-origin"), Some(APP), "{slug}");
        assert!(response.header("access-control-expose-headers").is_some(), "{slug}");
    }
}

fn preflight_lists_methods_and_headers(server: &TestServer) {
    let server = with_origins(server, APP);
    let clients = Clients::create(&server);
    for operation in operations(&clients) {
        let response = preflight(&clients.anonymous, &operation.path, APP);
        assert_eq!((response.status, response.body.len()), (204, 0), "{}", operation.path);
        assert_eq!(response.header("access-control-allow-origin"), Some(APP));
        let methods = response.header("access-control-allow-methods").unwrap();
        assert_eq!(Some(methods), response.header("allow"));
        assert!(methods.split(", ").any(|method| method == operation.method), "{methods}");
        let allowed = response.header("access-control-allow-headers").unwrap();
        for name in
            ["Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"]
        {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}");
        }
        assert_eq!(response.header("access-control-max-age"), Some("7200"));
    }
    // OPTIONS without a question about a method is no preflight request.
    let options = from_origin(&clients.anonymous, "OPTIONS", "/books", APP);
    assert_eq!(options.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(options.header("access-control-allow-methods"), None);
    let plain = clients.anonymous.send("OPTIONS", "/books", &[], None);
    assert_eq!((plain.status, cors_headers(&plain)), (204, vec![]));
    preflight(&clients.anonymous, "/nowhere", APP).expect_problem("not-found");
}

fn every_origin_can_be_allowed(server: &TestServer) {
    let server = with_origins(server, "*");
    let Clients { ada, anonymous, .. } = Clients::create(&server);
    for origin in [APP, "null", "http://localhost"] {
        let response = from_origin(&anonymous, "GET", "/books", origin);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert!(!varies_by_origin(&response));
        let response = preflight(&anonymous, "/auth/login", origin);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert_eq!(response.header("access-control-allow-methods"), Some("POST, OPTIONS"));
    }
    assert_eq!(cors_headers(&anonymous.get("/books")), [""; 0]);
    let body = json!({"title": "Emma", "author": "Jane Austen"}).to_string();
    let headers = [("origin", APP), ("content-type", "application/json")];
    let created = ada.send("POST", "/books", &headers, Some(body.as_bytes()));
    created.expect_status(201);
    assert_eq!(created.header("access-control-allow-origin"), Some("*"));
}
