//! Changes of a password, with the current one or with a mailed token.

use super::{Password, PasswordAttempt, Secret};
use crate::{Code, record::input};

input! {
    /// A request to change the password.
    pub secret struct PasswordChange {
        /// The current password.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub current_password: PasswordAttempt,
        /// The new password.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub new_password: Password,
    }
}

input! {
    /// A request to reset the password with a mailed token.
    pub secret struct PasswordReset {
        /// The token from the mail.
        pub token: Secret,
        /// The new password.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub new_password: Password,
        /// The new password once more.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub confirm_new_password: PasswordAttempt,
    }
    rules |fields| {
        if let (Some(new), Some(again)) = (&new_password, &confirm_new_password)
            && new.expose() != again.expose()
        {
            fields.refuse("confirm_new_password", Code::Conflict, "must be the same as new_password");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Input as _;

    #[test]
    fn confirmation_must_equal_new_password() {
        let body = |again: &str| json!({"token": "t", "new_password": "Cafe\u{301} noir", "confirm_new_password": again});
        let reset = PasswordReset::parse(&body("Café noir")).unwrap();
        assert!(!format!("{reset:?}").contains("noir"));
        let wrong = PasswordReset::parse(&body("cafe noir")).unwrap_err();
        assert_eq!(wrong.to_string(), "/confirm_new_password must be the same as new_password");
    }

    #[test]
    fn wrong_confirmation_is_reported_with_others() {
        let body = json!({"new_password": "long enough", "confirm_new_password": "x", "y": 1});
        let wrong = PasswordReset::parse(&body).unwrap_err();
        let pointers: Vec<_> = wrong.as_slice().iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/token", "/confirm_new_password", "/y"]);
    }
}
