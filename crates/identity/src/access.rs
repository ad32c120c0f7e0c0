//! Access rules: the access that routes require, and rules on single entities.

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{Account, Role, Scope, Scopes, SessionId};

/// The access that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No credential is needed, and none is read.
    Anyone,
    /// No credential is needed. One that is sent is checked, and its owner may see more.
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
    /// As [`Admin`](Self::Admin), and a session must have begun recently (RFC 9470).
    AdminStepUp,
}

/// The account behind a request, and the credential that authenticated it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account. Its role is that of an ordinary user if the request has an API key without the
    /// scope `admin`.
    pub account: Account,
    /// The session or the API key.
    pub authenticated_by: AuthenticatedBy,
}

/// The credential that authenticated a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticatedBy {
    /// An access token of a session.
    Session {
        /// The session.
        id: SessionId,
        /// The time at which the password was sent. A refresh does not change it.
        signed_in_at: DateTime<Utc>,
    },
    /// An API key.
    ApiKey(Scopes),
}

/// The reason why a caller does not have the access that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessDenied {
    /// The account, or the kind of credential, may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The API key does not have the scope.
    #[error("the API key is not for `{}`", .0.as_str())]
    MissingScope(Scope),
    /// The sign-in is too long ago.
    #[error("this needs a sign-in of at most ten minutes ago: sign in again")]
    SignInTooOld,
}

/// Missing permission, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Forbidden(pub &'static str);

/// The maximum age of a sign-in where [`Access::AdminStepUp`] or [`Caller::check_sign_in_age`]
/// requires a recent one.
pub const MAX_SIGN_IN_AGE: TimeDelta = TimeDelta::minutes(10);

impl Access {
    /// Returns whether changes with this access count as writes of the caller. Account management
    /// does not, so that a stolen token cannot block the owner.
    pub fn counts_writes(self) -> bool {
        matches!(self, Self::Verified | Self::VerifiedSession)
    }

    /// Checks that a caller has this access, `now`. An API key needs `scope`, and the scope `admin`
    /// where only administrators have access.
    ///
    /// # Errors
    /// [`AccessDenied`] otherwise.
    pub fn check(
        self,
        caller: &Caller,
        scope: Scope,
        now: DateTime<Utc>,
    ) -> Result<(), AccessDenied> {
        let Caller { account, authenticated_by } = caller;
        let is_for_admins = matches!(self, Self::Admin | Self::AdminStepUp);
        if let AuthenticatedBy::ApiKey(scopes) = authenticated_by {
            if matches!(self, Self::Session | Self::VerifiedSession) {
                return Err(Forbidden("an API key cannot do this").into());
            }
            let scope = if is_for_admins { Scope::Admin } else { scope };
            if !scopes.allow(scope) {
                return Err(AccessDenied::MissingScope(scope));
            }
        }
        let needs_verified =
            is_for_admins || matches!(self, Self::VerifiedSession | Self::Verified);
        if needs_verified && !account.verified {
            return Err(Forbidden("verify your e-mail address first").into());
        }
        if is_for_admins && account.role != Role::Admin {
            return Err(Forbidden("only an administrator may do this").into());
        }
        if self == Self::AdminStepUp {
            caller.check_sign_in_age(now)?;
        }
        Ok(())
    }
}

impl Caller {
    /// Returns the caller with a session, whose password was sent at `signed_in_at`.
    pub fn with_session(account: Account, id: SessionId, signed_in_at: DateTime<Utc>) -> Self {
        Self { account, authenticated_by: AuthenticatedBy::Session { id, signed_in_at } }
    }

    /// Returns the caller with an API key. Without the scope `admin` an administrator has only the
    /// permissions of an ordinary user.
    pub fn with_key(mut account: Account, scopes: Scopes) -> Self {
        if !scopes.allow(Scope::Admin) {
            account.role = Role::User;
        }
        Self { account, authenticated_by: AuthenticatedBy::ApiKey(scopes) }
    }

    /// Returns the session, or `None` for an API key.
    pub fn session(&self) -> Option<SessionId> {
        match self.authenticated_by {
            AuthenticatedBy::Session { id, .. } => Some(id),
            AuthenticatedBy::ApiKey(_) => None,
        }
    }

