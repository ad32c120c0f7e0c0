//! The metrics.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use recto_api::Settings;
use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

use crate::support::limits::server_with;

/// Returns the value of a metric with exactly these labels.
fn value(server: &TestServer, name: &str, labels: &str) -> Option<f64> {
    let metrics = server.get("/metrics");
    assert_eq!(metrics.status, 200);
    let kind = metrics.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let line = format!("{name}{labels} ");
    let text = metrics.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text.lines().find_map(|found| found.strip_prefix(&line)).map(|value| value.parse().unwrap())
}

fn requests_are_counted_by_route(server: &TestServer) {
    let missing = "/books/00000000-0000-7000-8000-000000000000";
    for _ in 0..3 {
        assert_eq!(server.get(missing).status, 404);
    }
    assert_eq!(server.get("/books/none/such").status, 404);
    let route =
        |route: &str, status| format!("{{method=\"GET\",route=\"{route}\",status=\"{status}\"}}");
    let count = "recto_http_request_duration_seconds_count";
    assert_eq!(value(server, count, &route("/api/v1/books/{uid}", 404)), Some(3.0));
    assert_eq!(value(server, count, &route("unmatched", 404)), Some(1.0));
    assert!(value(server, count, &route("/metrics", 200)).is_some());
    let statements = "recto_http_request_statements_sum";
    let book = "{method=\"GET\",route=\"/api/v1/books/{uid}\"}";
    assert_eq!(value(server, statements, book), Some(3.0));
    let problems = "recto_http_problems_total";
    assert_eq!(value(server, problems, "{problem=\"not-found\"}"), Some(4.0));
}

fn parts_of_the_server_are_reported(server: &TestServer) {
    for name in ["connections", "running", "queued"] {
        for class in ["read", "expensive-read", "write"] {
            let found =
                value(server, &format!("recto_database_{name}"), &format!("{{class=\"{class}\"}}"));
            assert!(found.is_some(), "{name} {class}");
        }
    }
    let before = value(server, "recto_database_started_total", "{class=\"read\"}").unwrap();
    assert_eq!(server.get("/tags").status, 200);
    let after = value(server, "recto_database_started_total", "{class=\"read\"}").unwrap();
    assert!(after > before, "{before} {after}");
    assert!(value(server, "recto_connections_open", "").unwrap() >= 1.0);
    assert_eq!(value(server, "recto_refusals_total", "{reason=\"late-head\"}"), Some(0.0));
    for name in ["mails_waiting", "audit_entries_waiting", "request_body_bytes", "response_bytes"] {
        assert!(value(server, &format!("recto_{name}"), "").is_some(), "{name}");
    }
}

both_servers!(requests_are_counted_by_route, parts_of_the_server_are_reported);

#[test]
fn monitoring_can_have_its_own_address() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let metrics_listen = Some(address.to_string());
    let server = server_with(Settings { metrics_listen, ..TestServer::settings() });
    let status = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response.split(' ').nth(1).unwrap().to_owned()
    };
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(server.get(path).status, 404, "{path}");
        assert_eq!(status(path), "200", "{path}");
    }
    assert_eq!(status("/api/v1/tags"), "404");
}
