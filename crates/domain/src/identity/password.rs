//! Passwords.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use serde_json::Value;

use super::{Email, common_passwords::is_common};
use crate::{
    Code, Input, Invalid, Violations,
    input::read_text,
    text::{check_length, nfc},
    text_key,
};

/// A new password: 8 to 128 characters of any kind, in NFC and otherwise as typed, and not a common
/// password.
///
/// `Debug` leaves it out, and there is neither `Display` nor `Serialize`.
///
/// ```
/// use recto_domain::Password;
///
/// let password = Password::parse("correct horse battery staple")?;
/// assert_eq!(format!("{password:?}"), "Password(…)");
/// assert!(Password::parse("horse").is_err());
/// assert!(Password::parse("Password1").is_err());
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        format = Password,
        min_length = 8,
        max_length = 128,
        examples("correct horse battery staple")
    )
)]
pub struct Password(String);

/// A password to be verified: 1 to 1024 characters, in NFC as a [`Password`] is.
///
/// The bounds are wider than those of `Password`, so that most impossible passwords are reported as
/// wrong rather than invalid.
///
/// ```
/// use recto_domain::PasswordAttempt;
///
/// assert_eq!(PasswordAttempt::parse("horse")?.expose(), "horse");
/// assert!(PasswordAttempt::parse("").is_err());
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        format = Password,
        min_length = 1,
        max_length = 1024,
        examples("correct horse battery staple")
    )
)]
pub struct PasswordAttempt(String);

impl Password {
    /// The minimum number of characters.
    pub const MIN_CHARS: usize = 8;
    /// The maximum number of characters.
    pub const MAX_CHARS: usize = 128;
    /// Shorter names may be part of a password, since many words contain them.
    pub const MIN_NAME_CHARS: usize = 4;

    /// Validates a password as it was typed, including spaces.
    ///
    /// # Errors
    /// The password is too short or too long, or equals a common one without regard to case.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let password = typed_text(typed, Self::MIN_CHARS..=Self::MAX_CHARS)?;
        if is_common(&password) {
            return Err(Invalid::new(Code::Range, "must not be a common password"));
        }
        Ok(Self(password))
    }

    /// Checks that the password contains none of the user's names.
    ///
    /// It must not contain the e-mail address, nor one of `names` or the local part of the address
    /// if that has at least [`MIN_NAME_CHARS`](Self::MIN_NAME_CHARS), without regard to case.
    ///
    /// ```
    /// use recto_domain::{Email, Password};
    ///
    /// let (names, email) = (["ada", "Lovelace"], Email::parse("ada@example.org")?);
    /// assert!(Password::parse("i am ADA")?.check_against(names, &email).is_ok());
    /// assert!(Password::parse("LoveLace1815")?.check_against(names, &email).is_err());
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    ///
    /// # Errors
    /// The broken rule.
    pub fn check_against<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        email: &Email,
    ) -> Result<(), Invalid> {
        let password = text_key(&self.0);
        let contains_name = |name: &str, fewest: usize| {
            name.chars().count() >= fewest && password.contains(&text_key(name))
        };
        if names.into_iter().any(|name| contains_name(name, Self::MIN_NAME_CHARS)) {
            return Err(Invalid::new(Code::Conflict, "must not contain the user's name"));
        }
        let address = email.as_str();
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        if contains_name(local, Self::MIN_NAME_CHARS) || contains_name(address, 0) {
            return Err(Invalid::new(Code::Conflict, "must not contain the e-mail address"));
        }
        Ok(())
    }

    /// Returns the password, for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PasswordAttempt {
    /// The maximum number of characters, which limits the work of an attempt.
    pub const MAX_CHARS: usize = 1024;

    /// Validates a password as it was typed, including spaces.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        typed_text(typed, 1..=Self::MAX_CHARS).map(Self)
    }

    /// Returns the password, for verification.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Debug for PasswordAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordAttempt(…)")
    }
}

impl Input for Password {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, Self::parse)
    }
}

impl Input for PasswordAttempt {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, Self::parse)
    }
}

/// Converts to NFC, since keyboards differ in how they compose characters, and checks the length.
fn typed_text(typed: &str, length: RangeInclusive<usize>) -> Result<String, Invalid> {
    let password: Cow<'_, str> = nfc(typed);
    check_length(password.chars().count(), &length)?;
    Ok(password.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn length_counts_characters_after_composition() {
        assert!(Password::parse("пароль12").is_ok());
        assert!(Password::parse("пароль1").is_err());
        assert!(Password::parse(&"é".repeat(128)).is_ok());
        assert!(Password::parse(&"é".repeat(129)).is_err());
        assert!(Password::parse("e\u{301}e\u{301}e\u{301}e\u{301}").is_err());
    }

    #[test]
    fn text_changes_only_by_composition() {
        let password = Password::parse("  Cafe\u{301}\0 ☕  ").unwrap();
        assert_eq!(password.expose(), "  Café\0 ☕  ");
        let attempt = PasswordAttempt::parse("  Café\0 ☕  ").unwrap();
        assert_eq!(attempt.expose(), password.expose());
    }

    #[test]
    fn common_passwords_are_refused() {
        for common in ["password1", "PassWord1", "1q2w3e4r5t", "iloveyou2"] {
            let refused = Password::parse(common).unwrap_err();
            assert_eq!(refused.detail(), "must not be a common password", "{common}");
            // An older password may be common.
            assert!(PasswordAttempt::parse(common).is_ok());
        }
        assert!(Password::parse("password1 and more").is_ok());
    }

    #[test]
    fn debug_shows_nothing() {
        let password = Password::parse("hunter2hunter2").unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
        let attempt = PasswordAttempt::parse("hunter2").unwrap();
        assert_eq!(format!("{attempt:?}"), "PasswordAttempt(…)");
    }

    #[test]
    fn attempt_is_bounded() {
        assert!(PasswordAttempt::parse(&"a".repeat(1025)).is_err());
        assert!(<PasswordAttempt as Input>::parse(&json!(12_345_678)).is_err());
    }

    #[test]
    fn names_in_passwords_are_refused() {
        let check = |username: &str, email: &str, password: &str| {
            let email = Email::parse(email).unwrap();
            Password::parse(password).unwrap().check_against(["x", username], &email)
        };
        for (username, email, password) in [
            ("grace", "g@example.org", "my GRACE is 12"),
            ("Straße", "g@example.org", "xxSTRASSExx"),
            ("gh", "hopper@example.org", "a grasshoPPer or two"),
            ("gh", "gh@example.org", "GH@example.org"),
            ("gh", "gh@example.org", "it is gh@example.org!"),
        ] {
            assert!(check(username, email, password).is_err(), "{password}");
        }
        // Many words contain names of three letters, and a domain is not a name.
        for password in ["crusading", "example.org"] {
            assert!(check("ada", "ada@example.org", password).is_ok(), "{password}");
        }
    }

    proptest! {
        #[test]
        fn passwords_are_valid_attempts(typed in any::<String>()) {
            if let Ok(password) = Password::parse(&typed) {
                let attempt = PasswordAttempt::parse(&typed).unwrap();
                prop_assert_eq!(attempt.expose(), password.expose());
            }
        }
    }
}
