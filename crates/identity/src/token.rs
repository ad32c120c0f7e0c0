//! Access tokens: short-lived JWTs (RFC 9068), verified without the database.
//!
//! Tokens are signed with HMAC-SHA256. The current key signs, and the current and the previous key
//! verify; the token's `kid` selects the key. The caller passes the time, so the JWT library's own
//! time checks are off.

use std::fmt;

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::errors::Error as JwtError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use recto_domain::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::secret::{Secrets, hmac};

/// The only accepted algorithm, whatever a token's header names.
const ALGORITHM: Algorithm = Algorithm::HS256;
/// The header's `typ`, which distinguishes access tokens from other JWTs.
const HEADER_TYPE: &str = "at+jwt";
/// The claim `token_type`.
const TOKEN_TYPE: &str = "access";
/// The claims `iss` and `aud`.
const RECTO: &str = "recto";
/// The purpose for which the keys are derived.
const PURPOSE: &str = "recto access token v1";
/// The message from which a key's id is computed.
const KEY_ID: &[u8] = b"recto key id v1";
/// The tolerated difference between the clocks of two servers, in seconds.
const LEEWAY: i64 = 5;

/// Issues and verifies access tokens.
#[derive(Clone)]
pub struct Tokens {
    current: SigningKey,
    previous: Option<SigningKey>,
    validation: Validation,
}

/// A key and its id (`kid`).
#[derive(Clone)]
struct SigningKey {
    id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
}

/// A new token and its lifetime.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub access_token: String,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// The claims of a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// The authenticated user.
    pub user: UserId,
    /// The token's own id.
    pub id: Uuid,
    /// When it was issued, to the second.
    pub issued_at: DateTime<Utc>,
    /// When it expires, to the second.
    pub expires_at: DateTime<Utc>,
}

/// The reason why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is malformed, forged, or not an access token.
    #[error("the access token is not valid")]
    Invalid,
    /// It has expired.
    #[error("the access token has expired")]
    Expired,
    /// It is not valid yet: a server's clock is wrong.
    #[error("the access token is not valid yet")]
    NotYetValid,
}

/// The claims as serialized. Each is required.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    iss: String,
    aud: String,
    sub: UserId,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    token_type: String,
}

impl Tokens {
    /// The lifetime of a token in seconds: 15 minutes.
    pub const LIFETIME: u32 = 15 * 60;

    /// Returns tokens with signing keys that are derived from the server's secrets.
    ///
    /// ```
    /// use recto_identity::secret::Secrets;
    /// use recto_identity::token::Tokens;
    /// use recto_domain::{NewId, UserId};
    ///
    /// let tokens = Tokens::new(&Secrets::new(b"a secret of thirty-two bytes, ok", None)?);
    /// let new_id = NewId::new(1_767_225_600_000, [1; 10]);
    /// let user = UserId::from_uuid(new_id.uid());
    /// let issued = tokens.issue(user, new_id.at(), new_id.uid());
    /// assert_eq!(tokens.verify(&issued.access_token, new_id.at())?.user, user);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(secrets: &Secrets) -> Self {
        let keys = secrets.derived_keys(PURPOSE);
        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[RECTO]);
        validation.set_audience(&[RECTO]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let (current, previous) = (SigningKey::of(keys.current), keys.previous.map(SigningKey::of));
        Self { current, previous, validation }
    }

    /// Issues a token for `user`, valid from `now`. Its `id` must be new.
    #[expect(clippy::missing_panics_doc, reason = "claims and key are always valid")]
    pub fn issue(&self, user: UserId, now: DateTime<Utc>, id: Uuid) -> Issued {
        let now = now.timestamp();
        let payload = Payload {
            iss: RECTO.to_owned(),
            aud: RECTO.to_owned(),
            sub: user,
            iat: now,
            nbf: now,
            exp: now + i64::from(Self::LIFETIME),
            jti: id,
            token_type: TOKEN_TYPE.to_owned(),
        };
        let access_token =
            jsonwebtoken::encode(&self.current.header(), &payload, &self.current.signing)
                .expect("plain claims serialize, and the key fits the algorithm");
        Issued { access_token, expires_in: Self::LIFETIME.into() }
    }

    /// Verifies a token at `now`, with a tolerance of 5 seconds, and returns its claims.
    ///
    /// # Errors
    /// [`TokenError`]. Times are checked after the signature.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let key = header.kid.and_then(|id| self.key(&id)).ok_or(TokenError::Invalid)?;
        let read = jsonwebtoken::decode::<Payload>(token, &key.verifying, &self.validation);
        let token = read.map_err(|_: JwtError| TokenError::Invalid)?;
        let payload = token.claims;
        if token.header.typ.as_deref() != Some(HEADER_TYPE) || payload.token_type != TOKEN_TYPE {
            return Err(TokenError::Invalid);
        }
        let moment = |seconds| DateTime::from_timestamp(seconds, 0).ok_or(TokenError::Invalid);
        let claims = Claims {
            user: payload.sub,
            id: payload.jti,
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
        };
        let now = now.timestamp();
        if now.saturating_sub(LEEWAY) >= payload.exp {
            return Err(TokenError::Expired);
        }
        if now.saturating_add(LEEWAY) < payload.nbf.max(payload.iat) {
            return Err(TokenError::NotYetValid);
        }
        Ok(claims)
    }

    /// Returns the key with this id. Ids are not secret.
    fn key(&self, id: &str) -> Option<&SigningKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id)
    }
}

