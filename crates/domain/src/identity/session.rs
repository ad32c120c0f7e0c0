//! Sessions.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::Secret;
use crate::{
    SessionId,
    record::{input, object},
    text::{LINE, refuse_layout},
    value::text_value,
};

object! {
    /// A session of a user: its tokens can be refreshed until it ends.
    pub struct Session {
        /// The id.
        pub id: SessionId,
        /// The time of the sign-in, in UTC.
        pub created_at: DateTime<Utc>,
        /// The time of the last refresh, in UTC.
        #[cfg_attr(feature = "openapi", schema(examples("2026-03-02T18:05:00Z")))]
        pub last_used_at: DateTime<Utc>,
        /// The time of expiry, in UTC, unless the session is refreshed before.
        #[cfg_attr(feature = "openapi", schema(examples("2099-12-31T00:00:00Z")))]
        pub expires_at: DateTime<Utc>,
        /// The IP address of the sign-in; `null` if unknown.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = Option<String>, examples("203.0.113.7"))
        )]
        pub address: Option<IpAddr>,
        /// The user agent of the sign-in; `null` if unknown.
        pub agent: Option<UserAgent>,
        /// Whether the request belongs to this session.
        #[cfg_attr(feature = "openapi", schema(examples(true)))]
        pub current: bool,
    }
}

impl Session {
    /// The lifetime of an access token: 15 minutes.
    pub const ACCESS: TimeDelta = TimeDelta::minutes(15);
    /// The time after which an unused session expires: 30 days.
    pub const IDLE: TimeDelta = TimeDelta::days(30);
    /// The maximum duration of a session: 90 days.
    pub const LONGEST: TimeDelta = TimeDelta::days(90);
    /// The reuse grace period: for 30 seconds after its use, a refresh token can be retried once,
    /// by a client that did not receive the response.
    pub const REUSE_GRACE_PERIOD: TimeDelta = TimeDelta::seconds(30);
    /// The refreshes of a session that are allowed at any time. Further ones are allowed at the
    /// rate of [`REFRESH_EVERY`](Self::REFRESH_EVERY) since the session began.
    pub const REFRESHES: u32 = 500;
    /// The time after which a session may be refreshed once more: 30 seconds.
    pub const REFRESH_EVERY: TimeDelta = TimeDelta::seconds(30);

    /// Returns the time of expiry of a session that began at `created` and is used `now`.
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

    /// Returns the time from which a session that began at `created` and was refreshed `refreshes`
    /// times may be refreshed again.
    ///
    /// ```
    /// use chrono::{DateTime, TimeDelta};
    /// use recto_domain::Session;
    ///
    /// let created = DateTime::UNIX_EPOCH;
    /// let wait = |refreshes| Session::next_refresh(created, refreshes) - created;
    /// assert_eq!(wait(Session::REFRESHES - 1), TimeDelta::zero());
    /// assert_eq!(wait(Session::REFRESHES + 1), Session::REFRESH_EVERY * 2);
    /// ```
    pub fn next_refresh(created: DateTime<Utc>, refreshes: u32) -> DateTime<Utc> {
        let further = i32::try_from((refreshes + 1).saturating_sub(Self::REFRESHES));
        created + Self::REFRESH_EVERY * further.unwrap_or(i32::MAX)
    }
}

/// The device that a session began on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The IP address, if known.
    pub address: Option<IpAddr>,
    /// The user agent, if known.
    pub agent: Option<UserAgent>,
}

/// The SHA-256 by which a device is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceFingerprint([u8; 32]);

impl DeviceFingerprint {
    /// Returns the fingerprint with these bytes.
    ///
    /// ```
    /// use recto_domain::DeviceFingerprint;
    ///
    /// assert_eq!(DeviceFingerprint::from_bytes([7; 32]).as_bytes(), &[7; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

text_value! {
    /// A user agent.
    UserAgent, 1..=200, LINE, "Mozilla/5.0 (X11; Linux x86_64)"
}

impl UserAgent {
    /// Returns the user agent in a header: its first 200 characters, with spaces for characters
    /// that a line of text must not have; `None` if it is empty.
    ///
    /// ```
    /// use recto_domain::UserAgent;
    ///
    /// let agent = UserAgent::of(&"curl/8.0 ".repeat(100)).unwrap();
    /// assert!(agent.as_str().starts_with("curl/8.0 curl") && agent.as_str().len() <= 200);
    /// assert_eq!(UserAgent::of(" \t\u{202e}"), None);
    /// ```
    pub fn of(header: &str) -> Option<Self> {
        let is_layout = |c: char| refuse_layout(c.encode_utf8(&mut [0; 4])).is_err();
        let plain = |c: char| if c.is_control() || is_layout(c) { ' ' } else { c };
        let cut: String = header.trim().chars().map(plain).take(Self::MAX_CHARS).collect();
        // NFC can lengthen a text beyond the bound, which is refused.
        Self::parse(&cut).ok()
    }
}

input! {
    /// A request to refresh the tokens of a session.
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
    fn refresh_token_is_not_shown() {
        let refresh = Refresh::parse(&json!({"refresh_token": "canary"})).unwrap();
        assert!(!format!("{refresh:?}").contains("canary"));
        assert!(Refresh::parse(&json!({"refresh_token": ""})).is_err());
    }
}
