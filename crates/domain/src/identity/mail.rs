//! Kinds of mails, and the use of the tokens in them.

use std::{fmt, str::FromStr};

use chrono::TimeDelta;

use super::{Account, Email, PasswordAttempt, Secret};
use crate::{Code, Invalid, record::input, text::LINE, value::text_value};

/// The purpose of a mailed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailedPurpose {
    /// Verifying an e-mail address.
    Verify,
    /// Resetting a password.
    Reset,
    /// Changing an e-mail address to the one that it is mailed to.
    ChangeEmail,
}

impl MailedPurpose {
    /// Returns the name of the purpose, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::ChangeEmail => "change-email",
        }
    }

    /// Returns whether an account may use a token. A disabled one may only verify its address.
    pub const fn is_open_to(self, account: &Account) -> bool {
        match self {
            Self::Verify => true,
            Self::Reset | Self::ChangeEmail => !account.disabled,
        }
    }

    /// Returns how long a token is valid.
    ///
    /// ```
    /// assert_eq!(recto_domain::MailedPurpose::Verify.lifetime().num_hours(), 24);
    /// ```
    pub const fn lifetime(self) -> TimeDelta {
        match self {
            Self::Verify | Self::ChangeEmail => TimeDelta::hours(24),
            Self::Reset => TimeDelta::hours(1),
        }
    }
}

/// A kind of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// A request to verify the e-mail address.
    Verification,
    /// A link to reset the password.
    PasswordReset,
    /// A notice that the password has been changed.
    PasswordChanged,
    /// A link to change the e-mail address, for the new address.
    EmailChange,
    /// A notice that a change of the e-mail address was requested, for the current address.
    EmailChangeRequested,
    /// A notice that the e-mail address has been changed, for the former address.
    EmailChanged,
    /// A notice of a sign-in from a new device.
    NewDevice,
    /// A notice that an API key was created.
    KeyCreated,
    /// A notice that an administrator has changed the role.
    RoleChanged,
    /// A notice that an administrator has disabled the account.
    AccountDisabled,
    /// A notice that an administrator has enabled the account.
    AccountEnabled,
}

text_value! {
    /// The detail of a notice, such as a device, an API key or a change of role.
    MailDetail, 1..=500, LINE, "user to admin"
}

impl MailKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Verification,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::EmailChange,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::NewDevice,
        Self::KeyCreated,
        Self::RoleChanged,
        Self::AccountDisabled,
        Self::AccountEnabled,
    ];

    /// Returns the name of the kind, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::PasswordReset => "password-reset",
            Self::PasswordChanged => "password-changed",
            Self::EmailChange => "email-change",
            Self::EmailChangeRequested => "email-change-requested",
            Self::EmailChanged => "email-changed",
            Self::NewDevice => "new-device",
            Self::KeyCreated => "key-created",
            Self::RoleChanged => "role-changed",
            Self::AccountDisabled => "account-disabled",
            Self::AccountEnabled => "account-enabled",
        }
    }

    /// Returns the purpose of the token in the mail; `None` if it contains no token.
    pub const fn purpose(self) -> Option<MailedPurpose> {
        match self {
            Self::Verification => Some(MailedPurpose::Verify),
            Self::PasswordReset => Some(MailedPurpose::Reset),
            Self::EmailChange => Some(MailedPurpose::ChangeEmail),
            Self::PasswordChanged
            | Self::EmailChangeRequested
            | Self::EmailChanged
            | Self::NewDevice
            | Self::KeyCreated
            | Self::RoleChanged
            | Self::AccountDisabled
            | Self::AccountEnabled => None,
        }
    }
}

impl fmt::Display for MailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for MailKind {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| Invalid::new(Code::Range, "must be a kind of mail"))
    }
}

input! {
    /// A mailed token to verify an e-mail address.
    pub secret struct Verification {
        /// The token from the mail.
        pub token: Secret,
        /// The password of the account.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub password: PasswordAttempt,
    }
}

input! {
    /// A mailed token of an account that the recipient did not create.
    pub secret struct VerificationRejection {
        /// The token from the mail.
        pub token: Secret,
    }
}

input! {
    /// A request to change the e-mail address.
    pub secret struct EmailChange {
        /// The password of the account.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub password: PasswordAttempt,
        /// The new e-mail address.
        pub new_email: Email,
    }
}

input! {
    /// A mailed token to change an e-mail address.
    pub secret struct EmailConfirmation {
        /// The token from the mail.
        pub token: Secret,
    }
}

input! {
    /// A request for a mail.
    pub struct EmailRequest {
        /// The account's e-mail address.
        pub email: Email,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Input as _;

    #[test]
    fn kinds_round_trip() {
        for kind in MailKind::ALL {
            assert_eq!(kind.to_string().parse::<MailKind>().unwrap(), kind);
        }
        assert!("spam".parse::<MailKind>().is_err());
    }

    #[test]
    fn mailed_token_is_not_shown() {
        let body = json!({"token": "canary", "password": "canary"});
        let sent = Verification::parse(&body).unwrap();
        assert!(!format!("{sent:?}").contains("canary"));
        let body = json!({"token": "canary"});
        let sent = VerificationRejection::parse(&body).unwrap();
        assert!(!format!("{sent:?}").contains("canary"));
        let sent = EmailConfirmation::parse(&body).unwrap();
        assert!(!format!("{sent:?}").contains("canary"));
    }
}