impl SigningKey {
    fn of(key: [u8; 32]) -> Self {
        Self {
            // Distinguishes keys without revealing them.
            id: BASE64URL_NOPAD.encode(&hmac(&key, KEY_ID)[..6]),
            signing: EncodingKey::from_secret(&key),
            verifying: DecodingKey::from_secret(&key),
        }
    }

    fn header(&self) -> Header {
        let (typ, kid) = (Some(HEADER_TYPE.to_owned()), Some(self.id.clone()));
        Header { typ, kid, ..Header::new(ALGORITHM) }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OTHER: &[u8] = b"0123456789abcdef0123456789abcdeF";
    const USER: &str = "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        now() + TimeDelta::seconds(seconds)
    }

    fn user() -> UserId {
        USER.parse().unwrap()
    }

    fn with(secret: &[u8], previous: Option<&[u8]>) -> Tokens {
        Tokens::new(&Secrets::new(secret, previous).unwrap())
    }

    fn tokens() -> Tokens {
        with(SECRET, None)
    }

    fn issue() -> String {
        tokens().issue(user(), now(), Uuid::from_u128(7)).access_token
    }

    fn header() -> Header {
        tokens().current.header()
    }

    fn claims() -> Value {
        let now = now().timestamp();
        json!({
            "iss": "recto", "aud": "recto", "sub": USER, "iat": now, "nbf": now, "exp": now + 900,
            "jti": Uuid::from_u128(7), "token_type": "access",
        })
    }

