//! Access rules: the access that routes require, and rules on single entities.

use recto_domain::{Account, Role, SessionId};

/// The access that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// None.
    Anyone,
    /// None. Signed-in callers may see more.
    OptionalSignIn,
    /// A session or an API key.
    SignedIn,
    /// A session. API keys are refused.
    Session,
    /// A session of a verified account. API keys are refused.
    VerifiedSession,
    /// A verified account.
    Verified,
    /// An administrator's verified account.
    Admin,
}

/// The account behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub account: Account,
    /// The session, or `None` for an API key.
    pub session: Option<SessionId>,
}

/// Missing permission, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Forbidden(pub &'static str);

impl Access {
    /// Checks that a caller has this access.
    ///
    /// # Errors
    /// [`Forbidden`] otherwise.
    pub fn check(self, caller: &Caller) -> Result<(), Forbidden> {
        let Caller { account, session } = caller;
        let needs_session = matches!(self, Self::Session | Self::VerifiedSession);
        if needs_session && session.is_none() {
            return Err(Forbidden("an API key cannot do this"));
        }
        let needs_verified = matches!(self, Self::VerifiedSession | Self::Verified | Self::Admin);
        if needs_verified && !account.verified {
            return Err(Forbidden("verify your e-mail address first"));
        }
        if self == Self::Admin && account.role != Role::Admin {
            return Err(Forbidden("only an administrator may do this"));
        }
        Ok(())
    }
}

/// Rules on single entities.
pub mod may {
    use recto_domain::{Account, Book, Review, Role, User, UserId};

    use super::Forbidden;

    /// Checks that an account may change or delete a book: its owner and administrators may.
    ///
    /// # Errors
    /// [`Forbidden`] otherwise, as for all rules.
    pub fn edit_book(account: &Account, book: &Book) -> Result<(), Forbidden> {
        require(
            account.role == Role::Admin || book.user_uid == Some(account.user_uid),
            "only its owner or an administrator may change a book",
        )
    }

    /// Checks that an account may change a review: its author may.
    pub fn edit_review(account: &Account, review: &Review) -> Result<(), Forbidden> {
        require(review.user_uid == Some(account.user_uid), "only its author may change a review")
    }

    /// Checks that an account may delete a review: its author and administrators may.
    pub fn delete_review(account: &Account, review: &Review) -> Result<(), Forbidden> {
        require(
            account.role == Role::Admin || review.user_uid == Some(account.user_uid),
            "only its author or an administrator may delete a review",
        )
    }

    /// Checks that an account may change a user's profile: only the user may.
    pub fn edit_profile(account: &Account, user: &User) -> Result<(), Forbidden> {
        require(account.user_uid == user.uid, "only the user may change the profile")
    }

    /// Returns whether an account may see the account of a user: the user and verified
    /// administrators may.
    pub fn see_account(account: &Account, user: UserId) -> bool {
        account.user_uid == user || (account.role == Role::Admin && account.verified)
    }

    fn require(holds: bool, detail: &'static str) -> Result<(), Forbidden> {
        if holds { Ok(()) } else { Err(Forbidden(detail)) }
    }
}
