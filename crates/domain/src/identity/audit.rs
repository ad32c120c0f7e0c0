//! The audit log.

use std::{fmt, net::IpAddr, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    AuditId, Code, Input, Invalid, NewId, UserId, Violations, input::read_text, record::object,
    text::LINE, value::text_value,
};

text_value! {
    /// The id of a request in the log.
    AuditRequestId, 1..=64, LINE, "5f3a9c01-0000002a"
}

text_value! {
    /// Details of an entry of the audit log. They never contain a password, a token or a mail.
    AuditDetail, 1..=500, LINE, "user to admin"
}

object! {
    /// An entry of the audit log.
    pub struct AuditEntry {
        /// The id; the newest entry has the greatest.
        pub id: AuditId,
        /// The time of the action, in UTC.
        pub at: DateTime<Utc>,
        /// The action.
        pub action: AuditAction,
        /// The id of the user who did it; `null` if unknown. The user may have been deleted since.
        pub actor_uid: Option<UserId>,
        /// The id of the user whom it concerns; `null` if unknown. The user may have been deleted
        /// since.
        pub subject_uid: Option<UserId>,
        /// The IP address of the client; `null` if unknown.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = Option<String>, examples("203.0.113.7"))
        )]
        pub address: Option<IpAddr>,
        /// The id of the request in the log; `null` if there was no request.
        pub request_id: Option<AuditRequestId>,
        /// Details; `null` if there are none.
        pub detail: Option<AuditDetail>,
    }
}

impl AuditEntry {
    /// Removes the IP address and the request id of another actor than `user`, such as an
    /// administrator: they are not the data of this user.
    #[must_use]
    pub fn as_shown_to(mut self, user: UserId) -> Self {
        if self.actor_uid != Some(user) {
            (self.address, self.request_id) = (None, None);
        }
        self
    }

    /// Returns an entry of which only the id, the time and the action are set.
    ///
    /// ```
    /// use recto_domain::{AuditAction, AuditEntry, NewId};
    ///
    /// let new_id = NewId::new(1_767_225_600_000, [7; 10]);
    /// let entry = AuditEntry::new(new_id, AuditAction::SignIn);
    /// assert_eq!((entry.id.uuid(), entry.at), (new_id.uid(), new_id.at()));
    /// ```
    pub const fn new(new_id: NewId, action: AuditAction) -> Self {
        Self {
            id: AuditId::from_uuid(new_id.uid()),
            at: new_id.at(),
            action,
            actor_uid: None,
            subject_uid: None,
            address: None,
            request_id: None,
            detail: None,
        }
    }
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:tt,)+) => {
        /// The action that an entry of the audit log records.
        ///
        /// ```
        /// use recto_domain::AuditAction;
        ///
        /// assert_eq!("token.reuse".parse::<AuditAction>()?, AuditAction::TokenReuse);
        /// # Ok::<(), recto_domain::Invalid>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("role.changed")))]
        #[non_exhaustive]
        pub enum AuditAction {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl AuditAction {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            const RULE: &str = concat!("must be one of", $(" ", $word),+);

            /// Returns the name of the action.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

actions! {
    /// An account was created.
    SignUp = "sign-up",
    /// A user signed in.
    SignIn = "sign-in",
    /// An account was created at the command line.
    AccountCreated = "account.created",
    /// A sign-in failed.
    SignInFailed = "sign-in.failed",
    /// A sign-in was refused after too many attempts.
    SignInThrottled = "sign-in.throttled",
    /// A user signed out.
    SignOut = "sign-out",
    /// A request was refused for lack of permission.
    Refused = "refused",
    /// An access token, a refresh token or an API key was refused: invalid, expired or revoked.
    CredentialRefused = "credential.refused",
    /// A refresh token was reused, which ended its session.
    TokenReuse = "token.reuse",
    /// A password was changed.
    PasswordChanged = "password.changed",
    /// A password was reset with a mailed token.
    PasswordReset = "password.reset",
    /// A user changed the profile.
    ProfileChanged = "profile.changed",
    /// An e-mail address was verified.
    EmailVerified = "email.verified",
    /// A change of an e-mail address was requested.
    EmailChangeRequested = "email.change-requested",
    /// An e-mail address was changed with a mailed token.
    EmailChanged = "email.changed",
    /// An administrator changed the role of an account.
    RoleChanged = "role.changed",
    /// An administrator disabled an account.
    AccountDisabled = "account.disabled",
    /// An administrator enabled an account.
    AccountEnabled = "account.enabled",
    /// An account was deleted.
    AccountDeleted = "account.deleted",
    /// The data of an account was exported.
    AccountExported = "account.exported",
    /// An API key was created.
    KeyCreated = "key.created",
    /// An API key was revoked.
    KeyRevoked = "key.revoked",
    /// A session was ended.
    SessionRevoked = "session.revoked",
    /// An administrator read the accounts of others.
    AccountsRead = "accounts.read",
    /// An administrator read the audit log.
    AuditRead = "audit.read",
    /// An administrator changed what belongs to another user or to nobody.
    ContentChanged = "content.changed",
    /// An administrator deleted what belongs to another user or to nobody.
    ContentDeleted = "content.deleted",
    /// An import was started at the command line.
    ImportStarted = "import.started",
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AuditAction {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.iter().find(|action| action.as_str() == word);
        known.copied().ok_or_else(|| Invalid::new(Code::Range, Self::RULE))
    }
}

impl Input for AuditAction {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actions_round_trip() {
        for action in AuditAction::ALL {
            assert_eq!(action.to_string().parse::<AuditAction>().unwrap(), *action);
            assert_eq!(serde_json::to_value(action).unwrap(), json!(action.as_str()));
        }
        let unknown = "login".parse::<AuditAction>().unwrap_err();
        let (first, last) = (AuditAction::ALL[0], AuditAction::ImportStarted);
        assert_eq!(unknown.code(), Code::Range);
        assert!(unknown.detail().starts_with(&format!("must be one of {first} ")));
        assert!(unknown.detail().ends_with(last.as_str()));
    }
}
