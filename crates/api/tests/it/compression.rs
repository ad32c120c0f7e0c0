//! Compressed responses.

use std::io::Read as _;

use recto_testkit::both_servers;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, assert_healthy, assert_problem, uid};
use crate::support::fixtures::add_book;

both_servers!(
    large_responses_are_compressed,
    each_coding_has_its_tag,
    head_has_the_headers_of_get,
    small_responses_are_not_compressed,
    auth_responses_are_never_compressed,
    pages_and_problems_are_compressed,
    memory_of_compressed_responses_is_returned,
);

/// The most that a small response has.
const SMALL: usize = 1_024;

/// Sends a GET request with a value of `Accept-Encoding`.
fn get(client: &TestClient<'_>, path: &str, accepted: &str) -> Response {
    client.send("GET", path, &[("accept-encoding", accepted)], None)
}

/// Returns the decoded body.
fn decoded(response: &Response) -> Vec<u8> {
    match response.header("content-encoding") {
        None => response.body.clone(),
        Some("gzip") => {
            let mut decoded = Vec::new();
            flate2::read::GzDecoder::new(&*response.body).read_to_end(&mut decoded).unwrap();
            decoded
        }
        Some("zstd") => zstd::decode_all(&*response.body).unwrap(),
        Some(other) => panic!("{other}"),
    }
}

fn varies_by_encoding(response: &Response) -> bool {
    response
        .header("vary")
        .is_some_and(|vary| vary.split(", ").any(|name| name == "Accept-Encoding"))
}

/// Adds books whose pages are large, and returns the path of one that is large, too.
fn add_large_books(ada: &TestClient<'_>) -> String {
    let title = |n: u32| format!("Book {n} {}", "of many ".repeat(60).trim());
    let books: Vec<Value> =
        (0..100).map(|n| json!({"title": title(n), "author": "Many"})).collect();
    ada.post("/books/batch", &json!({"books": books})).expect_status(200);
    let long =
        json!({"title": title(100), "author": "Somebody, ".repeat(40) + "Else", "publisher": "x"});
    format!("/books/{}", uid(ada.post("/books", &long).expect_status(201)))
}

