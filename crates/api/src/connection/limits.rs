//! The limits of connections.

use std::time::Duration;

/// The limits of connections: their number, their times, and the memory that they share.
///
/// ```
/// use std::time::Duration;
///
/// use recto_api::ConnectionLimits;
///
/// let limits = ConnectionLimits { request: Duration::from_secs(30), ..Default::default() };
/// assert_eq!(limits.write, Duration::from_secs(10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The number of open connections: 4,096.
    pub connections: usize,
    /// The number of open connections of an IP address that is not a trusted proxy: 256. An IPv6
    /// /64 counts as one address.
    pub connections_per_address: usize,
    /// The time without a request after which a connection is closed: 5 s.
    pub idle: Duration,
    /// The time from the first byte of a request to the last of its body: 10 s.
    pub request: Duration,
    /// The time in which a client reads 64 KiB of a response: 10 s.
    pub write: Duration,
    /// The bytes that the bodies of all requests under way hold: 64 MiB.
    pub request_bodies: usize,
    /// The bytes that all responses under way hold: 256 MiB.
    pub responses: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 256,
            idle: Duration::from_secs(5),
            request: Duration::from_secs(10),
            write: Duration::from_secs(10),
            request_bodies: 64 << 20,
            responses: 256 << 20,
        }
    }
}
