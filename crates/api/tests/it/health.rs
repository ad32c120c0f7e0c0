//! The health endpoints.

use std::thread;
use std::time::{Duration, Instant};

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

use crate::support::assertions::{Expect as _, assert_healthy};

fn new_server_is_live_and_ready(server: &TestServer) {
    assert_healthy(server);
}

fn unwritable_database_is_not_ready(server: &TestServer) {
    server.database().execute("ALTER TABLE leases RENAME TO lost").unwrap();
    wait_for_status(server, 503);
    let response = server.get("/readyz");
    response.expect_problem("unavailable");
    assert_eq!(response.header("retry-after"), Some("1"));
    // The cause is in the log only.
    assert!(!response.text().contains("leases"), "{}", response.text());
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/books").status, 200);
    server.database().execute("ALTER TABLE lost RENAME TO leases").unwrap();
    wait_for_status(server, 200);
}

/// Waits for a result that is newer than the last one, which is used again for a second.
fn wait_for_status(server: &TestServer, status: u16) {
    let since = Instant::now();
    while server.get("/readyz").status != status {
        assert!(since.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(50));
    }
}

both_servers!(new_server_is_live_and_ready, unwritable_database_is_not_ready);
