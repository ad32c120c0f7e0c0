//! Another password for an account, by who knows the old one or holds a mailed token.

use super::{Password, PasswordAttempt, Secret};
use crate::record::input;

input! {
    /// What somebody sends who wants another password.
    pub secret struct PasswordChange {
        /// The password so far.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub current_password: PasswordAttempt,
        /// The password from now on.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub new_password: Password,
    }
}

input! {
    /// What somebody sends who has forgotten the password and holds a mailed token.
    pub secret struct PasswordReset {
        /// The token.
        pub token: Secret,
        /// The password from now on.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub new_password: Password,
        /// The same once more, against slips.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub confirm_new_password: PasswordAttempt,
    }
    rules |fields| {
        if let (Some(new), Some(again)) = (&new_password, &confirm_new_password)
            && new.expose() != again.expose()
        {
            fields.refuse("confirm_new_password", "must be the same as new_password");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Input as _;

    #[test]
    fn a_new_password_is_typed_twice_alike() {
        let body = |again: &str| json!({"token": "t", "new_password": "Cafe\u{301} noir", "confirm_new_password": again});
        let reset = PasswordReset::parse(&body("Café noir")).unwrap();
        assert!(!format!("{reset:?}").contains("noir"));
        let wrong = PasswordReset::parse(&body("cafe noir")).unwrap_err();
        assert_eq!(wrong.to_string(), "/confirm_new_password must be the same as new_password");
    }

    #[test]
    fn slips_are_told_along_with_the_rest() {
        let body = json!({"new_password": "long enough", "confirm_new_password": "x", "y": 1});
        let wrong = PasswordReset::parse(&body).unwrap_err();
        let pointers: Vec<_> = wrong.as_slice().iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/token", "/confirm_new_password", "/y"]);
    }
}
