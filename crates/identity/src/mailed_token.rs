//! The tokens that links in mails carry: made when they are sent, kept nowhere.
//!
//! The database holds the hash of a token and the id that it is made of. Whoever reads the
//! database or a backup of it can make no link, for that takes the server's secret; and a mail
//! that waits to be sent holds nothing worth stealing.

use recto_domain::{MailedTokenId, Secret, SecretHash};

use crate::secret::{DerivedKeys, Secrets, hash, hmac};

/// What the keys are derived for.
const PURPOSE: &str = "recto mailed token v1";

/// Makes the tokens that links carry.
#[derive(Debug, Clone)]
pub struct MailedTokens(DerivedKeys);

impl MailedTokens {
    /// Tokens of the server's secret; those of the one before it are still found.
    ///
    /// ```
    /// use recto_identity::mailed_token::MailedTokens;
    /// use recto_identity::secret::{Secrets, hash};
    /// use recto_domain::{MailedTokenId, NewId};
    ///
    /// let secrets = Secrets::new(b"a secret of thirty-two bytes, ok", None)?;
    /// let tokens = MailedTokens::new(&secrets);
    /// let id = MailedTokenId::from_uuid(NewId::new(0, [1; 10]).uid());
    /// let kept = tokens.hash(id);
    /// assert_eq!(tokens.find(id, &kept).map(|token| hash(&token)), Some(kept));
    /// # Ok::<(), recto_identity::secret::WeakSecret>(())
    /// ```
    pub fn new(secrets: &Secrets) -> Self {
        Self(secrets.derived_keys(PURPOSE))
    }

    /// The hash to keep for a new token; `id` must be new, and is kept beside it.
    pub fn hash(&self, id: MailedTokenId) -> SecretHash {
        hash(&token(&self.0.current, id))
    }

    /// The token with this id whose hash is the one that was kept; none if it was made of a
    /// secret that is gone.
    pub fn find(&self, id: MailedTokenId, kept: &SecretHash) -> Option<Secret> {
        self.0.iter().map(|key| token(key, id)).find(|token| hash(token) == *kept)
    }
}

/// HMAC-SHA256 of the id.
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
    fn a_token_is_of_one_id_and_fits_a_link() {
        let tokens = tokens(OLD, None);
        let token = tokens.find(id(), &tokens.hash(id())).unwrap();
        assert_eq!(token.expose().len(), 43);
        assert!(token.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        let other = "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c48".parse().unwrap();
        assert!(tokens.find(other, &tokens.hash(id())).is_none());
    }

    #[test]
    fn the_token_is_an_hmac_of_the_id_under_a_derived_key() {
        // Made with another program's HMAC, so that a new version still finds its tokens.
        let token = token(&tokens(OLD, None).0.current, id());
        assert_eq!(token.expose(), "5NOI8Uft4E9h94GPcr017ww1WjqWXt4Q92TW8AcrQUc");
    }

    #[test]
    fn a_new_secret_still_finds_the_tokens_of_the_old_one() {
        let kept = tokens(OLD, None).hash(id());
        let both = tokens(NEW, Some(OLD));
        assert!(both.find(id(), &kept).is_some());
        assert_ne!(both.hash(id()), kept);
        assert!(tokens(NEW, None).find(id(), &kept).is_none());
    }
}
