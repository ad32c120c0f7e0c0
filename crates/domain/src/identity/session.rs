//! Sessions: from signing in to signing out, or to being forgotten.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::Secret;
use crate::{
    SessionId,
    record::{input, object},
    text::line,
    value::text_value,
};

object! {
    /// One sign-in of a user, from which tokens are refreshed until it ends.
    pub struct Session {
        /// The key.
        pub id: SessionId,
        /// When it began, in UTC.
        pub created_at: DateTime<Utc>,
        /// When its tokens were last refreshed, in UTC.
        pub last_used_at: DateTime<Utc>,
        /// When it ends unless it is used before, in UTC.
        pub expires_at: DateTime<Utc>,
        /// The address from which it began, if known.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = Option<String>, examples("203.0.113.7"))
        )]
        pub address: Option<IpAddr>,
        /// The program with which it began, as it named itself.
        pub agent: Option<UserAgent>,
        /// Whether it is the one that asks.
        #[cfg_attr(feature = "openapi", schema(examples(true)))]
        pub current: bool,
    }
}

impl Session {
    /// How long an access token is good for: 15 minutes.
    pub const ACCESS: TimeDelta = TimeDelta::minutes(15);
    /// How long a session lasts unused: 30 days.
    pub const IDLE: TimeDelta = TimeDelta::days(30);
    /// How long a session lasts at most: 90 days.
    pub const LONGEST: TimeDelta = TimeDelta::days(90);
    /// How long a refresh token that has been used may be used again, once, by a client that
    /// never received what it was answered: 30 seconds.
    pub const MERCY: TimeDelta = TimeDelta::seconds(30);

    /// When a session that began at `created` and is used `now` ends.
    ///
    /// ```
    /// use chrono::{DateTime, TimeDelta};
    /// use recto_domain::Session;
    ///
    /// let created = DateTime::UNIX_EPOCH;
    /// let on_day = |day| Session::expiry(created, created + TimeDelta::days(day)) - created;
    /// assert_eq!([on_day(0), on_day(80)], [Session::IDLE, Session::LONGEST]);
    /// ```
    pub fn expiry(created: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        (now + Self::IDLE).min(created + Self::LONGEST)
    }
}

/// Where a request comes from, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: Option<IpAddr>,
    /// The program, as it names itself.
    pub agent: Option<UserAgent>,
}

text_value! {
    /// The name that a client gives itself.
    UserAgent, 1..=200, line, "Mozilla/5.0 (X11; Linux x86_64)"
}

impl UserAgent {
    /// The name in a header: cut to its first 200 characters, with spaces for control characters.
    /// `None` where nothing is left.
    ///
    /// ```
    /// use recto_domain::UserAgent;
    ///
    /// let agent = UserAgent::of(&"curl/8.0 ".repeat(100)).unwrap();
    /// assert!(agent.as_str().starts_with("curl/8.0 curl") && agent.as_str().len() <= 200);
    /// assert_eq!(UserAgent::of(" \t"), None);
    /// ```
    pub fn of(header: &str) -> Option<Self> {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let cut: String = header.trim().chars().map(plain).take(Self::MAX_CHARS).collect();
        // Composing can lengthen a text; then its name is too odd to keep.
        Self::parse(&cut).ok()
    }
}

input! {
    /// What somebody sends who wants new tokens for old.
    pub secret struct Refresh {
        /// The refresh token.
        pub refresh_token: Secret,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Input as _;

    #[test]
    fn a_refresh_token_is_not_shown() {
        let refresh = Refresh::parse(&json!({"refresh_token": "canary"})).unwrap();
        assert!(!format!("{refresh:?}").contains("canary"));
        assert!(Refresh::parse(&json!({"refresh_token": ""})).is_err());
    }
}
