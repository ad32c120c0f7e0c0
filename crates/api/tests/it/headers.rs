//! Response headers.

use recto_api::Settings;
use recto_testkit::both_servers;
use recto_testkit::server::{Response, TestServer};
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::limits::server_with;
use crate::support::operations::{Operation, operations};

const API: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

fn api_and_pages_have_their_policies(server: &TestServer) {
    let ada = server.sign_up("ada");
    let responses = [
        server.get("/books"),
        server.get("/books/nonsense"),
        server.get("/nowhere"),
        server.get("/reviews"),
        server.get("/openapi.json"),
        server.get("/livez"),
        server.get("/docs/nonsense.js"),
        server.anonymous().delete("/books"),
        server.anonymous().send("POST", "/books", &[], Some(b"{")),
        ada.post("/books", &json!({"title": "Emma", "author": "Jane Austen"})),
    ];
    for response in &responses {
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{response:?}");
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{response:?}");
        assert_eq!(response.header("content-security-policy"), Some(API), "{response:?}");
        assert_eq!(response.header("strict-transport-security"), None, "{response:?}");
        let revalidated =
            response.header("etag").map(|_| response.header("cache-control").unwrap());
        assert_eq!(response.header("cache-control"), revalidated, "{response:?}");
    }
    for page in ["/", "/docs/", "/docs/index.html", "/schema", "/problems/", "/problems/not-found"]
    {
        let page = server.get(page);
        assert_eq!(page.status, 200);
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let policy = page.header("content-security-policy").unwrap();
        let scripts = policy.split("; ").find(|one| one.starts_with("script-src")).unwrap();
        assert_eq!(scripts, "script-src 'self'");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    }
}

/// Asserts that a response has the headers of all responses.
#[track_caller]
fn assert_common_headers(response: &Response, path: &str, https: bool) {
    let at = format!("{path}: {response:?}");
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{at}");
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{at}");
    assert!(response.header("content-security-policy").is_some(), "{at}");
    assert!(response.header("x-request-id").is_some(), "{at}");
    assert_eq!(response.header("strict-transport-security").is_some(), https, "{at}");
    if path.starts_with("/api/v1/auth/") {
        assert_eq!(response.header("cache-control"), Some("no-store"), "{at}");
    }
}

fn every_response_has_security_headers(server: &TestServer) {
    let clients = Clients::create(server);
    let public_url = Some("https://books.example".to_owned());
    let secure = server.another(Settings { public_url, ..TestServer::settings() });
    for Operation { method, path, .. } in operations(&clients) {
        for (server, https) in [(server, false), (&secure, true)] {
            let mut admin = server.bearer(clients.admin.token.as_deref().unwrap());
            assert_common_headers(&admin.send(&method, &path, &[], None), &path, https);
            admin.token = None;
            assert_common_headers(&admin.send_json(&method, &path, &json!({})), &path, https);
            assert_common_headers(&admin.send("BREW", &path, &[], None), &path, https);
        }
    }
    for path in [
        "/",
        "/docs/",
        "/docs/x",
        "/schema",
        "/livez",
        "/readyz",
        "/assets/x",
        "/favicon.ico",
        "/problems/",
        "/problems/forbidden",
        "/verify",
        "/reset-password",
    ] {
        for (server, https) in [(server, false), (&secure, true)] {
            assert_common_headers(&server.get(path), path, https);
            assert_common_headers(&server.anonymous().delete(path), path, https);
        }
    }
}

fn auth_responses_are_not_cached(server: &TestServer) {
    let ada = server.sign_up("ada");
    let anonymous = server.anonymous();
    let wrong = json!({"email": "ada@example.org", "password": "not it"});
    for response in [
        ada.get("/auth/me"),
        anonymous.get("/auth/me"),
        anonymous.get("/auth/nowhere"),
        anonymous.get("/%61uth/me"),
        anonymous.delete("/auth/login"),
        anonymous.post("/auth/login", &wrong),
        anonymous.post("/auth/signup", &json!({})),
        anonymous.post("/auth/token", &json!({})),
    ] {
        assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
    }
    assert_eq!(anonymous.get("/authors").header("cache-control"), Some("no-cache"));
    let profile = ada.get(&format!("/users/{}", ada.uid));
    assert_eq!(profile.header("cache-control"), Some("private, no-cache"));
    assert_eq!(profile.header("vary"), Some("Authorization, Accept-Encoding"));
}

fn challenge_names_an_invalid_token(server: &TestServer) {
    let challenge = |response: Response| {
        assert_eq!(response.status, 401);
        response.header("www-authenticate").unwrap().to_owned()
    };
    let none = "Bearer realm=\"recto\"";
    assert_eq!(challenge(server.get("/auth/me")), none);
    let wrong = json!({"email": "ada@example.org", "password": "not it"});
    assert_eq!(challenge(server.anonymous().post("/auth/login", &wrong)), none);
    let invalid = format!("{none}, error=\"invalid_token\"");
    assert_eq!(challenge(server.bearer("nonsense").get("/auth/me")), invalid);
    assert_eq!(challenge(server.bearer("nonsense").get("/users/nonsense")), invalid);
}

#[test]
fn https_url_enables_hsts() {
    let public_url = Some("https://books.example".to_owned());
    let server = server_with(Settings { public_url, ..TestServer::settings() });
    for path in ["/books", "/nowhere", "/docs/"] {
        let expected = Some("max-age=63072000; includeSubDomains");
        assert_eq!(server.get(path).header("strict-transport-security"), expected, "{path}");
    }
}

both_servers!(
    every_response_has_security_headers,
    api_and_pages_have_their_policies,
    auth_responses_are_not_cached,
    challenge_names_an_invalid_token,
);
