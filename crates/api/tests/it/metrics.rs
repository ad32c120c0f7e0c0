//! The metrics.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

/// Returns the value of a metric with exactly these labels.
fn value(server: &TestServer, name: &str, labels: &str) -> Option<f64> {
    let metrics = server.get("/metrics");
    assert_eq!(metrics.status, 200);
    let kind = metrics.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let line = format!("{name}{{{labels}}} ");
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
    let count = "recto_http_request_duration_seconds_count";
    let route =
        |route: &str, status| format!("method=\"GET\",route=\"{route}\",status=\"{status}\"");
    assert_eq!(value(server, count, &route("/api/v1/books/{uid}", 404)), Some(3.0));
    assert_eq!(value(server, count, &route("unmatched", 404)), Some(1.0));
    assert!(value(server, count, &route("/metrics", 200)).is_some());
    let problems = "recto_http_problems_total";
    assert_eq!(value(server, problems, "problem=\"not-found\""), Some(4.0));
}

both_servers!(requests_are_counted_by_route);
