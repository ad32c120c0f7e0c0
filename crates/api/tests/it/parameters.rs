//! Query parameters, of every operation there is.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::Value;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, assert_healthy, text};
use crate::support::operations::{Operation, operations};

fn query_parameters(operation: &Operation) -> Vec<&str> {
    let parameters = operation.described["parameters"].as_array().into_iter().flatten();
    parameters.filter(|one| one["in"] == "query").map(|one| text(one, "name")).collect()
}

fn an_unknown_parameter_is_named_with_the_known_ones(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in operations(&clients) {
        let known = query_parameters(&operation);
        for query in ["nonsense=1", "nonsense", "limit=5&nonsense=%C3%A9", "Limit=5"] {
            // `limit` is as unknown as anything where there is no page.
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
        assert_ne!(answer.status, 400, "{path}: an empty query is none");
    }
}

fn a_known_parameter_is_read(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in operations(&clients) {
        for name in query_parameters(&operation) {
            // Neither clean text nor said twice.
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

fn pages_outside_the_interface_take_no_notice(server: &TestServer) {
    // What probes and browsers add there is nobody's mistake.
    for path in ["/livez?x=1", "/readyz?x=1", "/docs/?x=1", "/problems/not-found?x=1"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/livez").json["status"], Value::from("live"));
}

both_servers!(
    an_unknown_parameter_is_named_with_the_known_ones,
    a_known_parameter_is_read,
    pages_outside_the_interface_take_no_notice,
);
