//! Bearer secrets: refresh tokens, API keys and mailed tokens.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use crate::{Code, Input, Invalid, Violations, input::read_text, text::check_length};

/// A bearer secret.
///
/// Only [`expose`](Self::expose) returns it: `Debug` leaves it out, and there is neither `Display`
/// nor `Serialize`. The database stores its [`SecretHash`].
///
/// ```
/// use recto_domain::Secret;
///
/// let token = Secret::refresh_token([7; 32]);
/// assert!(token.expose().starts_with("recto_rt_"));
/// assert_eq!(format!("{token:?}"), "Secret(…)");
/// ```
#[derive(Clone)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        min_length = 1,
        max_length = 1024,
        examples("q6FzLx2v0b7yUo9cHjTn4mWkR1sEd8pGiA5uXwNzPfQ")
    )
)]
pub struct Secret(String);

/// The SHA-256 of a [`Secret`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl Secret {
    /// The maximum number of characters, which limits the work of hashing.
    pub const MAX_CHARS: usize = 1024;

    /// The prefix of refresh tokens, by which leaked ones can be recognized.
    pub const REFRESH_TOKEN: &str = "recto_rt_";

    /// The prefix of API keys.
    pub const API_KEY: &str = "recto_key_";

    /// Validates a secret as it was sent.
    ///
    /// # Errors
    /// The secret is empty or has more than 1024 characters.
    pub fn parse(sent: &str) -> Result<Self, Invalid> {
        check_length(sent.chars().count(), &(1..=Self::MAX_CHARS))?;
        Ok(Self(sent.to_owned()))
    }

    /// Returns a refresh token of these random bytes.
    pub fn refresh_token(random: [u8; 32]) -> Self {
        Self::encoded(Self::REFRESH_TOKEN, random)
    }

    /// Returns an API key of these random bytes.
    pub fn api_key(random: [u8; 32]) -> Self {
        Self::encoded(Self::API_KEY, random)
    }

    /// Returns a token to be mailed, of bytes that only the server can derive.
    pub fn mailed_token(derived: [u8; 32]) -> Self {
        Self::encoded("", derived)
    }

    /// Returns whether the secret has the prefix of API keys.
    ///
    /// ```
    /// assert!(recto_domain::Secret::api_key([7; 32]).is_api_key());
    /// ```
    pub fn is_api_key(&self) -> bool {
        self.0.starts_with(Self::API_KEY)
    }

    /// Returns the secret, for its owner only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the last four characters, by which its owner can recognize the secret.
    ///
    /// ```
    /// assert_eq!(recto_domain::Secret::api_key([7; 32]).hint(), "HBwc");
    /// ```
    pub fn hint(&self) -> &str {
        let start = self.0.char_indices().rev().nth(3).map_or(0, |(index, _)| index);
        &self.0[start..]
    }

    fn encoded(prefix: &str, bytes: [u8; 32]) -> Self {
        Self(format!("{prefix}{}", BASE64URL_NOPAD.encode(&bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Input for Secret {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, Self::parse)
    }
}

impl SecretHash {
    /// Returns a stored hash.
    ///
    /// ```
    /// use recto_domain::SecretHash;
    ///
    /// assert_eq!(SecretHash::from_bytes([7; 32]).as_bytes(), &[7; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// Converts the bytes of a stored hash.
impl TryFrom<Vec<u8>> for SecretHash {
    type Error = Invalid;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Invalid> {
        bytes.try_into().map(Self).map_err(|_| Invalid::new(Code::Length, "must have 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::parse("canary").unwrap();
        let hash = SecretHash::from_bytes([7; 32]);
        assert_eq!(format!("{secret:?} {hash:?}"), "Secret(…) SecretHash(…)");
    }

    #[test]
    fn hash_has_32_bytes() {
        assert!(SecretHash::try_from(vec![0; 31]).is_err());
    }

    #[test]
    fn secret_is_bounded_text() {
        assert!(Secret::parse("").is_err());
        assert!(Secret::parse(&"é".repeat(1025)).is_err());
        assert_eq!(Secret::parse("é").unwrap().hint(), "é");
        assert_eq!(Secret::parse("aéééé").unwrap().hint(), "éééé");
    }
}
