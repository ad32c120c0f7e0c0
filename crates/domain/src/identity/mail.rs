//! Kinds of mails, and the use of the tokens in them.

use std::{fmt, str::FromStr};

use chrono::TimeDelta;

use super::{Email, Secret};
use crate::{Invalid, record::input};

/// The purpose of a mailed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailedPurpose {
    /// Verifying an address.
    Verify,
    /// Resetting a password.
    Reset,
}

impl MailedPurpose {
    /// Returns the name of the purpose, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }

    /// Returns how long a token is valid.
    ///
    /// ```
    /// assert_eq!(recto_domain::MailedPurpose::Verify.lifetime().num_hours(), 24);
    /// ```
    pub const fn lifetime(self) -> TimeDelta {
        match self {
            Self::Verify => TimeDelta::hours(24),
            Self::Reset => TimeDelta::hours(1),
        }
    }
}

/// A kind of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// A request to verify the address.
    Verification,
    /// A link to reset the password.
    PasswordReset,
    /// A notice that the password has been changed.
    PasswordChanged,
}

impl MailKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Verification, Self::PasswordReset, Self::PasswordChanged];

    /// Returns the name of the kind, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::PasswordReset => "password-reset",
            Self::PasswordChanged => "password-changed",
        }
    }

    /// Returns the purpose of the token in the mail; `None` if it contains no token.
    pub const fn purpose(self) -> Option<MailedPurpose> {
        match self {
            Self::Verification => Some(MailedPurpose::Verify),
            Self::PasswordReset => Some(MailedPurpose::Reset),
            Self::PasswordChanged => None,
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
            .ok_or_else(|| Invalid::new("must be a kind of mail"))
    }
}

input! {
    /// A mailed token to verify an address with.
    pub secret struct Verification {
        /// The token from the mail.
        pub token: Secret,
    }
}

input! {
    /// A request for a mail.
    pub struct EmailRequest {
        /// The address of the account.
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
        let sent = Verification::parse(&json!({"token": "canary"})).unwrap();
        assert!(!format!("{sent:?}").contains("canary"));
    }
}
