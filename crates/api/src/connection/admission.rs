//! All connections of a server, and what they share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use recto_identity::ClientAddress;
use tokio::time::Instant;

use super::budget::{ByteBudget, ReservedBytes};
use super::counters::{ConnectionCounters, Refusal, RefusalLog};
use super::limits::ConnectionLimits;
use crate::proxies::TrustedProxies;

/// All connections of a server, and the memory that they share.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    trusted_proxies: TrustedProxies,
    open: Mutex<Open>,
    request_bodies: Arc<ByteBudget>,
    responses: ByteBudget,
    refusals: RefusalLog,
    /// Set once the server has been asked to stop.
    stopping: OnceLock<()>,
    /// The time at which the server has stopped accepting connections.
    closed: OnceLock<Instant>,
}

/// The number of open connections.
#[derive(Debug, Default)]
struct Open {
    total: usize,
    /// By network, of those that are limited.
    by_network: HashMap<IpAddr, usize>,
}

/// A permit for one open connection, released on drop.
#[derive(Debug)]
pub(super) struct Admitted {
    connections: Arc<Connections>,
    network: Option<IpAddr>,
}

impl Connections {
    /// Returns the connections of a server that has none yet.
    pub(crate) fn new(limits: ConnectionLimits, trusted_proxies: TrustedProxies) -> Self {
        Self {
            request_bodies: Arc::new(ByteBudget::new(limits.request_bodies)),
            responses: ByteBudget::new(limits.responses),
            limits,
            trusted_proxies,
            open: Mutex::default(),
            refusals: RefusalLog::default(),
            stopping: OnceLock::new(),
            closed: OnceLock::new(),
        }
    }

    /// Admits a connection from an address, unless there are too many.
    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Admitted> {
        let exempt = self.trusted_proxies.trusts(peer.ip());
        let network = (!exempt).then(|| ClientAddress::at(peer.ip()).network());
        let mut open = self.open();
        if open.total >= self.limits.connections {
            drop(open);
            self.refuse(Refusal::TooManyConnections);
            return None;
        }
        if let Some(network) = network {
            let of_network = open.by_network.entry(network).or_default();
            if *of_network >= self.limits.connections_per_address {
                drop(open);
                self.refuse(Refusal::TooManyOfAddress);
                return None;
            }
            *of_network += 1;
        }
        open.total += 1;
        drop(open);
        Some(Admitted { connections: Arc::clone(self), network })
    }

    /// Returns the limits.
    pub(super) fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// Returns the bytes that responses share.
    pub(super) fn responses(&self) -> &ByteBudget {
        &self.responses
    }

    /// Returns a reservation for the body of a request.
    pub(crate) fn request_body(&self) -> ReservedBytes {
        ReservedBytes::new(Arc::clone(&self.request_bodies))
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.refusals.add(refusal);
    }

    /// Records that the server has been asked to stop. From now on each response is the last of its
    /// connection.
    pub(crate) fn stop(&self) {
        self.stopping.get_or_init(|| ());
    }

    /// Returns whether the server has been asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get().is_some()
    }

    /// Records that no more connections are accepted. Idle ones are closed soon.
    pub(crate) fn close(&self) {
        self.stop();
        self.closed.get_or_init(Instant::now);
    }

    /// Returns when the server stopped accepting connections.
    pub(super) fn closed_at(&self) -> Option<Instant> {
        self.closed.get().copied()
    }

    /// Returns the number of open connections, the memory that they hold, and what was refused.
    pub fn counters(&self) -> ConnectionCounters {
        ConnectionCounters {
            open: self.open().total,
            request_body_bytes: self.request_bodies.used(),
            response_bytes: self.responses.used(),
            refusals: self.refusals.counts(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // The numbers are changed without a panic between them.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Returns all connections.
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.total -= 1;
        let Some(network) = self.network else { return };
        if let Entry::Occupied(mut of_network) = open.by_network.entry(network) {
            *of_network.get_mut() -= 1;
            if *of_network.get() == 0 {
                of_network.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections() -> Arc<Connections> {
        let limits = ConnectionLimits {
            connections: 5,
            connections_per_address: 2,
            ..ConnectionLimits::default()
        };
        Arc::new(Connections::new(limits, "10.0.0.0/8".parse().unwrap()))
    }

    fn admit(connections: &Arc<Connections>, address: &str) -> Option<Admitted> {
        connections.admit(SocketAddr::new(address.parse().unwrap(), 1))
    }

    fn refused(connections: &Connections) -> [u64; 2] {
        let counters = connections.counters();
        [0, 1].map(|index| counters.refusals[index].count)
    }

    #[test]
    fn connections_of_an_address_are_limited() {
        let connections = connections();
        let first = admit(&connections, "2001:db8::1").unwrap();
        let _second = admit(&connections, "2001:db8::2").unwrap();
        assert!(admit(&connections, "2001:db8::ffff:3").is_none());
        assert!(admit(&connections, "2001:db8:0:1::1").is_some());
        drop(first);
        assert!(admit(&connections, "2001:db8::3").is_some());
        assert_eq!(refused(&connections), [0, 1]);
    }

    #[test]
    fn trusted_proxies_count_in_total_only() {
        let connections = connections();
        let open: Vec<_> = (0..5).map(|_| admit(&connections, "10.0.0.1").unwrap()).collect();
        assert!(admit(&connections, "10.0.0.1").is_none());
        assert!(admit(&connections, "192.0.2.1").is_none());
        assert_eq!((connections.counters().open, refused(&connections)), (5, [2, 0]));
        drop(open);
        assert!(admit(&connections, "192.0.2.1").is_some());
        assert_eq!(connections.counters().open, 0);
        assert!(connections.open().by_network.is_empty());
    }
}
