//! Passwords, on their way to be hashed or checked.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use serde_json::Value;

use super::{Email, common_passwords::is_common};
use crate::{
    Input, Invalid, Violations,
    input::read_text,
    text::{check_length, nfc},
    text_key,
};

/// A password that somebody chooses: 8 to 128 characters of any kind, in NFC, otherwise as typed,
/// and none of the common ones.
///
/// Never shown: `Debug` leaves it out, and there is neither `Display` nor `Serialize`.
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

/// A password to be checked: 1 to 1024 characters, in NFC, as a [`Password`] is.
///
/// Its bounds are wide, so that what cannot be anybody's password is merely a wrong one.
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
    /// The fewest characters there may be.
    pub const MIN_CHARS: usize = 8;
    /// The most characters there may be.
    pub const MAX_CHARS: usize = 128;
    /// Names of fewer characters may be part of a password: much else contains them, too.
    pub const MIN_NAME_CHARS: usize = 4;

    /// Takes a password as it was typed, spaces included.
    ///
    /// # Errors
    /// One that is too short or too long, or that is among the common ones in any case of letters.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let password = typed_text(typed, Self::MIN_CHARS..=Self::MAX_CHARS)?;
        if is_common(&password) {
            return Err(Invalid::new("must not be one of the passwords that many people have"));
        }
        Ok(Self(password))
    }

    /// Refuses a password that its user's names give away: one that contains one of the names or
    /// the local part of the address, where those have [`MIN_NAME_CHARS`](Self::MIN_NAME_CHARS) or
    /// more, or the whole address. Case makes no difference.
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
    /// The rule that is broken.
    pub fn check_against<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        email: &Email,
    ) -> Result<(), Invalid> {
        let password = text_key(&self.0);
        let gives_away = |name: &str, fewest: usize| {
            name.chars().count() >= fewest && password.contains(&text_key(name))
        };
        if names.into_iter().any(|name| gives_away(name, Self::MIN_NAME_CHARS)) {
            return Err(Invalid::new("must not contain the user's name"));
        }
        let address = email.as_str();
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        if gives_away(local, Self::MIN_NAME_CHARS) || gives_away(address, 0) {
            return Err(Invalid::new("must not contain the e-mail address"));
        }
        Ok(())
    }

    /// The password itself, for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PasswordAttempt {
    /// The most characters there may be: a bound on the work that an attempt can ask for.
    pub const MAX_CHARS: usize = 1024;

    /// Takes a password as it was typed, spaces included.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        typed_text(typed, 1..=Self::MAX_CHARS).map(Self)
    }

    /// The password itself, for checking.
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

/// The same password typed on another keyboard may come composed otherwise; NFC makes it one.
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
    fn what_was_typed_is_kept_but_for_composition() {
        let password = Password::parse("  Cafe\u{301}\0 ☕  ").unwrap();
        assert_eq!(password.expose(), "  Café\0 ☕  ");
        let attempt = PasswordAttempt::parse("  Café\0 ☕  ").unwrap();
        assert_eq!(attempt.expose(), password.expose());
    }

    #[test]
    fn what_many_people_have_is_refused_in_any_case_of_letters() {
        for common in ["password1", "PassWord1", "1q2w3e4r5t", "iloveyou2"] {
            let refused = Password::parse(common).unwrap_err();
            assert!(refused.detail().contains("many people"), "{common}: {refused}");
            // It may be what somebody had from before.
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
    fn an_attempt_is_bounded_too() {
        assert!(PasswordAttempt::parse(&"a".repeat(1025)).is_err());
        assert!(<PasswordAttempt as Input>::parse(&json!(12_345_678)).is_err());
    }

    #[test]
    fn names_do_not_make_passwords() {
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
        // Three letters are in many a word, and a domain is nobody's name.
        for password in ["crusading", "example.org"] {
            assert!(check("ada", "ada@example.org", password).is_ok(), "{password}");
        }
    }

    proptest! {
        #[test]
        fn every_password_can_be_attempted(typed in any::<String>()) {
            if let Ok(password) = Password::parse(&typed) {
                let attempt = PasswordAttempt::parse(&typed).unwrap();
                prop_assert_eq!(attempt.expose(), password.expose());
            }
        }
    }
}
