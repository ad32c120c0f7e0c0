//! The address that the server listens on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A host and a port, such as `127.0.0.1:8080`, `[::1]:0` or `localhost:8080`.
///
/// A host name is resolved when the server starts to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    host: String,
    port: u16,
}

#[derive(Debug, thiserror::Error)]
#[error("must be a host and a port, such as 127.0.0.1:8080")]
pub(crate) struct InvalidListenAddress;

impl ListenAddress {
    /// Returns whether only programs on this machine can connect.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, InvalidListenAddress> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { host: address.ip().to_string(), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidListenAddress)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if !is_host_name(host) || !digits {
            return Err(InvalidListenAddress);
        }
        Ok(Self { host: host.to_owned(), port: port.parse().map_err(|_| InvalidListenAddress)? })
    }
}

impl fmt::Display for ListenAddress {
    /// Formats the address for `ToSocketAddrs`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Returns whether text can be a DNS name. If its last label is all digits, it is a wrong IPv4
/// address, which the resolver would only refuse later.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_round_trip() {
        for text in
            ["127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "localhost:80", "recto.example:65535"]
        {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn loopback_addresses_are_recognized() {
        for (text, loopback) in [
            ("127.0.0.1:0", true),
            ("[::1]:0", true),
            ("localhost:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.0.2.1:80", false),
            ("recto.example:80", false),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for text in [
            "",
            ":8080",
            "8080",
            "localhost",
            "localhost:",
            "localhost:x",
            "localhost:+1",
            "localhost:65536",
            "::1:8080",
            "300.1.1.1:80",
            "http://localhost:80",
            "a b:80",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text:?} was accepted");
        }
    }
}
