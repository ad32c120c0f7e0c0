//! Faults of a running server's database.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::program::Program;

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// Signs in and returns a function that creates a tag and returns the status.
fn creator(address: &str) -> impl Fn(&str) -> u16 {
    let credentials = json!({"email": "ada@example.org", "password": "a long enough password"});
    let mut response =
        agent().post(format!("{address}/api/v1/auth/login")).send_json(credentials).unwrap();
    let session: Value = response.body_mut().read_json().unwrap();
    let bearer = format!("Bearer {}", session["access_token"].as_str().unwrap());
    let url = format!("{address}/api/v1/tags");
    move |name| {
        let request = agent().post(&url).header("authorization", &bearer);
        request.send_json(json!({"name": name})).unwrap().status().as_u16()
    }
}

fn create_ada(program: &Program) {
    let create = ["user", "create", "--username", "ada", "--email", "ada@example.org"];
    let create = [&create[..], &["--password-stdin"]].concat();
    program.run_with_input(&create, "a long enough password\n").succeeded();
}

/// Waits for a result that is newer than the last one, which is used again for a second.
fn wait_until_not_ready(address: &str) -> ureq::http::Response<ureq::Body> {
    let since = Instant::now();
    loop {
        let ready = agent().get(format!("{address}/readyz")).call().unwrap();
        if ready.status() == 503 {
            return ready;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{}", ready.status());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(unix)]
#[test]
fn deleted_log_stops_writes_without_loss() {
    let program = Program::new();
    create_ada(&program);
    let mut server = program.serve(&[]);
    let address = server.address();
    let create = creator(&address);
    for number in 0..20 {
        assert_eq!(create(&format!("before {number}")), 201);
    }
    fs::remove_file(program.path("recto.db-wal")).unwrap();
    for number in 0..3 {
        assert_eq!(create(&format!("after {number}")), 503);
    }
    let mut ready = wait_until_not_ready(&address);
    assert_eq!(ready.headers()["retry-after"], "1");
    let problem = ready.body_mut().read_to_string().unwrap();
    assert!(!problem.contains("recto.db"), "{problem}");
    assert_eq!(agent().get(format!("{address}/livez")).call().unwrap().status(), 200);
    server.signal("KILL");
    let log = server.wait().stderr;
    let lines = log.lines().filter(|line| {
        line.contains("recto.db-wal was deleted or replaced") && line.contains("restarted")
    });
    assert_eq!(lines.count(), 1, "{log}");

    let mut server = program.serve(&[]);
    let address = server.address();
    let tags = format!("{address}/api/v1/tags?limit=100");
    let tags = agent().get(tags).call().unwrap().body_mut().read_to_string().unwrap();
    for number in 0..20 {
        assert!(tags.contains(&format!("before {number}")), "{tags}");
    }
    assert_eq!(creator(&address)("again"), 201);
    server.signal("TERM");
    server.wait().succeeded();
}

/// The limit of a file's size simulates a full disk.
#[cfg(target_os = "linux")]
#[test]
fn failed_write_is_unavailable() {
    let program = Program::new();
    create_ada(&program);
    // The signal for the limit is ignored, so that the write fails. 2,048 blocks are 1 MiB.
    let script = "trap '' XFSZ; ulimit -f 2048; exec recto serve --listen 127.0.0.1:0";
    let mut server = program.serve_by_shell(script);
    let address = server.address();
    let create = creator(&address);
    assert_eq!(create("before"), 201);
    let failed = (0..2_000).map(|number| create(&format!("tag {number}"))).find(|s| *s != 201);
    assert_eq!(failed, Some(503));
    assert_eq!(create("another"), 503);
    wait_until_not_ready(&address);
    let tags = agent().get(format!("{address}/api/v1/tags")).call().unwrap();
    assert_eq!(tags.status(), 200);
    server.signal("TERM");
    server.wait().succeeded();
}

#[cfg(target_os = "linux")]
#[test]
fn frozen_postgres_is_unavailable_until_resumed() {
    let Some(cluster) = recto_testkit::postgres::Cluster::dedicated() else { return };
    let database = recto_testkit::database::fresh_on(&cluster);
    let program = Program::on(&database)
        .with("RECTO_SECRET", "a secret of thirty-two bytes or more")
        .with("RECTO_REQUEST_TIMEOUT", "1");
    create_ada(&program);
    let mut server = program.serve(&[]);
    let address = server.address();
    let create = creator(&address);
    assert_eq!(create("before"), 201);
    let paused = cluster.pause();
    assert_eq!(create("meanwhile"), 503);
    wait_until_not_ready(&address);
    assert_eq!(agent().get(format!("{address}/livez")).call().unwrap().status(), 200);
    drop(paused);
    assert!((0..30).any(|number| create(&format!("after {number}")) == 201));
    server.signal("TERM");
    server.wait().succeeded();
}
