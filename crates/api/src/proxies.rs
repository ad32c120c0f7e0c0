//! Trusted proxies, and the addresses of the clients behind them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// The proxies in front of the server whose `X-Forwarded-For` is trusted.
///
/// ```
/// use recto_api::TrustedProxies;
///
/// let proxies: TrustedProxies = "127.0.0.1, 10.0.0.0/8, fd00::/8".parse()?;
/// assert!(proxies.trusts("10.1.2.3".parse()?));
/// assert!(!TrustedProxies::default().trusts("127.0.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The error of an invalid entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// It is neither an address nor a network.
    #[error("`{0}` is neither an IP address nor a network such as 10.0.0.0/8")]
    Syntax(String),
    /// These are all addresses, so that every client could choose its own address.
    #[error("`{0}` trusts every client; name the networks of the proxies, such as 10.0.0.0/8")]
    Everybody(String),
}

impl TrustedProxies {
    /// Returns whether an address belongs to a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the address of the client behind `peer`, from the values of `X-Forwarded-For`.
    ///
    /// Reads the addresses from last to first and returns the first one that is not a trusted
    /// proxy. Earlier addresses may be forged. If all are trusted, returns the leftmost. If a
    /// trusted proxy has added something that is not an address, returns the proxy.
    pub(crate) fn behind<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut address = peer.to_canonical();
        for hop in forwarded.rev().flat_map(|value| value.rsplit(',')) {
            if !self.trusts(address) {
                break;
            }
            match parse_hop(hop.trim()) {
                Some(hop) => address = hop.to_canonical(),
                None => break,
            }
        }
        address
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let networks = text.split(',').map(str::trim).map(parse_network);
        let networks = networks.collect::<Result<Vec<_>, _>>()?;
        if IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0) {
            return Err(InvalidProxy::Everybody(text.to_owned()));
        }
        Ok(Self(networks))
    }
}

/// Parses an address or a network. IPv4-mapped IPv6 addresses become IPv4 addresses.
fn parse_network(one: &str) -> Result<IpNet, InvalidProxy> {
    let network = one.parse().or_else(|_| one.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| InvalidProxy::Syntax(one.to_owned()))?;
    let IpAddr::V6(address) = network.network() else { return Ok(network) };
    let mapped = address.to_ipv4_mapped().zip(network.prefix_len().checked_sub(96));
    let mapped = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    Ok(mapped.map_or(network, IpNet::from))
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

/// Parses an address, perhaps in brackets or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let alone = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    alone.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(peer: &str, forwarded: &[&str]) -> String {
        let proxies: TrustedProxies = "127.0.0.1,10.0.0.0/8,fd00::/8".parse().unwrap();
        proxies.behind(peer.parse().unwrap(), forwarded.iter().copied()).to_string()
    }

    #[test]
    fn header_of_untrusted_peer_is_ignored() {
        let none = TrustedProxies::default();
        let peer: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(none.behind(peer, ["192.0.2.1"].into_iter()), peer);
        assert_eq!(behind("192.0.2.9", &["192.0.2.1"]), "192.0.2.9");
        assert_eq!(behind("192.0.2.9", &["10.0.0.1"]), "192.0.2.9");
    }

    #[test]
    fn last_untrusted_address_is_the_client() {
        assert_eq!(behind("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(behind("10.0.0.1", &["198.51.100.7, 192.0.2.1, 10.0.0.2"]), "192.0.2.1");
        assert_eq!(behind("10.0.0.1", &["198.51.100.7", "192.0.2.1", "10.0.0.2"]), "192.0.2.1");
        assert_eq!(behind("::ffff:10.0.0.1", &["2001:db8::7"]), "2001:db8::7");
        // All addresses are trusted: a client in the same network.
        assert_eq!(behind("10.0.0.1", &["10.0.0.3,10.0.0.2"]), "10.0.0.3");
        assert_eq!(behind("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn invalid_address_ends_the_search() {
        for nonsense in ["", "unknown", "192.0.2.1, nonsense", "192.0.2.1,", "_hidden", "1.2.3"] {
            assert_eq!(behind("10.0.0.1", &[nonsense]), "10.0.0.1", "{nonsense}");
            assert_eq!(behind("10.0.0.1", &[nonsense, "10.0.0.9"]), "10.0.0.9", "{nonsense}");
        }
    }

    #[test]
    fn ports_and_brackets_are_accepted() {
        for (hop, address) in [
            ("192.0.2.1:8080", "192.0.2.1"),
            ("[2001:db8::1]:8080", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(behind("fd00::1", &[hop]), address);
        }
    }

    #[test]
    fn addresses_and_networks_are_parsed() {
        let proxies: TrustedProxies = " 10.0.0.0/8 ,::1".parse().unwrap();
        assert_eq!(proxies.to_string(), "10.0.0.0/8,::1/128");
        let proxies: TrustedProxies = "::ffff:10.0.0.0/104,::/1".parse().unwrap();
        assert_eq!(proxies.to_string(), "10.0.0.0/8,::/1");
        for wrong in ["", "10.0.0.0/8,", "10.0.0.0/33", "proxy.example", "10.0.0"] {
            let refused = wrong.parse::<TrustedProxies>().unwrap_err().to_string();
            assert!(refused.contains("10.0.0.0/8"), "{refused}");
        }
    }

    #[test]
    fn networks_of_all_addresses_are_refused() {
        for all in ["0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1", "::/1, 8000::/1", "::ffff:0:0/96"]
        {
            let refused = all.parse::<TrustedProxies>().unwrap_err();
            assert_eq!(refused, InvalidProxy::Everybody(all.to_owned()));
        }
    }
}
