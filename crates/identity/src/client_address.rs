//! Clients, identified by their IP address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::throttle::Allowance;

/// The client that sends a request, identified by its IP address.
///
/// Clones share the recorded allowances.
#[derive(Debug, Clone)]
pub struct ClientAddress {
    address: IpAddr,
    allowances: Arc<Mutex<Vec<Allowance>>>,
}

impl ClientAddress {
    /// Returns the client at this IP address.
    ///
    /// ```
    /// use recto_identity::ClientAddress;
    ///
    /// let client = ClientAddress::at("::ffff:192.0.2.7".parse()?);
    /// assert_eq!(client.address().to_string(), "192.0.2.7");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn at(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), allowances: Arc::default() }
    }

    /// Returns its IP address. An IPv4-mapped IPv6 address is returned as IPv4.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the network that counts as one client: an IPv4 address, or an IPv6 /64, the usual
    /// size of a household's network.
    pub fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
        }
    }

    /// Returns the larger network that many networks of one owner belong to: an IPv6 /48, the usual
    /// size of a site. `None` for IPv4.
    pub fn site(&self) -> Option<IpAddr> {
        match self.address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & (!0 << 80)).into()),
        }
    }

    /// Records the allowance of a budget, replacing an earlier record.
    pub(crate) fn record(&self, allowance: Allowance) {
        let mut recorded = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.retain(|earlier| earlier.name != allowance.name);
        recorded.push(allowance);
    }

    /// Returns the allowance of each budget that the request used.
    pub fn allowances(&self) -> Vec<Allowance> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn household_is_one_network() {
        let network =
            |address: &str| ClientAddress::at(address.parse().unwrap()).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn site_has_many_networks() {
        let site = |address: &str| ClientAddress::at(address.parse().unwrap()).site();
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), Some("2001:db8:1::".parse().unwrap()));
        assert_eq!(site("192.0.2.1"), None);
    }
}
