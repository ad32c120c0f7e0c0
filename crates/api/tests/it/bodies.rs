//! Invalid request bodies, for every operation with a JSON body.

use recto_testkit::both_servers;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, assert_healthy, text, uid};
use crate::support::fixtures::add_book;
use crate::support::operations::{Operation, operations};

/// Returns the operations with a JSON body.
fn json_operations(clients: &Clients<'_>) -> Vec<Operation> {
    operations(clients).into_iter().filter(Operation::has_json_body).collect()
}

fn send(client: &TestClient<'_>, method: &str, path: &str, body: &[u8]) -> Response {
    client.send(method, path, &[("content-type", "application/json")], Some(body))
}

fn malformed_json_is_refused(server: &TestServer) {
    let clients = Clients::create(server);
    let deep = |open: &str, close: &str| {
        [open.repeat(10_000), "1".to_owned(), close.repeat(10_000)].concat().into_bytes()
    };
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"nonsense".to_vec(),
        b"{".to_vec(),
        b"{\"title\": \"a\",}".to_vec(),
        b"{'title': 'a'}".to_vec(),
        b"{} {}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"title\": \"\xc3\x28\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"title\": \"\x00\"}".to_vec(),
        b"{\"title\": NaN}".to_vec(),
        br#"{"title": "\ud800"}"#.to_vec(),
        br#"{"title": "\udc00\ud800"}"#.to_vec(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        b"[".repeat(10_000),
    ];
    for operation in json_operations(&clients) {
        for body in &bodies {
            operation.send(&clients, body).expect_problem("malformed-json");
        }
    }
    assert_healthy(server);
}

fn body_must_be_an_object(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in json_operations(&clients) {
        for body in ["null", "[]", "1", "\"text\"", "true", "[{}]"] {
            let response = operation.send(&clients, body.as_bytes());
            assert_eq!(response.violations(), [""], "{} {body}", operation.path);
        }
    }
}

