//! The query parameters of every operation.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::Value;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, assert_healthy, text};
use crate::support::operations::operations;

fn unknown_parameter_error_lists_known_ones(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in operations(&clients) {
        let known = operation.query_parameters();
        for query in ["nonsense=1", "nonsense", "limit=5&nonsense=%C3%A9", "Limit=5"] {
            // `limit` is unknown where there are no pages.
            let named = match query.split('=').next().unwrap() {
                "limit" if known.contains(&"limit") => "nonsense",
                name => name,
            };
            let path = format!("{}?{query}", operation.path);
            let headers = [("content-type", "application/json")];
            let response = clients.admin.send(&operation.method, &path, &headers, Some(b"{}"));
            let at = format!("{} {path}: {}", operation.method, response.text());
            assert!(response.query_errors().contains(&(named, "unknown")), "{at}");
            let detail = text(&response.json, "detail");
            for name in &known {
                assert!(detail.contains(name), "{at}");
            }
        }
        let path = format!("{}?", operation.path);
        let response = clients.anonymous.send(&operation.method, &path, &[], None);
        assert_ne!(response.status, 400, "{path}: an empty query has no parameters");
    }
}

fn malformed_parameters_are_refused(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in operations(&clients) {
        for name in operation.query_parameters() {
            // Invalid text, and a parameter twice.
            for query in [format!("{name}=%FF"), format!("{name}=%00"), format!("{name}=%4")] {
                let path = format!("{}?{query}", operation.path);
                let response = clients.admin.get(&path);
                let detail = text(response.expect_problem("invalid-parameter"), "detail");
                assert!(detail.starts_with(name), "{path}: {detail}");
            }
            if name != "tag" {
                let path = format!("{}?{name}=1&{name}=1", operation.path);
                clients.admin.get(&path).expect_problem("invalid-parameter");
            }
        }
    }
    assert_healthy(server);
}

fn all_errors_are_reported(server: &TestServer) {
    let query = "limit=0&language=en&language=fr&isbn=12&sort=price&include=owner\
        &count=reviews.user.books&tag=&author=&published_from=2000&published_to=1999-12\
        &some=reviews(rating:5..1)&only=tags&none=shops&fields=name&cursor=x&autor=a&autor=b&x=%FF";
    let response = server.get(&format!("/books?{query}"));
    let expected = [
        ("x", "format"),
        ("limit", "range"),
        ("sort", "unknown"),
        ("include", "unknown"),
        ("fields", "unknown"),
        ("published_from", "conflict"),
        ("language", "duplicate"),
        ("tag", "length"),
        ("isbn", "format"),
        ("some", "range"),
        ("none", "unknown"),
        ("only", "required"),
        ("autor", "unknown"),
    ];
    assert_eq!(response.query_errors(), expected);
    let detail = text(&response.json, "detail");
    assert_eq!(detail, "x: must be UTF-8 (the first of 13 errors)");
    // Each element of a list.
    let lists = server.get(
        "/books?include=owner,tags(limit:2,sort:x),tags&count=a,reviews,b&sort=c,title,d&fields=e,f&sort=title",
    );
    let expected = [
        ("sort", "unknown"),
        ("sort", "unknown"),
        ("include", "unknown"),
        ("include", "unknown"),
        ("count", "unknown"),
        ("count", "unknown"),
        ("fields", "unknown"),
        ("fields", "unknown"),
    ];
    assert_eq!(lists.query_errors(), expected);
    assert_eq!(server.get("/books?sort=title,title").query_errors(), [("sort", "duplicate")]);
    // The cursor counts once the rest is right.
    assert_eq!(server.get("/books?cursor=x").query_errors(), [("cursor", "cursor")]);
    let counted = server.get("/books?include=tags&count=reviews.user.books");
    assert_eq!(counted.query_errors(), [("count", "conflict")]);
}

fn number_of_errors_is_limited(server: &TestServer) {
    let query: Vec<_> = (0..1_000).map(|n| format!("p{n}")).collect();
    let response = server.get(&format!("/books?{}", query.join("&")));
    assert_eq!(response.query_errors().len(), 50);
    assert!(text(&response.json, "detail").ends_with("(the first of 1000 errors)"));
}

fn ranges_must_not_be_empty(server: &TestServer) {
    for (query, parameter, code, detail) in [
        (
            "published_from=2000&published_to=1999-12-31",
            "published_from",
            "conflict",
            "must not be after published_to",
        ),
        (
            "some=reviews(rating:5..1)",
            "some",
            "range",
            "the range \"5..1\" of \"rating\" ends before it starts",
        ),
    ] {
        let response = server.get(&format!("/books?{query}"));
        assert_eq!(response.query_errors(), [(parameter, code)]);
        assert_eq!(text(&response.json, "detail"), format!("{parameter}: {detail}"));
    }
    for query in ["published_from=1999-07&published_to=1999", "some=reviews(rating:2..2)"] {
        server.get(&format!("/books?{query}")).expect_items();
    }
}

fn long_values_are_not_repeated(server: &TestServer) {
    let long = "x".repeat(5_000);
    for query in [
        format!("{long}=1"),
        format!("sort={long}"),
        format!("fields={long}"),
        format!("include={long}"),
        format!("include=reviews({long}:1)"),
        format!("include={long}.{long}.{long}.{long}"),
        format!("count={long}"),
        format!("count={long}.{long}"),
        format!("some={long}"),
        format!("some=tags({long}:1)"),
        format!("some=reviews(rating:{long})"),
        format!("some=reviews(rating:{long}"),
    ] {
        let response = server.get(&format!("/books?{query}"));
        assert_eq!(response.query_errors().len(), 1);
        assert!(!response.text().contains(&long[..100]), "{}", response.text());
    }
}

fn other_pages_ignore_query_parameters(server: &TestServer) {
    // Health probes and browsers may add parameters.
    for path in ["/livez?x=1", "/readyz?x=1", "/docs/?x=1", "/problems/not-found?x=1"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/livez").json["status"], Value::from("live"));
}

both_servers!(
    all_errors_are_reported,
    number_of_errors_is_limited,
    ranges_must_not_be_empty,
    long_values_are_not_repeated,
    unknown_parameter_error_lists_known_ones,
    malformed_parameters_are_refused,
    other_pages_ignore_query_parameters,
);
