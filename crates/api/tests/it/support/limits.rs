//! Servers with rate limits. The limits are not in the database, so SQLite is enough.

use std::num::NonZeroU32;
use std::time::Duration;

use recto_api::Settings;
use recto_identity::throttle::{Limit, Limits};
use recto_testkit::database::{Engine, fresh};
use recto_testkit::server::TestServer;

/// Returns a limit of that many requests, after which one is permitted each hour.
pub(crate) fn hourly(count: u32) -> Limit {
    Limit::new(NonZeroU32::new(count).unwrap(), Duration::from_hours(1))
}

/// Starts a server with these limits.
pub(crate) fn server_with_limits(limits: Limits) -> TestServer {
    server_with(Settings { limits, ..TestServer::settings() })
}

/// Starts a server with these settings.
pub(crate) fn server_with(settings: Settings) -> TestServer {
    TestServer::with(fresh(Engine::Sqlite).unwrap(), settings)
}
