//! Messages, transports and the outbox worker, against real servers and databases.

#![expect(clippy::unwrap_used, reason = "in a test, an unexpected error is a failure")]

mod delivery;
mod messages;
mod requests;
mod smtp;
mod support;
mod tls;
