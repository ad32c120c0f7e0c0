//! The tokens that links in mails carry: made when they are sent, kept nowhere.
//!
//! The database holds the hash of a token and the id that it is made of. Whoever reads the
//! database or a backup of it can make no link, for that takes the server's secret; and a mail
//! that waits to be sent holds nothing worth stealing.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::token::derived_key;

/// What the keys are derived for.
const PURPOSE: &[u8] = b"recto mailed token v1";

/// SHA-256 of a token, as the database keeps it. A token is as random as a key, so that a slow
/// hash would add nothing.
pub type TokenHash = [u8; 32];

/// Makes the tokens that links carry.
#[derive(Clone)]
pub struct MailedTokens {
    /// The current key, and the one before it while secrets are being changed.
    keys: Vec<EncodingKey>,
}

/// The token of a link: whoever has it owns the mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedToken(String);

impl MailedTokens {
    /// Tokens from the server's secret; `previous` is the secret before it, whose tokens are
    /// still found.
    ///
    /// ```
    /// use recto_api::identity::mailed::{MailedTokens, hash};
    /// use uuid::Uuid;
    ///
    /// let tokens = MailedTokens::new(b"a secret of thirty-two bytes, ok", None);
    /// let (id, kept) = (Uuid::from_u128(7), tokens.hash(Uuid::from_u128(7)));
    /// let token = tokens.find(id, &kept).expect("it is of this secret");
    /// assert_eq!(hash(token.as_str()), kept);
    /// ```
    pub fn new(secret: &[u8], previous: Option<&[u8]>) -> Self {
        let key = |secret| EncodingKey::from_secret(&derived_key(secret, PURPOSE));
        Self { keys: [Some(secret), previous].into_iter().flatten().map(key).collect() }
    }

    /// The hash to keep for a new token; `id` must be new, and is kept beside it.
    pub fn hash(&self, id: Uuid) -> TokenHash {
        hash(token(&self.keys[0], id).as_str())
    }

    /// The token with this id whose hash is the one that was kept; none if it was made under a
    /// secret that is gone.
    pub fn find(&self, id: Uuid, kept: &TokenHash) -> Option<MailedToken> {
        self.keys.iter().map(|key| token(key, id)).find(|token| hash(token.as_str()) == *kept)
    }
}

/// The hash by which a token is looked up.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

impl MailedToken {
    /// The token: 43 characters that a URL takes as they are.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailedTokens(…)")
    }
}

impl fmt::Debug for MailedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailedToken(…)")
    }
}

/// HMAC-SHA256 of the id, in base64url.
fn token(key: &EncodingKey, id: Uuid) -> MailedToken {
    let tag =
        crypto::sign(id.as_bytes(), key, Algorithm::HS256).expect("a derived key is a key of HMAC");
    MailedToken(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NEW: &[u8] = b"fedcba9876543210fedcba9876543210";
    const ID: Uuid = Uuid::from_u128(0x0198_c5a0_7b1e_7c3a_9d54_2f6b_8e1a_0c47);

    #[test]
    fn a_token_is_the_same_each_time_and_of_one_id() {
        let tokens = MailedTokens::new(OLD, None);
        let token = tokens.find(ID, &tokens.hash(ID)).unwrap();
        assert_eq!(token.as_str().len(), 43);
        assert!(token.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert_eq!(tokens.find(ID, &hash(token.as_str())), Some(token));
        assert_eq!(tokens.find(Uuid::nil(), &tokens.hash(ID)), None);
    }

    #[test]
    fn the_token_is_an_hmac_of_the_id_under_a_derived_key() {
        // Made with another program's HMAC, so that a new version still finds its tokens.
        let token = token(&MailedTokens::new(OLD, None).keys[0], ID);
        assert_eq!(token.as_str(), "5NOI8Uft4E9h94GPcr017ww1WjqWXt4Q92TW8AcrQUc");
    }

    #[test]
    fn a_new_secret_still_finds_the_tokens_of_the_old_one() {
        let kept = MailedTokens::new(OLD, None).hash(ID);
        let both = MailedTokens::new(NEW, Some(OLD));
        assert!(both.find(ID, &kept).is_some());
        assert_ne!(both.hash(ID), kept);
        assert_eq!(MailedTokens::new(NEW, None).find(ID, &kept), None);
    }

    #[test]
    fn debug_shows_neither_key_nor_token() {
        let tokens = MailedTokens::new(OLD, None);
        assert_eq!(format!("{tokens:?}"), "MailedTokens(…)");
        assert_eq!(format!("{:?}", tokens.find(ID, &tokens.hash(ID))), "Some(MailedToken(…))");
    }
}
