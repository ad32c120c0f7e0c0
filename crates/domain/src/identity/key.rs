//! API keys and their scopes.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::{
    ApiKeyId, Change, Code, Input, Invalid, Violations,
    input::read_text,
    record::{input, object},
    text::LINE,
    value::text_value,
};

text_value! {
    /// The name of an API key.
    ApiKeyName, 1..=100, LINE, "nightly export"
}

object! {
    /// A key with which a script acts for its owner. The secret is shown only once, when the key is
    /// created.
    pub struct ApiKey {
        /// The id.
        pub id: ApiKeyId,
        /// The name.
        pub name: ApiKeyName,
        /// The scopes: at least one of `read`, `write` and `admin`.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, min_items = 1))]
        pub scopes: Scopes,
        /// The last four characters of the secret, by which its owner can recognize the key.
        #[cfg_attr(feature = "openapi", schema(examples("PfQ8")))]
        pub hint: String,
        /// The time of creation, in UTC.
        pub created_at: DateTime<Utc>,
        /// The time of expiry, in UTC; `null` if the key does not expire.
        #[cfg_attr(feature = "openapi", schema(examples("2099-12-31T00:00:00Z")))]
        pub expires_at: Option<DateTime<Utc>>,
        /// The time of the last use, in UTC, to about a minute; `null` if it was never used.
        #[cfg_attr(feature = "openapi", schema(examples("2026-03-02T18:05:00Z")))]
        pub last_used_at: Option<DateTime<Utc>>,
    }
}

/// A new API key with its secret, which is not shown again.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyCreated {
    /// The key as it is listed.
    #[serde(flatten)]
    pub entry: ApiKey,
    /// The script sends it as its bearer token. It is not shown again.
    #[cfg_attr(
        feature = "openapi",
        schema(examples("recto_key_Wm9laSBpcyByZWFkaW5nIEFlc2NoeWx1cyB0b25pZ2h0"))
    )]
    pub key: String,
}

/// Omits the secret.
impl fmt::Debug for ApiKeyCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyCreated").field("entry", &self.entry).finish_non_exhaustive()
    }
}

input! {
    /// An API key to create.
    pub struct NewApiKey {
        /// The name.
        pub name: ApiKeyName,
        /// The scopes: at least one of `read`, `write` and `admin`.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, min_items = 1))]
        pub scopes: Scopes,
        /// The time of expiry. Without it, the key expires after a year (365 days); with `null`,
        /// never.
        #[cfg_attr(
            feature = "openapi",
            schema(
                value_type = Option<DateTime<Utc>>,
                required = false,
                examples("2099-12-31T00:00:00Z")
            )
        )]
        pub expires_at: Change<Option<DateTime<Utc>>>,
    }
}

impl NewApiKey {
    /// The lifetime of a key whose time of expiry is not given: a year.
    pub const LIFETIME: TimeDelta = TimeDelta::days(365);

