//! The health endpoints.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

use crate::support::assertions::assert_healthy;

fn the_server_lives_and_is_ready(server: &TestServer) {
    assert_healthy(server);
}

both_servers!(the_server_lives_and_is_ready);
