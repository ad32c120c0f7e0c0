//! API keys and their scopes.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::{
    ApiKeyId, Input, Invalid, Violations,
    input::read_text,
    record::{input, object},
    text::line,
    value::text_value,
};

text_value! {
    /// The name of an API key.
    ApiKeyName, 1..=100, line, "nightly export"
}

object! {
    /// A key with which a script acts for its owner. The secret is shown only once, when the key is
    /// created.
    pub struct ApiKey {
        /// The id.
        pub id: ApiKeyId,
        /// The name.
        pub name: ApiKeyName,
        /// The scopes: `read`, `write` or both.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, min_items = 1))]
        pub scopes: Scopes,
        /// The last characters of the secret, by which its owner can recognize the key.
        #[cfg_attr(feature = "openapi", schema(examples("PfQ8")))]
        pub hint: String,
        /// The time of creation, in UTC.
        pub created_at: DateTime<Utc>,
        /// The time of expiry, in UTC; `null` if the key does not expire.
        pub expires_at: Option<DateTime<Utc>>,
        /// The time of the last use, in UTC, to about a minute; `null` if it was never used.
        pub last_used_at: Option<DateTime<Utc>>,
    }
}

input! {
    /// An API key to create.
    pub struct NewApiKey {
        /// The name.
        pub name: ApiKeyName,
        /// The scopes: `read`, `write` or both.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, min_items = 1))]
        pub scopes: Scopes,
        /// The time of expiry; without it, the key does not expire.
        pub expires_at: Option<DateTime<Utc>>,
    }
}

impl NewApiKey {
    /// Checks that the key has not expired by `now`.
    ///
    /// # Errors
    /// A violation at `/expires_at`.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), Violations> {
        match self.expires_at {
            Some(end) if end <= now => {
                Err(Violations::one("must lie in the future").under("expires_at"))
            }
            _ => Ok(()),
        }
    }
}

/// A kind of request that an API key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    serde(rename_all = "lowercase"),
    schema(examples("read"))
)]
pub enum Scope {
    /// Reading.
    Read,
    /// Creating, changing and deleting.
    Write,
}

impl Scope {
    /// All scopes, in display order.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Returns the name of the scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == word)
            .ok_or_else(|| Invalid::new("must be \"read\" or \"write\""))
    }
}

impl Input for Scope {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

/// The scopes of an API key, at least one.
///
/// They are an array in JSON, and are stored as names separated by spaces.
///
/// ```
/// use recto_domain::{Scope, Scopes};
///
/// let scopes: Scopes = "read write".parse()?;
/// assert!(scopes.allow(Scope::Write));
/// assert_eq!(scopes, Scopes::ALL);
/// assert!("".parse::<Scopes>().is_err());
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes {
    read: bool,
    write: bool,
}

impl Scopes {
    /// Only reading.
    pub const READ: Self = Self { read: true, write: false };
    /// Only writing.
    pub const WRITE: Self = Self { read: false, write: true };
    /// All scopes.
    pub const ALL: Self = Self { read: true, write: true };

    /// Returns these scopes, each once; `None` if there are none.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Option<Self> {
        let mut all = Self { read: false, write: false };
        for scope in scopes {
            match scope {
                Scope::Read => all.read = true,
                Scope::Write => all.write = true,
            }
        }
        (all.read || all.write).then_some(all)
    }

    /// Whether the scopes include `scope`.
    pub const fn allow(self, scope: Scope) -> bool {
        match scope {
            Scope::Read => self.read,
            Scope::Write => self.write,
        }
    }

    /// Returns the scopes, in order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.allow(*scope))
    }

    /// Returns the names of the scopes, as they are stored.
    pub const fn as_str(self) -> &'static str {
        match (self.read, self.write) {
            (_, false) => "read",
            (false, true) => "write",
            (true, true) => "read write",
        }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scopes {
    type Err = Invalid;

    /// Parses the form of [`as_str`](Self::as_str).
    fn from_str(words: &str) -> Result<Self, Invalid> {
        let mut known = [Self::READ, Self::WRITE, Self::ALL].into_iter();
        known
            .find(|scopes| scopes.as_str() == words)
            .ok_or_else(|| Invalid::new("must be \"read\", \"write\" or \"read write\""))
    }
}

impl Input for Scopes {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let scopes: Vec<Scope> = Input::parse(value)?;
        Self::of(scopes).ok_or_else(|| Violations::one("must name one scope at least"))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Input::parse(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_are_a_nonempty_set() {
        let parse = |value: &Value| <Scopes as Input>::parse(value);
        assert_eq!(parse(&json!(["write", "read"])).unwrap(), Scopes::ALL);
        assert_eq!(parse(&json!(["read", "read"])).unwrap(), Scopes::READ);
        for wrong in [json!([]), json!(["admin"]), json!("read"), json!([1]), json!(null)] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
        for scopes in [Scopes::READ, Scopes::WRITE, Scopes::ALL] {
            assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
            assert_eq!(Scopes::of(scopes.iter()), Some(scopes));
            let json = serde_json::to_value(scopes).unwrap();
            assert_eq!(parse(&json).unwrap(), scopes);
        }
    }

    #[test]
    fn key_expires_in_future_or_never() {
        let new = |end: Value| {
            let body = json!({"name": "x", "scopes": ["read"], "expires_at": end});
            NewApiKey::parse(&body)
        };
        let noon: DateTime<Utc> = "2026-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(new(json!(null)).unwrap().check(noon), Ok(()));
        assert_eq!(new(json!("2026-01-01T13:00:00.5+00:00")).unwrap().check(noon), Ok(()));
        let ended = new(json!("2026-01-01T12:30:00+01:00")).unwrap().check(noon).unwrap_err();
        assert_eq!(ended.to_string(), "/expires_at must lie in the future");
        for wrong in
            ["2026-01-01", "tomorrow", "9999-12-31T23:59:59-01:00", "12026-01-01T00:00:00Z"]
        {
            assert!(new(json!(wrong)).is_err(), "{wrong}");
        }
    }
}