fn large_responses_are_compressed(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = add_large_books(&ada);
    // The page is compressed on another thread, the book in place.
    for path in ["/books?limit=100", &book] {
        let plain = anonymous.get(path);
        assert_eq!(plain.header("content-encoding"), None);
        assert!(varies_by_encoding(&plain));
        for (accepted, coding) in [
            ("gzip", "gzip"),
            ("zstd", "zstd"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("x-gzip;q=0.1", "gzip"),
            ("gzip;q=1.0, *;q=0.5", "gzip"),
            ("*", "gzip"),
            ("identity;q=0, *;q=0.5", "gzip"),
        ] {
            let compressed = get(&anonymous, path, accepted);
            assert_eq!(compressed.status, 200);
            assert_eq!(compressed.header("content-encoding"), Some(coding), "{accepted}");
            assert_eq!(compressed.header("content-type"), Some("application/json"));
            assert_eq!(compressed.header("link"), plain.header("link"));
            let length = compressed.body.len().to_string();
            assert_eq!(compressed.header("content-length"), Some(length.as_str()));
            assert!(compressed.body.len() < plain.body.len() / 2);
            assert_eq!(decoded(&compressed), plain.body);
            assert!(varies_by_encoding(&compressed));
        }
        for accepted in ["", "identity", "br", "gzip;q=0", "*;q=0", "identity;q=0", "gzip;q=x", ";"]
        {
            let same = get(&anonymous, path, accepted);
            assert_eq!(same.header("content-encoding"), None, "{accepted}");
            assert_eq!(same.body, plain.body);
            assert_eq!(same.header("etag"), plain.header("etag"));
        }
    }
    // The response to a change, too.
    let headers = [("content-type", "application/json"), ("accept-encoding", "gzip")];
    let changed = ada.send("PATCH", &book, &headers, Some(b"{\"page_count\": 474}"));
    assert_eq!(changed.header("content-encoding"), Some("gzip"));
    let changed_book: Value = serde_json::from_slice(&decoded(&changed)).unwrap();
    assert_eq!(changed_book["page_count"], 474);
    assert_eq!(changed.header("etag"), get(&ada, &book, "gzip").header("etag"));
    assert_healthy(server);
}

fn each_coding_has_its_tag(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = add_large_books(&ada);
    for path in ["/books?limit=100", &book, "/openapi.json"] {
        let plain = anonymous.get(path).header("etag").unwrap().to_owned();
        for coding in ["gzip", "zstd"] {
            let tag = get(&anonymous, path, coding).header("etag").unwrap().to_owned();
            assert_eq!(tag, format!("{}-{coding}\"", plain.trim_end_matches('"')));
            let ask = |accepted: &str, known: &str| {
                let headers = [("accept-encoding", accepted), ("if-none-match", known)];
                anonymous.send("GET", path, &headers, None)
            };
            for method in ["GET", "HEAD"] {
                let headers = [("accept-encoding", coding), ("if-none-match", tag.as_str())];
                let unchanged = anonymous.send(method, path, &headers, None);
                assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
                assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
                assert_eq!(unchanged.header("cache-control"), Some("no-cache"));
                for name in ["content-encoding", "content-type"] {
                    assert_eq!(unchanged.header(name), None, "{method}: {name}");
                }
                assert!(varies_by_encoding(&unchanged));
            }
            assert_eq!(ask(coding, &format!("W/{tag}")).status, 304);
            assert_eq!(ask(coding, "*").status, 304);
            // Another coding is another response.
            assert_eq!(ask("identity", &tag).status, 200);
            assert_eq!(ask(coding, &plain).status, 200);
            assert_eq!(ask("br", &plain).status, 304);
        }
    }
    // Any of them permits a change.
    for coding in ["gzip", "zstd", "identity"] {
        let tag = get(&ada, &book, coding).header("etag").unwrap().to_owned();
        let patch = |pages: u32| {
            let headers = [("content-type", "application/json"), ("if-match", &*tag)];
            let body = json!({"page_count": pages, "publisher": coding}).to_string();
            ada.send("PATCH", &book, &headers, Some(body.as_bytes()))
        };
        patch(1).expect_status(200);
        patch(2).expect_problem("precondition-failed");
    }
}

fn head_has_the_headers_of_get(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = add_large_books(&ada);
    for path in ["/books?limit=100", &book, "/docs/", "/schema"] {
        for accepted in ["gzip", "zstd", "identity"] {
            let get = get(&anonymous, path, accepted);
            let headers = [("accept-encoding", accepted)];
            let head = anonymous.send("HEAD", path, &headers, None);
            assert_eq!((head.status, head.body.len()), (200, 0));
            for name in ["content-length", "content-encoding", "content-type", "etag", "vary"] {
                assert_eq!(head.header(name), get.header(name), "{path} {accepted}: {name}");
            }
        }
    }
}

fn small_responses_are_not_compressed(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let emma = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    for path in [emma.as_str(), "/books", "/livez", "/nowhere", "/favicon.ico"] {
        let small = get(&anonymous, path, "gzip, zstd");
        assert!(small.body.len() < SMALL, "{path}");
        assert_eq!(small.header("content-encoding"), None, "{path}");
        assert!(varies_by_encoding(&small), "{path}");
    }
    // Exactly at the limit.
    let (title, author) = ("x".repeat(450), "x".repeat(200));
    let length = |more: usize| {
        let book = json!({"title": title, "author": author, "publisher": "x".repeat(more)});
        let path = format!("/books/{}", uid(ada.post("/books", &book).expect_status(201)));
        let plain = anonymous.get(&path).body.len();
        (plain, get(&anonymous, &path, "zstd").header("content-encoding").is_some())
    };
    let (one, _) = length(1);
    assert_eq!(length(SMALL - one), (SMALL - 1, false));
    assert_eq!(length(SMALL - one + 1), (SMALL, true));
    // Without a body there is nothing to compress.
    let deleted = ada.send("DELETE", &emma, &[("accept-encoding", "gzip")], None);
    assert_eq!((deleted.status, deleted.header("vary")), (204, None));
}

fn auth_responses_are_never_compressed(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    add_large_books(&ada);
    for path in ["/auth/me", "/%61uth/me", "/auth/me/export", "/auth/nowhere"] {
        let response = get(&ada, path, "gzip, zstd");
        assert_eq!(response.header("content-encoding"), None, "{path}");
        assert!(!varies_by_encoding(&response), "{path}");
    }
    assert!(get(&ada, "/auth/me", "gzip").body.len() > SMALL);
}

fn pages_and_problems_are_compressed(server: &TestServer) {
    let anonymous = server.anonymous();
    for path in [
        "/openapi.json",
        "/api/v1/schema",
        "/schema",
        "/problems/not-found",
        "/verify",
        "/docs/swagger-ui.css",
        "/metrics",
    ] {
        let plain = anonymous.get(path);
        assert!(varies_by_encoding(&plain), "{path}");
        let compressed = get(&anonymous, path, "zstd");
        assert_eq!(compressed.header("content-encoding"), Some("zstd"), "{path}");
        assert!(compressed.body.len() < plain.body.len(), "{path}");
        if path != "/metrics" {
            assert_eq!(decoded(&compressed), plain.body, "{path}");
        }
    }
    let long = format!("/books/{}", "x".repeat(2_000));
    let mut problem = get(&anonymous, &long, "gzip");
    assert_eq!(problem.header("content-encoding"), Some("gzip"));
    problem.body = decoded(&problem);
    problem.json = serde_json::from_slice(&problem.body).unwrap();
    assert_problem(&problem);
}

fn memory_of_compressed_responses_is_returned(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    add_large_books(&ada);
    for path in ["/books?limit=100", "/openapi.json", "/books?limit=25"] {
        for accepted in ["gzip", "zstd", "identity"] {
            assert_eq!(get(&anonymous, path, accepted).status, 200);
        }
    }
    let held = || server.connection_counters().response_bytes;
    for _ in 0..100 {
        if held() == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{} bytes are held", held());
}
