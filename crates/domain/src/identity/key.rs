//! API keys: what scripts sign in with, and what they may do.

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
    /// What an API key is called by its owner.
    ApiKeyName, 1..=100, line, "nightly export"
}

object! {
    /// A key that a script signs in with in its owner's name. The key itself is shown only once,
    /// when it is made.
    pub struct ApiKey {
        /// The key under which it is listed.
        pub id: ApiKeyId,
        /// What its owner calls it.
        pub name: ApiKeyName,
        /// What may be done with it.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, min_items = 1))]
        pub scopes: Scopes,
        /// The last characters of the key itself, by which its owner knows it again.
        #[cfg_attr(feature = "openapi", schema(examples("PfQ8")))]
        pub hint: String,
        /// When it was made, in UTC.
        pub created_at: DateTime<Utc>,
        /// When it ends, in UTC, if ever.
        pub expires_at: Option<DateTime<Utc>>,
        /// When it was last used, in UTC, to the minute or so.
        pub last_used_at: Option<DateTime<Utc>>,
    }
}

input! {
    /// What somebody sends who wants an API key.
    pub struct NewApiKey {
        /// What to call it.
        pub name: ApiKeyName,
        /// What may be done with it.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, min_items = 1))]
        pub scopes: Scopes,
        /// When it shall end, if ever.
        pub expires_at: Option<DateTime<Utc>>,
    }
}

impl NewApiKey {
    /// Refuses a key that would have ended by `now`.
    ///
    /// # Errors
    /// The violation, at `/expires_at`.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), Violations> {
        match self.expires_at {
            Some(end) if end <= now => {
                Err(Violations::one("must lie in the future").under("expires_at"))
            }
            _ => Ok(()),
        }
    }
}

/// One thing that an API key may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    serde(rename_all = "lowercase"),
    schema(examples("read"))
)]
pub enum Scope {
    /// To read.
    Read,
    /// To make, change and delete.
    Write,
}

impl Scope {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// The word for the scope.
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

/// What an API key may be for: one scope at least. An array in JSON, and words with spaces
/// between them where it is stored.
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
    /// To read alone.
    pub const READ: Self = Self { read: true, write: false };
    /// To write alone.
    pub const WRITE: Self = Self { read: false, write: true };
    /// Everything.
    pub const ALL: Self = Self { read: true, write: true };

    /// These scopes, each once; `None` where there are none.
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

    /// Whether that scope is among them.
    pub const fn allow(self, scope: Scope) -> bool {
        match scope {
            Scope::Read => self.read,
            Scope::Write => self.write,
        }
    }

    /// The scopes, in order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.allow(*scope))
    }

    /// The words for the scopes, as they are stored.
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

    /// Reads what [`as_str`](Self::as_str) gives.
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
    fn scopes_are_a_set_that_is_not_empty() {
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
    fn a_key_ends_in_the_future_or_never() {
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
