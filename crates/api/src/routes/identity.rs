//! The paths of the room `identity`.

use recto_domain::{
    AccountDeletion, ApiKey, AuditEntry, EmailRequest, Login, NewApiKey, PasswordChange,
    PasswordReset, Refresh, Session, SignUp, User, Verification,
};

use crate::components::UserWithAccount;
use crate::identity::account::Export;
use crate::identity::audit::{self, AuditFilter};
use crate::identity::auth::{PasswordGrant, SignedIn, Token};
use crate::identity::keys::NewKey;
use crate::identity::sessions::TokenPair;
use crate::identity::{account, auth, keys, mailing, passwords, revocable, sessions};
use crate::problem::ProblemType;
use crate::table::{Operation, Table};
use recto_identity::Access;

pub(super) fn add(table: &mut Table) {
    table.group("auth");
    signing_up(table);
    signing_in(table);
    caller(table);
    passwords(table);
    sessions(table);
    keys(table);
    table.group("meta").at("/audit").get(
        audit::list,
        Operation::list::<AuditEntry, AuditFilter>(
            "Read the audit",
            "By an administrator: sign-ins and failures, refusals, changes of roles and accounts, the newest first.",
        )
        .requires(Access::Admin),
    );
}

fn signing_up(table: &mut Table) {
    table.at("/auth/signup").post(
        auth::sign_up,
        Operation::new(
            "Sign up",
            "Makes a user and its account, and mails a link to verify the address with. Until then the account reads but does not write.",
        )
        .body::<SignUp>()
        .creates::<User>()
        .conflicts(&[ProblemType::UsernameTaken, ProblemType::EmailTaken])
        .refuses(&[ProblemType::TooManyRequests]),
    );
    table.at("/auth/verify").post(
        mailing::verify,
        Operation::new("Verify an address", "Spends the token of a mailed link.")
            .body::<Verification>()
            .returns::<UserWithAccount>("The user, whose address is verified.")
            .refuses(&[ProblemType::NotFound]),
    );
    table.at("/auth/verify-request").post(
        mailing::verify_request,
        Operation::new(
            "Ask for another link",
            "Mails another link to verify with, if there is such an account and it is not verified. The answer is the same either way.",
        )
        .body::<EmailRequest>()
        .accepts()
        .refuses(&[ProblemType::TooManyRequests]),
    );
}

fn signing_in(table: &mut Table) {
    table.at("/auth/login").post(
        auth::login,
        Operation::new("Sign in", "Opens a session for an e-mail address and a password.")
            .body::<Login>()
            .returns::<SignedIn>("Signed in.")
            .refuses(&[ProblemType::WrongCredentials, ProblemType::TooManyRequests]),
    );
    table.at("/auth/token").post(
        auth::token,
        Operation::new(
            "Get a token",
            "The OAuth2 password grant (RFC 6749 section 4.3), for the Authorize dialog; `username` is the e-mail address. Other programs had better use `/auth/login`.",
        )
        .form_body::<PasswordGrant>()
        .returns::<Token>("Signed in.")
        .refuses(&[ProblemType::InvalidGrant, ProblemType::TooManyRequests]),
    );
    table.at("/auth/refresh").post(
        sessions::refresh,
        Operation::new(
            "Refresh",
            "A new pair of tokens for a refresh token, which is spent. One that is used a second time ends its session; within 30 seconds, while the new pair has not been used, it is taken once more, and the new pair dies.",
        )
        .body::<Refresh>()
        .returns::<TokenPair>("The next pair.")
        .refuses(&[ProblemType::Unauthenticated]),
    );
    table.at("/auth/logout").post(
        sessions::logout,
        Operation::new("Sign out", "Ends the session; its tokens are dead at once.")
            .requires(Access::Session),
    );
}

fn caller(table: &mut Table) {
    table
        .at("/auth/me")
        .get(
            account::me,
            Operation::new("Who am I", "The caller: user and account, with books and reviews.")
                .requires(Access::SignedIn)
                .returns::<UserWithAccount>("The caller."),
        )
        .delete(
            account::delete,
            Operation::new(
                "Delete my account",
                "Deletes the caller's user and account. Books stay without a user; so do the reviews, or they are erased.",
            )
            .requires(Access::Session)
            .body::<AccountDeletion>()
            .conflicts(&[ProblemType::LastAdmin])
            .refuses(&[ProblemType::WrongPassword, ProblemType::TooManyRequests]),
        );
    table.at("/auth/me/export").get(
        account::export,
        Operation::new(
            "Export my account",
            "Everything that belongs to the caller: user, account, books, reviews, sessions, API keys, and what the audit has of them.",
        )
        .requires(Access::Session)
        .returns::<Export>("Everything."),
    );
}

fn passwords(table: &mut Table) {
    table.at("/auth/password").put(
        passwords::change,
        Operation::new("Change my password", "All other sessions end.")
            .requires(Access::Session)
            .body::<PasswordChange>()
            .refuses(&[ProblemType::WrongPassword, ProblemType::TooManyRequests]),
    );
    table.at("/auth/password-reset-request").post(
        mailing::reset_request,
        Operation::new(
            "Ask to reset a password",
            "Mails a link, if there is such an account. The answer is the same either way.",
        )
        .body::<EmailRequest>()
        .accepts()
        .refuses(&[ProblemType::TooManyRequests]),
    );
    table.at("/auth/password-reset-confirm").post(
        passwords::reset,
        Operation::new(
            "Reset a password",
            "Spends the token of a mailed link; a failed try does not. All sessions end, and all API keys are revoked.",
        )
        .body::<PasswordReset>()
        .refuses(&[ProblemType::NotFound]),
    );
}

fn sessions(table: &mut Table) {
    table.at("/auth/sessions").get(
        revocable::list::<Session>,
        Operation::list::<Session, ()>(
            "List my sessions",
            "Where the caller is signed in, the newest first.",
        )
        .requires(Access::Session),
    );
    table
        .at("/auth/sessions/{id}")
        .get(
            revocable::item::<Session>,
            Operation::new("Get a session", "One of the caller's own.")
                .requires(Access::Session)
                .returns::<Session>("The session."),
        )
        .delete(
            revocable::revoke::<Session>,
            Operation::new(
                "End a session",
                "One of the caller's own; its tokens are dead at once.",
            )
            .requires(Access::Session),
        );
}

fn keys(table: &mut Table) {
    table
        .at("/auth/keys")
        .get(
            revocable::list::<ApiKey>,
            Operation::list::<ApiKey, ()>(
                "List my API keys",
                "Without their secrets, the newest first.",
            )
            .requires(Access::Session),
        )
        .post(
            keys::create,
            Operation::new(
                "Make an API key",
                "For a script, which sends it as a bearer token. The key itself is shown once, and never again.",
            )
            .requires(Access::VerifiedSession)
            .body::<NewApiKey>()
            .makes::<NewKey>("The new key."),
        );
    table
        .at("/auth/keys/{id}")
        .get(
            revocable::item::<ApiKey>,
            Operation::new("Get an API key", "One of the caller's own, without its secret.")
                .requires(Access::Session)
                .returns::<ApiKey>("The key."),
        )
        .delete(
            revocable::revoke::<ApiKey>,
            Operation::new(
                "Revoke an API key",
                "One of the caller's own; it opens nothing from then on.",
            )
            .requires(Access::Session),
        );
}
