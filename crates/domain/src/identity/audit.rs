//! The audit: who did what to whom, for admins to look up.

use std::{fmt, net::IpAddr, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    AuditId, Input, Invalid, NewId, UserId, Violations, input::read_text, record::object,
    text::line, value::text_value,
};

text_value! {
    /// What a request is called in the log.
    RequestName, 1..=64, line, "5f3a9c01-0000002a"
}

text_value! {
    /// What there is to say about an entry of the audit. Never a password, a token or a mail.
    AuditDetail, 1..=500, line, "user to admin"
}

object! {
    /// Something that happened and that an admin may want to know.
    pub struct AuditEntry {
        /// The key; the newest is the greatest.
        pub id: AuditId,
        /// When it happened, in UTC.
        pub at: DateTime<Utc>,
        /// What happened.
        pub action: AuditAction,
        /// Who did it, if known; it may be gone since.
        pub actor_uid: Option<UserId>,
        /// To whom it was done, if known; it may be gone since.
        pub subject_uid: Option<UserId>,
        /// The address it came from, if known.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = Option<String>, examples("203.0.113.7"))
        )]
        pub address: Option<IpAddr>,
        /// What its request is called in the log, if there was one.
        pub request_id: Option<RequestName>,
        /// What else there is to say.
        pub detail: Option<AuditDetail>,
    }
}

impl AuditEntry {
    /// An entry of that moment that tells nothing but the action; the rest is for the caller.
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
        /// What an entry of the audit tells of.
        ///
        /// ```
        /// use recto_domain::AuditAction;
        ///
        /// assert_eq!("token.reuse".parse::<AuditAction>()?, AuditAction::TokenReuse);
        /// # Ok::<(), recto_domain::Invalid>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("sign-up")))]
        #[non_exhaustive]
        pub enum AuditAction {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl AuditAction {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for the action.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

actions! {
    /// Somebody made an account.
    SignUp = "sign-up",
    /// Somebody signed in.
    SignIn = "sign-in",
    /// Somebody could not sign in.
    SignInFailed = "sign-in.failed",
    /// Somebody tried to sign in too often.
    SignInThrottled = "sign-in.throttled",
    /// Somebody signed out.
    SignOut = "sign-out",
    /// Somebody asked for what they may not.
    Refused = "refused",
    /// A refresh token was used that had been used before, so its session has ended.
    TokenReuse = "token.reuse",
    /// Somebody chose another password.
    PasswordChanged = "password.changed",
    /// Somebody chose another password by a mailed token.
    PasswordReset = "password.reset",
    /// Somebody showed that the address is their own.
    EmailVerified = "email.verified",
    /// An admin gave an account another role.
    RoleChanged = "role.changed",
    /// An admin shut an account.
    AccountDisabled = "account.disabled",
    /// An admin opened an account again.
    AccountEnabled = "account.enabled",
    /// An account was deleted.
    AccountDeleted = "account.deleted",
    /// Somebody took along all that belongs to the account.
    AccountExported = "account.exported",
    /// Somebody made an API key.
    KeyCreated = "key.created",
    /// Somebody revoked an API key.
    KeyRevoked = "key.revoked",
    /// Somebody ended one of their sessions.
    SessionRevoked = "session.revoked",
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
        known.copied().ok_or_else(|| Invalid::new("must be an action of the audit"))
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
    fn actions_are_words() {
        for action in AuditAction::ALL {
            assert_eq!(action.to_string().parse::<AuditAction>().unwrap(), *action);
            assert_eq!(serde_json::to_value(action).unwrap(), json!(action.as_str()));
        }
        assert!("".parse::<AuditAction>().is_err());
    }
}
