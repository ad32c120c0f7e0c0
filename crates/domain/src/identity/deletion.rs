//! Deletion of an account.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PasswordAttempt;
use crate::{Code, Input, Invalid, Violations, input::read_text, record::input};

input! {
    /// A request to delete one's own account.
    pub secret struct AccountDeletion {
        /// The password of the account.
        #[cfg_attr(feature = "openapi", schema(write_only))]
        pub password: PasswordAttempt,
        /// Whether the account's reviews are kept or erased.
        pub reviews: ReviewsOnDeletion,
    }
}

/// Whether the reviews of a deleted account are kept or erased.
///
/// ```
/// use recto_domain::ReviewsOnDeletion;
///
/// assert_eq!("keep".parse::<ReviewsOnDeletion>()?, ReviewsOnDeletion::Keep);
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("keep")))]
#[serde(rename_all = "lowercase")]
pub enum ReviewsOnDeletion {
    /// They are kept, without a user.
    Keep,
    /// They are deleted.
    Erase,
}

impl ReviewsOnDeletion {
    /// Returns the name of the choice.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Erase => "erase",
        }
    }
}

impl FromStr for ReviewsOnDeletion {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        let mut choices = [Self::Keep, Self::Erase].into_iter();
        choices
            .find(|reviews| reviews.as_str() == word)
            .ok_or_else(|| Invalid::new(Code::Range, "must be \"keep\" or \"erase\""))
    }
}

impl Input for ReviewsOnDeletion {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deletion_requires_choice_about_reviews() {
        let body = json!({"password": "canary", "reviews": "erase"});
        let deletion = AccountDeletion::parse(&body).unwrap();
        assert_eq!(deletion.reviews, ReviewsOnDeletion::Erase);
        assert!(!format!("{deletion:?}").contains("canary"));
        for wrong in [json!({"password": "x"}), json!({"password": "x", "reviews": "burn"})] {
            assert!(AccountDeletion::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
