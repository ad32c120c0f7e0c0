//! The health endpoints.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

use crate::support::assertions::assert_healthy;

fn new_server_is_live_and_ready(server: &TestServer) {
    assert_healthy(server);
}

both_servers!(new_server_is_live_and_ready);
