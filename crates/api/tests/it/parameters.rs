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
            let answer = clients.admin.send(&operation.method, &path, &headers, Some(b"{}"));
            let detail = text(answer.expect_problem("invalid-parameter"), "detail");
            let at = format!("{} {path}: {detail}", operation.method);
            assert!(detail.starts_with(&format!("{named}:")), "{at}");
            for name in &known {
                assert!(detail.contains(name), "{at}");
            }
        }
        let path = format!("{}?", operation.path);
        let answer = clients.anonymous.send(&operation.method, &path, &[], None);
        assert_ne!(answer.status, 400, "{path}: an empty query has no parameters");
    }
}

fn malformed_parameters_are_refused(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in operations(&clients) {
        for name in operation.query_parameters() {
            // Invalid text, and a parameter twice.
            for query in [format!("{name}=%FF"), format!("{name}=%00"), format!("{name}=%4")] {
                let path = format!("{}?{query}", operation.path);
                let answer = clients.admin.get(&path);
                let detail = text(answer.expect_problem("invalid-parameter"), "detail");
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

fn other_pages_ignore_query_parameters(server: &TestServer) {
    // Health probes and browsers may add parameters.
    for path in ["/livez?x=1", "/readyz?x=1", "/docs/?x=1", "/problems/not-found?x=1"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/livez").json["status"], Value::from("live"));
}

both_servers!(
    unknown_parameter_error_lists_known_ones,
    malformed_parameters_are_refused,
    other_pages_ignore_query_parameters,
);
