//! Accounts: how a user signs in, and what the user may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Email, Password, PasswordAttempt};
use crate::{
    Input, Invalid, PersonName, UserId, Username, Violations, input::read_text, record::input,
};

/// The address that a user signs in with, and what the user may do.
///
/// Only its owner and admins see an account. Its fields are shown among those of the user, so the
/// user's key is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// The user whose account it is.
    #[serde(skip)]
    pub user_uid: UserId,
    /// The address to sign in with; no two accounts have one that is equal without regard to case.
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub email: Email,
    /// What the user may do.
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub role: Role,
    /// Whether the address is known to be the user's.
    #[cfg_attr(feature = "openapi", schema(examples(true)))]
    pub verified: bool,
    /// Whether an admin has shut the account.
    #[cfg_attr(feature = "openapi", schema(examples(false)))]
    pub disabled: bool,
}

impl Account {
    /// The account of a user who signs up: not verified, not disabled.
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
}

/// What an account may do.
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
    /// What every account may do.
    User,
    /// Everything.
    Admin,
}

impl Role {
    /// The word for the role.
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
            .ok_or_else(|| Invalid::new("must be \"user\" or \"admin\""))
    }
}

impl Input for Role {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

input! {
    /// What somebody sends who wants an account.
    pub secret struct SignUp {
        /// The name to be known by.
        pub username: Username,
        /// The address to sign in with.
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
            fields.refuse("password", broken.detail().to_owned());
        }
    }
}

input! {
    /// What somebody sends who signs in.
    pub secret struct Login {
        /// The account's address.
        pub email: Email,
        /// The account's password.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub password: PasswordAttempt,
    }
}

input! {
    /// Another role for an account.
    pub struct RoleChange {
        /// What the user may do from now on.
        pub role: Role,
    }
}

input! {
    /// Whether an account is shut.
    pub struct Disabling {
        /// Whether nobody can sign in to the account from now on.
        #[cfg_attr(feature = "openapi", schema(examples(true)))]
        pub disabled: bool,
    }
}

/// A flag that is mostly down, for the example in the schema.
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::NewId;

    #[test]
    fn an_account_shows_what_it_adds_to_its_user() {
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
    fn roles_are_two_words() {
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
    fn signing_up_tells_everything_at_once() {
        let body = json!({"username": "-", "email": "ada", "password": "short", "first_name": ""});
        let wrong = SignUp::parse(&body).unwrap_err();
        let pointers: Vec<_> = wrong.as_slice().iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/username", "/email", "/password", "/first_name"]);
    }

    #[test]
    fn nothing_that_holds_a_password_shows_it() {
        let body = json!({"email": "ada@example.org", "password": "hunter2"});
        let login = Login::parse(&body).unwrap();
        assert!(!format!("{login:?}").contains("hunter2"));
        let body = json!({"username": "ada", "email": "ada@example.org", "password": "hunter2!"});
        assert!(!format!("{:?}", SignUp::parse(&body).unwrap()).contains("hunter2"));
        let wrong = SignUp::parse(&json!({"password": "hunter2"})).unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"));
    }
}