    /// Checks that the password was sent at most [`MAX_SIGN_IN_AGE`] ago. An API key has no
    /// sign-in; its scopes decide.
    ///
    /// # Errors
    /// [`AccessDenied::SignInTooOld`].
    pub fn check_sign_in_age(&self, now: DateTime<Utc>) -> Result<(), AccessDenied> {
        match self.authenticated_by {
            AuthenticatedBy::Session { signed_in_at, .. }
                if now - signed_in_at > MAX_SIGN_IN_AGE =>
            {
                Err(AccessDenied::SignInTooOld)
            }
            AuthenticatedBy::Session { .. } | AuthenticatedBy::ApiKey(_) => Ok(()),
        }
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
            edit_books_of_others(account) || book.user_uid == Some(account.user_uid),
            "only its owner or an administrator may change a book",
        )
    }

    /// Returns whether an account may change and delete books of others: administrators may.
    pub fn edit_books_of_others(account: &Account) -> bool {
        account.role == Role::Admin
    }

    /// Returns whether an account may exceed the quotas: administrators may.
    pub fn exceed_quotas(account: &Account) -> bool {
        account.role == Role::Admin
    }

    /// Checks that an account may change a review: its reviewer may.
    pub fn edit_review(account: &Account, review: &Review) -> Result<(), Forbidden> {
        require(review.user_uid == Some(account.user_uid), "only its reviewer may change a review")
    }

    /// Checks that an account may delete a review: its reviewer and administrators may.
    pub fn delete_review(account: &Account, review: &Review) -> Result<(), Forbidden> {
        require(
            account.role == Role::Admin || review.user_uid == Some(account.user_uid),
            "only its reviewer or an administrator may delete a review",
        )
    }

    /// Checks that an account may rename a tag that `creator` created: that user and administrators
    /// may.
    pub fn rename_tag(account: &Account, creator: Option<UserId>) -> Result<(), Forbidden> {
        require(
            account.role == Role::Admin || creator == Some(account.user_uid),
            "only its creator or an administrator may rename a tag",
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

    /// Checks that an account may create an API key with the scope `admin`: administrators may.
    pub fn create_admin_key(account: &Account) -> Result<(), Forbidden> {
        require(
            account.role == Role::Admin,
            "only an administrator may create an API key with the scope `admin`",
        )
    }

    fn require(holds: bool, detail: &'static str) -> Result<(), Forbidden> {
        if holds { Ok(()) } else { Err(Forbidden(detail)) }
    }
}

#[cfg(test)]
mod tests {
    use recto_domain::{Email, NewId, UserId};

    use super::*;

    const NOON: DateTime<Utc> = DateTime::from_timestamp_nanos(1_767_268_800_000_000_000);

    fn admin() -> Account {
        let user = UserId::from_uuid(NewId::new(0, [1; 10]).uid());
        let email = Email::parse("root@example.org").unwrap();
        Account { verified: true, ..Account::new(user, email, Role::Admin) }
    }

    fn session(age: TimeDelta) -> Caller {
        let id = SessionId::from_uuid(NewId::new(0, [2; 10]).uid());
        Caller::with_session(admin(), id, NOON - age)
    }

    fn key(scopes: &str) -> Caller {
        Caller::with_key(admin(), scopes.parse().unwrap())
    }

    #[test]
    fn step_up_needs_recent_sign_in() {
        let check = |access: Access, minutes: i64, millis: i64| {
            let age = TimeDelta::minutes(minutes) + TimeDelta::milliseconds(millis);
            access.check(&session(age), Scope::Write, NOON)
        };
        assert_eq!(check(Access::AdminStepUp, 10, 0), Ok(()));
        assert_eq!(check(Access::AdminStepUp, 10, 1), Err(AccessDenied::SignInTooOld));
        assert_eq!(check(Access::Admin, 60, 0), Ok(()));
    }

    #[test]
    fn administrators_key_needs_scope_admin() {
        let check = |access: Access, scopes: &str| access.check(&key(scopes), Scope::Write, NOON);
        let missing = Err(AccessDenied::MissingScope(Scope::Admin));
        for access in [Access::Admin, Access::AdminStepUp] {
            assert_eq!(check(access, "read write"), missing);
            assert_eq!(check(access, "admin"), Ok(()));
        }
        assert_eq!(check(Access::Verified, "write"), Ok(()));
        let missing = Err(AccessDenied::MissingScope(Scope::Write));
        assert_eq!(check(Access::Verified, "read admin"), missing);
    }

    #[test]
    fn key_without_admin_lacks_admin_role() {
        assert_eq!(key("read write").account.role, Role::User);
        assert_eq!(key("read admin").account.role, Role::Admin);
    }
}