fn unknown_fields_are_refused(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in json_operations(&clients) {
        let response = operation.send(&clients, br#"{"nonsense": 1, "a/b~c": null, "": {}}"#);
        let violations = response.violations();
        for pointer in ["/nonsense", "/a~1b~0c", "/"] {
            assert!(violations.contains(&pointer), "{}: {violations:?}", operation.path);
        }
    }
    // The response to many unknown fields is shorter than the body.
    let fields: Vec<_> = (0..40_000).map(|n| format!("\"m{n}\":1")).collect();
    let body = format!("{{{}}}", fields.join(","));
    let response = send(&clients.ada, "POST", "/books", body.as_bytes());
    response.expect_problem("invalid-body");
    assert!(response.body.len() < body.len(), "{} bytes", response.body.len());
}

fn other_media_types_are_refused(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in json_operations(&clients) {
        let (method, path) = (operation.method.as_str(), &operation.path);
        let client = operation.client(&clients);
        for media_type in ["text/plain", "application/xml", "application/jsonx", "*/*", "json", ""]
        {
            let headers = [("content-type", media_type)];
            client
                .send(method, path, &headers, Some(b"{}"))
                .expect_problem("unsupported-media-type");
        }
        client.send(method, path, &[], Some(b"{}")).expect_problem("unsupported-media-type");
        client.send(method, path, &[], None).expect_problem("unsupported-media-type");
        // A merge patch is only valid for PATCH.
        let headers = [("content-type", "application/merge-patch+json")];
        let response = client.send(method, path, &headers, Some(b"[]"));
        match method {
            "PATCH" => assert_eq!(response.violations(), [""]),
            _ => _ = response.expect_problem("unsupported-media-type"),
        }
    }
}

fn oversized_body_is_refused(server: &TestServer) {
    let clients = Clients::create(server);
    let title = format!(r#"{{"title":"{}","author":"x"}}"#, "x".repeat(10_000_000));
    let response = send(&clients.ada, "POST", "/books", title.as_bytes());
    response.expect_problem("too-large");
    // A body of exactly the limit is accepted.
    let mut body = br#"{"title":"Emma","author":"Jane Austen"}"#.to_vec();
    body.resize(1 << 20, b' ');
    send(&clients.ada, "POST", "/books", &body).expect_status(201);
    body.push(b' ');
    for operation in json_operations(&clients) {
        operation.send(&clients, &body).expect_problem("too-large");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = vec![b'a'; 3 << 20];
    clients.anonymous.send("POST", "/auth/token", &form, Some(&body)).expect_problem("too-large");

    // Other errors take precedence, and the client can read the response.
    let large = title.as_bytes();
    send(&clients.anonymous, "POST", "/books", large).expect_problem("unauthenticated");
    send(&clients.ada, "POST", "/nowhere", large).expect_problem("not-found");
    send(&clients.ada, "POST", "/books?nonsense=1", large).expect_problem("invalid-parameter");
    send(&clients.ada, "DELETE", "/books", large).expect_problem("method-not-allowed");
    clients.ada.send("POST", "/books", &[], Some(large)).expect_problem("unsupported-media-type");
    assert_healthy(server);
}

fn oversized_chunked_body_is_refused(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let token = ada.token.as_deref().unwrap();
    let mut request = format!(
        "POST /api/v1/books HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    let chunk = vec![b'1'; 1 << 16];
    for _ in 0..20 {
        request.extend_from_slice(b"10000\r\n");
        request.extend_from_slice(&chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    crate::support::raw_http::send_bytes(server, &request).unwrap().expect_problem("too-large");
}

fn text_limits_and_controls_are_checked(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    for title in [
        "a\u{0}b",
        "\u{0}",
        "a\nb",
        "a\u{7f}b",
        "a\u{85}b",
        "\u{202e}evil",
        "a\u{2069}",
        "  ",
        "",
        &"x".repeat(501),
    ] {
        let body = json!({"title": title, "author": "x"});
        assert_eq!(ada.post("/books", &body).violations(), ["/title"], "{title:?}");
    }
    let reviews = format!("/books/{}/reviews", uid(&book));
    for review_text in ["a\u{0}", "\u{1b}[2J", &"é".repeat(20_001)] {
        let body = json!({"rating": 3, "review_text": review_text});
        assert_eq!(bob.post(&reviews, &body).violations(), ["/review_text"], "{review_text:.9}");
    }
    let longest = "é".repeat(20_000);
    let body = json!({"rating": 3, "review_text": longest});
    assert_eq!(bob.post(&reviews, &body).expect_status(201)["review_text"], longest);
    let path = format!("/books/{}", uid(&book));
    for name in ["a\u{0}", &"x".repeat(101)] {
        assert_eq!(ada.post("/tags", &json!({"name": name})).violations(), ["/name"]);
        let body = json!({"tags": [{"name": "fine"}, {"name": name}]});
        let response = ada.post(&format!("{path}/tags"), &body);
        assert_eq!(response.violations(), ["/tags/1/name"]);
    }
    let many: Vec<_> = (0..101).map(|n| json!({"name": n.to_string()})).collect();
    assert_eq!(ada.post(&format!("{path}/tags"), &json!({"tags": many})).violations(), ["/tags"]);
    assert_eq!(server.get("/tags").expect_items().len(), 0);

    // Unusual text is stored unchanged, but for normalization to NFC.
    for title in
        ["💥", "\u{200f}right", "<script>alert(1)</script>", "'; DROP TABLE books; --", "%s\\"]
    {
        let body = json!({"title": title, "author": "x"});
        let book = ada.post("/books", &body).expect_status(201).clone();
        assert_eq!(text(&book, "title"), title);
        assert_eq!(server.get(&format!("/books/{}", uid(&book))).expect_status(200), &book);
    }
    let body = json!({"title": "E\u{301}mile", "author": "x"});
    assert_eq!(ada.post("/books", &body).expect_status(201)["title"], "Émile");
    assert_healthy(server);
}

both_servers!(
    malformed_json_is_refused,
    body_must_be_an_object,
    unknown_fields_are_refused,
    other_media_types_are_refused,
    oversized_body_is_refused,
    oversized_chunked_body_is_refused,
    text_limits_and_controls_are_checked,
);
