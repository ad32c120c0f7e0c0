//! Accounts and their roles.

use std::{fmt, str::FromStr};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Email, Password, PasswordAttempt};
use crate::{
    Code, Input, Invalid, PersonName, UserId, Username, Violations,
    input::read_text,
    record::{input, object},
};

/// A user's account: the e-mail address and the role.
///
/// An account is visible to its owner and to administrators only. Its fields are shown among those
/// of the user, so they do not include the user's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// The id of the user.
    #[serde(skip)]
    pub user_uid: UserId,
    /// The e-mail address; no two are equal without regard to case.
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub email: Email,
    /// The role.
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub role: Role,
    /// Whether the e-mail address is verified.
    #[cfg_attr(feature = "openapi", schema(examples(true)))]
    pub verified: bool,
    /// Whether an administrator has disabled the account.
    #[cfg_attr(feature = "openapi", schema(examples(false)))]
    pub disabled: bool,
}

impl Account {
    /// The time in which an e-mail address must be verified. Afterwards the account is deleted.
    pub const VERIFY_WITHIN: TimeDelta = TimeDelta::days(7);

    /// Returns a new account, neither verified nor disabled.
    ///
    /// ```
    /// use recto_domain::{Account, Email, Role, NewId, UserId};
    ///
    /// let user = UserId::from_uuid(NewId::new(0, [1; 10]).uid());
    /// let account = Account::new(user, Email::parse("ada@example.org")?, Role::User);
    /// assert!(!account.verified && !account.disabled);
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub const fn new(user: UserId, email: Email, role: Role) -> Self {
        Self { user_uid: user, email, role, verified: false, disabled: false }
    }

    /// Returns a new account whose e-mail address need not be verified.
    pub fn new_verified(user: UserId, email: Email, role: Role) -> Self {
        Self { verified: true, ..Self::new(user, email, role) }
    }
}

object! {
    /// The user who has signed in.
    pub struct SignedInUser {
        /// The id.
        pub uid: UserId,
        /// The username.
        pub username: Username,
        /// The account's e-mail address.
        pub email: Email,
        /// The role of the account.
        pub role: Role,
    }
}

/// The role of an account.
///
/// ```
/// use recto_domain::Role;
///
/// assert_eq!("admin".parse::<Role>()?, Role::Admin);
/// assert_eq!(Role::User.to_string(), "user");
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("user")))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// An ordinary user.
    User,
    /// An administrator, who may do everything.
    Admin,
}

impl Role {
    /// Returns the name of the role.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        let mut roles = [Self::User, Self::Admin].into_iter();
        roles
            .find(|role| role.as_str() == word)
            .ok_or_else(|| Invalid::new(Code::Range, "must be \"user\" or \"admin\""))
    }
}

impl Input for Role {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

input! {
    /// A request for an account.
    pub secret struct SignUp {
        /// The username.
        pub username: Username,
        /// The e-mail address.
        pub email: Email,
        /// The password to sign in with.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub password: Password,
        /// The given name.
        pub first_name: Option<PersonName>,
        /// The family name.
        pub last_name: Option<PersonName>,
    }
    rules |fields| {
        let others = first_name.iter().chain(&last_name).flatten().map(PersonName::as_str);
        if let (Some(username), Some(email), Some(password)) = (&username, &email, &password)
            && let Err(broken) = password.check_against(others.chain([username.as_str()]), email)
        {
            fields.refuse("password", broken.code(), broken.detail().to_owned());
        }
    }
}

input! {
    /// The e-mail address and the password.
    #[cfg_attr(
        feature = "openapi",
        schema(examples(json!({
            "email": "reader@recto.example", "password": "correct horse battery staple"
        })))
    )]
    pub secret struct Login {
        /// The account's e-mail address.
        pub email: Email,
        /// The password of the account.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub password: PasswordAttempt,
    }
}

input! {
    /// The new role of an account.
    pub struct RoleChange {
        /// The new role.
        pub role: Role,
    }
}

input! {
    /// Whether an account is disabled.
    pub struct Disabling {
        /// Whether the account is disabled: nobody can sign in to it.
        #[cfg_attr(feature = "openapi", schema(examples(true)))]
        pub disabled: bool,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::NewId;

    #[test]
    fn account_is_serialized_without_user() {
        let user = UserId::from_uuid(NewId::new(0, [1; 10]).uid());
        let account = Account::new(user, Email::parse("ada@example.org").unwrap(), Role::Admin);
        assert_eq!(
            serde_json::to_value(&account).unwrap(),
            json!({
                "email": "ada@example.org", "role": "admin", "verified": false, "disabled": false,
            })
        );
    }

    #[test]
    fn roles_round_trip() {
        for role in [Role::User, Role::Admin] {
            assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), json!(role.as_str()));
        }
        for word in ["", "Admin", "root"] {
            assert!(word.parse::<Role>().is_err(), "{word:?}");
        }
        assert!(RoleChange::parse(&json!({"role": 1})).is_err());
    }

    #[test]
    fn sign_up_reports_all_violations() {
        let body = json!({"username": "-", "email": "ada", "password": "short", "first_name": ""});
        let wrong = SignUp::parse(&body).unwrap_err();
        let pointers: Vec<_> = wrong.as_slice().iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/username", "/email", "/password", "/first_name"]);
    }

    #[test]
    fn passwords_are_not_shown() {
        let body = json!({"email": "ada@example.org", "password": "hunter2"});
        let login = Login::parse(&body).unwrap();
        assert!(!format!("{login:?}").contains("hunter2"));
        let body = json!({"username": "ada", "email": "ada@example.org", "password": "hunter2!"});
        assert!(!format!("{:?}", SignUp::parse(&body).unwrap()).contains("hunter2"));
        let wrong = SignUp::parse(&json!({"password": "hunter2"})).unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"));
    }
}