    fn signed(header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &tokens().current.signing).unwrap()
    }

    fn verified(token: &str) -> Result<Claims, TokenError> {
        tokens().verify(token, now())
    }

    #[test]
    fn valid_token_returns_its_claims() {
        let issued = tokens().issue(user(), now(), Uuid::from_u128(7));
        assert_eq!(issued.expires_in, 900);
        let expected =
            Claims { user: user(), id: Uuid::from_u128(7), issued_at: now(), expires_at: at(900) };
        assert_eq!(verified(&issued.access_token), Ok(expected));
        assert_eq!(verified(&signed(&header(), &claims())), Ok(expected));
    }

    #[test]
    fn header_follows_rfc_9068() {
        let header = jsonwebtoken::decode_header(issue()).unwrap();
        assert_eq!((header.typ.as_deref(), header.alg), (Some("at+jwt"), Algorithm::HS256));
        assert_eq!(header.kid.map(|id| id.len()), Some(8));
    }

    #[test]
    fn token_expires_after_its_lifetime() {
        let (tokens, token) = (tokens(), issue());
        assert!(tokens.verify(&token, at(904)).is_ok());
        assert_eq!(tokens.verify(&token, at(905)), Err(TokenError::Expired));
        assert_eq!(tokens.verify(&token, at(86_400)), Err(TokenError::Expired));
        assert!(tokens.verify(&token, at(-5)).is_ok());
        assert_eq!(tokens.verify(&token, at(-6)), Err(TokenError::NotYetValid));
    }

    #[test]
    fn changed_character_is_refused() {
        let token = issue();
        for (index, old) in token.char_indices() {
            // The last character has unused bits, which strict decoding refuses, too.
            let new = if old == 'A' { 'B' } else { 'A' };
            let mut forged = token.clone();
            forged.replace_range(index..=index, &new.to_string());
            assert_eq!(verified(&forged), Err(TokenError::Invalid), "character {index}");
        }
        for cut in 0..token.len() {
            assert_eq!(verified(&token[..cut]), Err(TokenError::Invalid));
        }
        for wrong in ["", "..", "a.b.c", "é.é.é", &format!("{token}."), &format!(" {token}")] {
            assert_eq!(verified(wrong), Err(TokenError::Invalid), "{wrong}");
        }
    }

    #[test]
    fn unsigned_tokens_are_refused() {
        let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let payload = encode(&claims());
        for alg in ["none", "None", "NONE", ""] {
            let kid = tokens().current.id;
            let header = encode(&json!({"alg": alg, "typ": "at+jwt", "kid": kid}));
            for signature in ["", "AAAA", issue().rsplit('.').next().unwrap()] {
                let token = format!("{header}.{payload}.{signature}");
                assert_eq!(verified(&token), Err(TokenError::Invalid), "{alg}");
            }
        }
    }

    #[test]
    fn other_algorithm_is_refused() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let token = signed(&Header { alg: algorithm, ..header() }, &claims());
            assert_eq!(verified(&token), Err(TokenError::Invalid), "{algorithm:?}");
        }
    }

    #[test]
    fn other_header_type_is_refused() {
        for typ in [None, Some("JWT"), Some("jwt"), Some("")] {
            let token = signed(&Header { typ: typ.map(str::to_owned), ..header() }, &claims());
            assert_eq!(verified(&token), Err(TokenError::Invalid), "{typ:?}");
        }
    }

    #[test]
    fn every_claim_is_required_and_checked() {
        for (name, wrongs) in [
            ("iss", json!(["verso", "", 1, ["verso"], ["recto"]])),
            ("aud", json!(["verso", "", 1, ["verso"], []])),
            ("sub", json!(["", "42", 1, "0198c5a07b1e7c3a9d542f6b8e1a0c47"])),
            ("iat", json!(["now", -1e300, i64::MAX])),
            ("nbf", json!(["now", 1.5, [], i64::MAX])),
            ("exp", json!(["never", 1e300, i64::MAX, u64::MAX])),
            ("jti", json!(["", 1, "7"])),
            ("token_type", json!(["refresh", "", 1])),
        ] {
            let mut missing = claims();
            missing.as_object_mut().unwrap().remove(name).unwrap();
            assert_eq!(verified(&signed(&header(), &missing)), Err(TokenError::Invalid), "{name}");
            for wrong in wrongs.as_array().unwrap().iter().chain([&Value::Null]) {
                let mut changed = claims();
                changed[name] = wrong.clone();
                let refused = verified(&signed(&header(), &changed)).is_err();
                assert!(refused, "{name}: {wrong}");
            }
        }
    }

    #[test]
    fn other_or_underived_key_is_refused() {
        let other = with(OTHER, None);
        assert_eq!(other.verify(&issue(), now()), Err(TokenError::Invalid));
        let underived = EncodingKey::from_secret(SECRET);
        let token = jsonwebtoken::encode(&header(), &claims(), &underived).unwrap();
        assert_eq!(verified(&token), Err(TokenError::Invalid));
    }

    #[test]
    fn secret_change_keeps_tokens_valid() {
        let (before, after) = (issue(), with(OTHER, Some(SECRET)));
        assert_eq!(after.verify(&before, now()).unwrap().user, user());
        let new = after.issue(user(), now(), Uuid::from_u128(8)).access_token;
        assert_eq!(after.verify(&new, now()).unwrap().id, Uuid::from_u128(8));
        // Servers that have not been switched yet have the new secret as the previous one.
        let waiting = with(SECRET, Some(OTHER));
        assert!(waiting.verify(&new, now()).is_ok() && waiting.verify(&before, now()).is_ok());
        // Finally, the old secret is removed.
        let end = with(OTHER, None);
        assert_eq!(end.verify(&before, now()), Err(TokenError::Invalid));
        assert!(end.verify(&new, now()).is_ok());
    }

    #[test]
    fn unknown_key_id_is_refused() {
        let both = with(OTHER, Some(SECRET));
        let named = |kid: Option<&str>| {
            let header = Header { kid: kid.map(str::to_owned), ..header() };
            both.verify(&signed(&header, &claims()), now())
        };
        assert!(named(Some(&tokens().current.id)).is_ok());
        for wrong in [None, Some(""), Some("AAAAAAAA"), Some(both.current.id.as_str())] {
            assert_eq!(named(wrong), Err(TokenError::Invalid), "{wrong:?}");
        }
    }

    #[test]
    fn debug_hides_keys_and_tokens() {
        assert_eq!(format!("{:?}", tokens()), "Tokens(…)");
        let issued = tokens().issue(user(), now(), Uuid::from_u128(7));
        assert_eq!(format!("{issued:?}"), "Issued { expires_in: 900, .. }");
    }
}
