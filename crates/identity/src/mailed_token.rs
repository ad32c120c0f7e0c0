//! Tokens of links in mails, derived when a mail is sent.
//!
//! The database stores the id and the hash of a token, never the token. Deriving it requires the
//! server's secret, so neither the database nor a backup nor the outbox contains usable links.

use recto_domain::{MailedTokenId, Secret, SecretHash};

use crate::secret::{DerivedKeys, Secrets, hash, hmac};

/// The purpose for which the keys are derived.
const PURPOSE: &str = "recto mailed token v1";

/// Derives the tokens of links.
#[derive(Debug, Clone)]
pub struct MailedTokens(DerivedKeys);

impl MailedTokens {
    /// Returns tokens with keys that are derived from the server's secrets. Tokens of the previous
    /// secret are found, too.
    ///
    /// ```
    /// use recto_identity::mailed_token::MailedTokens;
    /// use recto_identity::secret::{Secrets, hash};
    /// use recto_domain::{MailedTokenId, NewId};
    ///
    /// let secrets = Secrets::new(b"a secret of thirty-two bytes, ok", None)?;
    /// let tokens = MailedTokens::new(&secrets);
    /// let id = MailedTokenId::from_uuid(NewId::new(0, [1; 10]).uid());
    /// let stored = tokens.hash(id);
    /// assert_eq!(tokens.find(id, &stored).map(|token| hash(&token)), Some(stored));
    /// # Ok::<(), recto_identity::secret::WeakSecret>(())
    /// ```
    pub fn new(secrets: &Secrets) -> Self {
        Self(secrets.derived_keys(PURPOSE))
    }

    /// Returns the hash of a new token, to be stored with `id`, which must be new.
    pub fn hash(&self, id: MailedTokenId) -> SecretHash {
        hash(&token(&self.0.current, id))
    }

    /// Returns the token with this id and hash, or `None` if neither secret derives it.
    pub fn find(&self, id: MailedTokenId, stored: &SecretHash) -> Option<Secret> {
        self.0.iter().map(|key| token(key, id)).find(|token| hash(token) == *stored)
    }
}

/// Returns the HMAC-SHA256 of the id.
fn token(key: &[u8; 32], id: MailedTokenId) -> Secret {
    Secret::mailed_token(hmac(key, id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NEW: &[u8] = b"fedcba9876543210fedcba9876543210";

    fn tokens(secret: &[u8], previous: Option<&[u8]>) -> MailedTokens {
        MailedTokens::new(&Secrets::new(secret, previous).unwrap())
    }

    fn id() -> MailedTokenId {
        "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47".parse().unwrap()
    }

    #[test]
    fn token_is_bound_and_url_safe() {
        let tokens = tokens(OLD, None);
        let token = tokens.find(id(), &tokens.hash(id())).unwrap();
        assert_eq!(token.expose().len(), 43);
        assert!(token.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        let other = "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c48".parse().unwrap();
        assert!(tokens.find(other, &tokens.hash(id())).is_none());
    }

    #[test]
    fn token_is_hmac_of_id() {
        // Computed with another program, so that a later version still finds its tokens.
        let token = token(&tokens(OLD, None).0.current, id());
        assert_eq!(token.expose(), "5NOI8Uft4E9h94GPcr017ww1WjqWXt4Q92TW8AcrQUc");
    }

    #[test]
    fn previous_secret_still_finds_tokens() {
        let stored = tokens(OLD, None).hash(id());
        let both = tokens(NEW, Some(OLD));
        assert!(both.find(id(), &stored).is_some());
        assert_ne!(both.hash(id()), stored);
        assert!(tokens(NEW, None).find(id(), &stored).is_none());
    }
}
