//! What is mailed to somebody, and what comes back from it.

use std::{fmt, str::FromStr};

use chrono::TimeDelta;

use super::{Email, Secret};
use crate::{Invalid, record::input};

/// What a mailed token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailedPurpose {
    /// To show that an address is one's own.
    Verify,
    /// To choose another password.
    Reset,
}

impl MailedPurpose {
    /// The word for the purpose, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }

    /// How long a token for it is good for.
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

/// What a mail says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// Asks to show that the address is the account's.
    Verification,
    /// Offers to choose another password.
    PasswordReset,
    /// Tells that the password has been changed.
    PasswordChanged,
}

impl MailKind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Verification, Self::PasswordReset, Self::PasswordChanged];

    /// The word for the kind, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::PasswordReset => "password-reset",
            Self::PasswordChanged => "password-changed",
        }
    }

    /// What the token in such a mail is for; `None` where there is no token in it.
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
    /// What somebody sends who holds a token that was mailed.
    pub secret struct Verification {
        /// The token.
        pub token: Secret,
    }
}

input! {
    /// The address that a mail is asked for.
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
    fn kinds_are_words() {
        for kind in MailKind::ALL {
            assert_eq!(kind.to_string().parse::<MailKind>().unwrap(), kind);
        }
        assert!("spam".parse::<MailKind>().is_err());
    }

    #[test]
    fn a_mailed_token_is_not_shown() {
        let sent = Verification::parse(&json!({"token": "canary"})).unwrap();
        assert!(!format!("{sent:?}").contains("canary"));
    }
}
