//! Recognizing devices without cookies.

use recto_domain::{DeviceFingerprint, UserAgent};
use sha2::{Digest as _, Sha256};

use crate::ClientAddress;

/// Returns the fingerprint of a device: the SHA-256 of its network ([`ClientAddress::network`]) and
/// its user agent. The digits and dots of the user agent are left out, so that an update of the
/// browser does not make the device a new one.
///
/// ```
/// use recto_domain::UserAgent;
/// use recto_identity::{ClientAddress, device::fingerprint};
///
/// let home = ClientAddress::at("192.0.2.1".parse()?);
/// let [before, after] = ["Firefox/140.0", "Firefox/141.0.2"].map(UserAgent::of);
/// assert_eq!(fingerprint(&home, before.as_ref()), fingerprint(&home, after.as_ref()));
/// assert_ne!(fingerprint(&home, before.as_ref()), fingerprint(&home, None));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn fingerprint(client: &ClientAddress, agent: Option<&UserAgent>) -> DeviceFingerprint {
    let mut hash = Sha256::new();
    hash.update(client.network().to_string());
    // Neither a network nor a user agent contains a line break.
    hash.update("\n");
    let agent = agent.map_or("", UserAgent::as_str);
    let is_version = |c: char| c.is_ascii_digit() || c == '.';
    hash.update(agent.chars().filter(|c| !is_version(*c)).collect::<String>());
    DeviceFingerprint::from_bytes(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_and_agent_identify_a_device() {
        let fingerprint = |address: &str, agent: &str| {
            fingerprint(&ClientAddress::at(address.parse().unwrap()), UserAgent::of(agent).as_ref())
        };
        let known = fingerprint("2001:db8:1:2::3", "Firefox/140");
        assert_eq!(fingerprint("2001:db8:1:2::4", "Firefox/140"), known);
        assert_ne!(fingerprint("2001:db8:1:3::3", "Firefox/140"), known);
        assert_ne!(fingerprint("2001:db8:1:2::3", "Chrome/140"), known);
    }
}