    /// Returns the time of expiry of the key, created `now`; `None` if it does not expire.
    ///
    /// # Errors
    /// A violation at `/expires_at` if that is not after `now`.
    pub fn expiry(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Violations> {
        match self.expires_at {
            Change::Keep => Ok(Some(now + Self::LIFETIME)),
            Change::Set(Some(end)) if end <= now => {
                Err(Violations::one(Code::Range, "must lie in the future").under("expires_at"))
            }
            Change::Set(end) => Ok(end),
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
    /// The permissions of an administrator.
    Admin,
}

impl Scope {
    /// All scopes, in display order.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Returns the name of the scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == word)
            .ok_or_else(|| Invalid::new(Code::Range, "must be \"read\", \"write\" or \"admin\""))
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
/// assert!(scopes.allow(Scope::Write) && !scopes.allow(Scope::Admin));
/// assert_eq!(Some(scopes), Scopes::of([Scope::Write, Scope::Read]));
/// assert!("".parse::<Scopes>().is_err());
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes {
    read: bool,
    write: bool,
    admin: bool,
}

impl Scopes {
    /// Only reading.
    pub const READ: Self = Self { read: true, write: false, admin: false };
    /// Only writing.
    pub const WRITE: Self = Self { read: false, write: true, admin: false };
    /// All scopes.
    pub const ALL: Self = Self { read: true, write: true, admin: true };

    /// Returns these scopes, each once; `None` if there are none.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Option<Self> {
        let mut all = Self { read: false, write: false, admin: false };
        for scope in scopes {
            match scope {
                Scope::Read => all.read = true,
                Scope::Write => all.write = true,
                Scope::Admin => all.admin = true,
            }
        }
        Scope::ALL.into_iter().any(|scope| all.allow(scope)).then_some(all)
    }

    /// Returns whether the scopes include `scope`.
    pub const fn allow(self, scope: Scope) -> bool {
        match scope {
            Scope::Read => self.read,
            Scope::Write => self.write,
            Scope::Admin => self.admin,
        }
    }

    /// Returns the scopes, in order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.allow(*scope))
    }
}

/// Writes the form in which the scopes are stored.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Scopes {
    type Err = Invalid;

    /// Parses the displayed form: each scope at most once, in order.
    fn from_str(words: &str) -> Result<Self, Invalid> {
        let scopes = words.split(' ').map(str::parse).collect::<Result<Vec<Scope>, _>>()?;
        Self::of(scopes).filter(|scopes| scopes.to_string() == words).ok_or_else(|| {
            Invalid::new(Code::Format, "must be scopes in order, separated by spaces")
        })
    }
}

impl Input for Scopes {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let scopes: Vec<Scope> = Input::parse(value)?;
        Self::of(scopes)
            .ok_or_else(|| Violations::one(Code::Length, "must contain at least one scope"))
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
        assert_eq!(parse(&json!(["write", "admin", "read"])).unwrap(), Scopes::ALL);
        assert_eq!(parse(&json!(["read", "read"])).unwrap(), Scopes::READ);
        for wrong in [json!([]), json!(["root"]), json!("read"), json!([1]), json!(null)] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
        for words in ["write read", "read read", " read", "admin  read"] {
            assert!(words.parse::<Scopes>().is_err(), "{words:?}");
        }
        let sets = ["read", "write", "read write", "admin", "read admin", "write admin"];
        let sets = sets.map(|words| words.parse::<Scopes>().unwrap());
        for scopes in sets.into_iter().chain([Scopes::ALL]) {
            assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
            assert_eq!(Scopes::of(scopes.iter()), Some(scopes));
            let json = serde_json::to_value(scopes).unwrap();
            assert_eq!(parse(&json).unwrap(), scopes);
        }
    }

    #[test]
    fn default_key_expires_after_a_year() {
        let noon: DateTime<Utc> = "2026-01-01T12:00:00Z".parse().unwrap();
        let expiry = |end: Option<Value>| {
            let mut body = json!({"name": "x", "scopes": ["read"]});
            if let Some(end) = end {
                body["expires_at"] = end;
            }
            NewApiKey::parse(&body)?.expiry(noon)
        };
        assert_eq!(expiry(None), Ok(Some(noon + TimeDelta::days(365))));
        assert_eq!(expiry(Some(json!(null))), Ok(None));
        let later = noon + TimeDelta::minutes(60) + TimeDelta::milliseconds(500);
        assert_eq!(expiry(Some(json!("2026-01-01T13:00:00.5+00:00"))), Ok(Some(later)));
        let ended = expiry(Some(json!("2026-01-01T12:30:00+01:00"))).unwrap_err();
        assert_eq!(ended.to_string(), "/expires_at must lie in the future");
        for wrong in
            ["2026-01-01", "tomorrow", "9999-12-31T23:59:59-01:00", "12026-01-01T00:00:00Z"]
        {
            assert!(expiry(Some(json!(wrong))).is_err(), "{wrong}");
        }
    }
}
