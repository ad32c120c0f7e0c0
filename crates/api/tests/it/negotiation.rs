//! `Accept`: responses are JSON, and problems are sent in any case.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, assert_problem, text};
use crate::support::fixtures::add_book;
use crate::support::operations::operations;
use crate::support::raw_http;

both_servers!(
    every_operation_with_content_checks_accept,
    refused_request_has_no_effect,
    odd_ranges_are_answered,
    problems_are_sent_whatever_is_accepted,
);

fn every_operation_with_content_checks_accept(server: &TestServer) {
    let clients = Clients::create(server);
    let (mut refused, mut ignored) = (0, 0);
    for operation in operations(&clients) {
        let has_content = ![202, 204].contains(&operation.success());
        let documented = operation.described["responses"].get("406").is_some();
        assert_eq!(documented, has_content, "{} {}", operation.method, operation.template);
        // Without a credential, a body, or valid parameters.
        let path = format!("{}?nonsense", operation.path);
        let headers = [("accept", "text/html, application/problem+json")];
        let response = clients.anonymous.send(&operation.method, &path, &headers, None);
        if has_content {
            response.expect_problem("not-acceptable");
            refused += 1;
        } else {
            assert_ne!(response.status, 406, "{path}");
            ignored += 1;
        }
    }
    assert!(refused > 50 && ignored > 20, "{refused} {ignored}");
}

fn refused_request_has_no_effect(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let headers = [("content-type", "application/json"), ("accept", "text/html")];
    let body = br#"{"title": "Emma", "author": "Jane Austen"}"#;
    let refused = ada.send("POST", "/books", &headers, Some(body));
    let problem = refused.expect_problem("not-acceptable");
    assert!(text(problem, "detail").contains("application/json"), "{problem}");
    assert!(anonymous.get("/books").expect_items().is_empty());
    // Deleting has no content.
    let book = format!("/books/{}", text(&add_book(&ada, "Emma"), "uid"));
    ada.send("DELETE", &book, &[("accept", "text/html")], None).expect_status(204);
    let head = anonymous.send("HEAD", "/books", &[("accept", "text/html")], None);
    assert_eq!((head.status, head.body.len()), (406, 0));
    let options = anonymous.send("OPTIONS", "/books", &[("accept", "text/html")], None);
    assert_eq!(options.status, 204);
}

fn odd_ranges_are_answered(server: &TestServer) {
    let status =
        |accept: &str| server.anonymous().send("GET", "/books", &[("accept", accept)], None).status;
    for accepted in [
        "",
        ",",
        "*/*",
        "application/*;q=0.1",
        "APPLICATION/json;charset=utf-8",
        "text/html, application/xhtml+xml, */*;q=0.8",
        "text/html, image/gif, *; q=.2, */*; q=.2",
        "*/*;q=0, application/json",
    ] {
        assert_eq!(status(accepted), 200, "{accepted}");
    }
    for refused in [
        "text/html",
        "*",
        "application",
        "application/json;q=0",
        "application/json;q=0, */*",
        "application/json;q=many",
        "application/vnd.api+json",
    ] {
        assert_eq!(status(refused), 406, "{refused}");
    }
    // Without the header, and with several.
    raw_http::send_line(server, "GET", "/api/v1/books").unwrap().expect_status(200);
    let request = b"GET /api/v1/books HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: \xff\r\naccept: application/json\r\n\r\n";
    raw_http::send_bytes(server, request).unwrap().expect_status(200);
}

fn problems_are_sent_whatever_is_accepted(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    for accept in ["text/html", "application/problem+json;q=0", "image/*", "nonsense"] {
        let headers = [("accept", accept)];
        anonymous.send("GET", "/nowhere", &headers, None).expect_problem("not-found");
        anonymous.send("DELETE", "/books", &headers, None).expect_problem("method-not-allowed");
        let path = format!("/books/{}", crate::support::fixtures::UNKNOWN_UID);
        assert_problem(&ada.send("DELETE", &path, &headers, None));
        anonymous.send("POST", "/auth/logout", &headers, None).expect_problem("unauthenticated");
        // Pages do not look at it.
        assert_eq!(anonymous.send("GET", "/livez", &headers, None).status, 200);
    }
}
