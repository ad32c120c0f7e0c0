//! The server's secret, and the keys that are derived from it.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use recto_domain::{Secret, SecretHash};
use sha2::{Digest as _, Sha256};

/// The server's secret and, during a change, the previous one.
pub struct Secrets {
    current: Vec<u8>,
    previous: Option<Vec<u8>>,
}

/// The keys for one purpose: the current one signs, and both verify.
#[derive(Clone, PartialEq, Eq)]
pub struct DerivedKeys {
    /// Derived from the current secret.
    pub current: [u8; 32],
    /// Derived from the previous secret, if there is one.
    pub previous: Option<[u8; 32]>,
}

/// The error for a secret that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret has {length} bytes; it must have at least {}", Secrets::MIN_BYTES)]
pub struct WeakSecret {
    /// Its length in bytes.
    pub length: usize,
}

impl Secrets {
    /// The minimum length of a secret in bytes.
    pub const MIN_BYTES: usize = 32;

    /// Returns the current and the previous secret.
    ///
    /// # Errors
    /// [`WeakSecret`] if either has fewer than [`MIN_BYTES`](Self::MIN_BYTES).
    ///
    /// ```
    /// use recto_identity::secret::Secrets;
    ///
    /// let secrets = Secrets::new(b"a secret of thirty-two bytes, ok", None)?;
    /// let (one, other) = (secrets.derived_keys("one"), secrets.derived_keys("other"));
    /// assert_ne!(one.current, other.current);
    /// # Ok::<(), recto_identity::secret::WeakSecret>(())
    /// ```
    pub fn new(current: &[u8], previous: Option<&[u8]>) -> Result<Self, WeakSecret> {
        let strong = |secret: &[u8]| match secret.len() {
            length if length < Self::MIN_BYTES => Err(WeakSecret { length }),
            _ => Ok(secret.to_vec()),
        };
        Ok(Self { current: strong(current)?, previous: previous.map(strong).transpose()? })
    }

    /// Derives the keys for a purpose. Keys of different purposes are independent.
    pub fn derived_keys(&self, purpose: &str) -> DerivedKeys {
        let derive = |secret: &Vec<u8>| hmac(secret, purpose.as_bytes());
        DerivedKeys { current: derive(&self.current), previous: self.previous.as_ref().map(derive) }
    }
}

impl DerivedKeys {
    /// Returns the keys, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKeys(…)")
    }
}

/// Returns the SHA-256 of a bearer secret, which has 256 random bits and so needs no slow hash.
///
/// ```
/// use recto_domain::Secret;
/// use recto_identity::secret::hash;
///
/// let token = Secret::refresh_token([7; 32]);
/// assert_eq!(hash(&Secret::parse(token.expose())?), hash(&token));
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
pub fn hash(secret: &Secret) -> SecretHash {
    SecretHash::from_bytes(Sha256::digest(secret.expose()).into())
}

/// Returns the HMAC-SHA256 of a message.
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = crypto::sign(message, &EncodingKey::from_secret(key), Algorithm::HS256)
        .expect("HMAC accepts keys of any length");
    let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).ok();
    tag.and_then(|tag| tag.try_into().ok()).expect("a signature is unpadded base64url of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn hmac_matches_rfc_4231() {
        let tag = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(tag[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(tag[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn hash_is_sha_256() {
        let hash = hash(&Secret::parse("abc").unwrap());
        assert_eq!(hash.as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn short_secret_is_refused() {
        assert_eq!(Secrets::new(&SECRET[1..], None).unwrap_err(), WeakSecret { length: 31 });
        assert_eq!(Secrets::new(SECRET, Some(b"")).unwrap_err(), WeakSecret { length: 0 });
    }

    #[test]
    fn previous_keys_come_from_previous_secret() {
        let next = b"fedcba9876543210fedcba9876543210";
        let before = Secrets::new(SECRET, None).unwrap().derived_keys("use");
        let after = Secrets::new(next, Some(SECRET)).unwrap().derived_keys("use");
        assert_eq!(before.previous, None);
        assert_eq!(after.previous, Some(before.current));
        assert_eq!(after.iter().count(), 2);
        assert_ne!(after.current, before.current);
    }

    #[test]
    fn debug_hides_secrets() {
        let secrets = Secrets::new(SECRET, None).unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
        assert_eq!(format!("{:?}", secrets.derived_keys("x")), "DerivedKeys(…)");
    }
}
