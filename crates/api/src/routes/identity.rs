//! The routes of the module `identity`.

use recto_domain::{
    AccountDeletion, ApiKey, ApiKeyCreated, AuditEntry, EmailChange, EmailConfirmation,
    EmailRequest, Login, NewApiKey, PasswordChange, PasswordReset, Refresh, Session, SignUp, User,
    UserPatch, Verification, VerificationRejection,
};
use recto_identity::Access;

use crate::identity::audit::{self, AuditFilter};
use crate::identity::auth::{PasswordGrant, SignedIn, Token};
use crate::identity::export::Export;
use crate::identity::sessions::TokenPair;
use crate::identity::{
    account, api_keys, auth, email_change, export, mail_requests, passwords, revocable, sessions,
    verification,
};
use crate::problem::ProblemType;
use crate::table::{Operation, RouteTable};

pub(super) fn add(table: &mut RouteTable) {
    table.group("auth");
    add_sign_up(table);
    add_sign_in(table);
    add_passwords(table);
    add_email_change(table);
    add_account(table);
    add_sessions(table);
    add_keys(table);
    add_token(table);
    table.group("administration").at("/audit").get(
        audit::list,
        Operation::list::<AuditEntry, AuditFilter>(
            "List audit entries",
            "Returns a page of events, newest first: sign-ins, refused requests, exports, reads and content changes by administrators, and changes of accounts, roles, passwords, sessions and API keys.",
        )
        .requires(Access::Admin),
    );
}

fn add_sign_up(table: &mut RouteTable) {
    table.at("/auth/signup").post(
        auth::sign_up,
        Operation::new(
            "Sign up",
            "Creates a user with an account, and mails a link to verify the e-mail address. Until then the account can read but not write.",
        )
        .body::<SignUp>()
        .creates::<User>()
        .conflicts(&[ProblemType::UsernameTaken, ProblemType::EmailTaken])
        .refuses(&[ProblemType::TooManyRequests]),
    );
    table.at("/auth/verify").post(
        verification::verify,
        Operation::new(
            "Verify an e-mail address",
            "Uses up the token of a mailed link, which is valid for 24 hours. The account's password is required, so that nobody verifies an account that somebody else created with the address; a wrong one leaves the token valid. An account that is not verified within seven days is deleted.",
        )
        .body::<Verification>()
        .returns_account("The user with the verified account.")
        .refuses(&[
            ProblemType::WrongPassword,
            ProblemType::NotFound,
            ProblemType::TooManyRequests,
        ]),
    );
    table.at("/auth/verify-reject").post(
        verification::reject,
        Operation::new(
            "Reject an account",
            "Deletes the unverified account that the token of a mailed link belongs to: \"this was not me\".",
        )
        .body::<VerificationRejection>()
        .refuses(&[ProblemType::NotFound]),
    );
    table.at("/auth/verify-request").post(
        mail_requests::verify_request,
        Operation::new(
            "Request a verification link",
            "Mails a link if the account exists and is not verified. The response does not reveal whether it does.",
        )
        .body::<EmailRequest>()
        .accepts()
        .refuses(&[ProblemType::TooManyRequests]),
    );
}

fn add_sign_in(table: &mut RouteTable) {
    table.at("/auth/login").post(
        auth::login,
        Operation::new(
            "Sign in",
            "Opens a session. Returns an access token, which is valid for 15 minutes, and a refresh token for the next one.",
        )
        .body::<Login>()
        .returns::<SignedIn>("The tokens and the user.")
        .refuses(&[ProblemType::WrongCredentials, ProblemType::TooManyRequests]),
    );
    table.at("/auth/refresh").post(
        sessions::refresh,
        Operation::new(
            "Refresh the tokens",
            "Uses up the refresh token and returns the next pair of tokens. Using a refresh token again ends its session, with one exception for lost responses: within 30 seconds, while the next refresh token is unused, it is accepted once more, and the pair returned before is revoked.",
        )
        .body::<Refresh>()
        .returns::<TokenPair>("The next pair of tokens.")
        .refuses(&[ProblemType::Unauthenticated, ProblemType::TooManyRequests]),
    );
    table.at("/auth/logout").post(
        sessions::logout,
        Operation::new("Sign out", "Ends the session and revokes its tokens.")
            .requires(Access::Session),
    );
}

fn add_account(table: &mut RouteTable) {
    table
        .at("/auth/me")
        .get(
            account::get,
            Operation::new(
                "Get my account",
                "Returns the caller with account, books and reviews. With `include` or `count`, only the relations requested by them are present.",
            )
            .include_parameters::<User>()
            .requires(Access::SignedIn)
            .returns_account("The caller."),
        )
        .patch(
            account::patch,
            Operation::new(
                "Update my profile",
                "Changes the given fields of the caller and leaves the others unchanged, as `PATCH /users/{uid}`.",
            )
            .requires(Access::Verified)
            .body::<UserPatch>()
            .returns_account("The changed user.")
            .conflicts(&[ProblemType::UsernameTaken]),
        )
        .delete(
            account::delete,
            Operation::new(
                "Delete my account",
                "Deletes the caller's user and account. The books remain, without an owner. The reviews remain without a user (`keep`) or are deleted (`erase`).",
            )
            .requires(Access::Session)
            .body::<AccountDeletion>()
            .conflicts(&[ProblemType::LastAdmin])
            .refuses(&[ProblemType::WrongPassword, ProblemType::TooManyRequests]),
        );
    table.at("/auth/me/export").get(
        export::export,
        Operation::new(
            "Export my data",
            "Returns all data of the caller: user, account, books, reviews, sessions, API keys and audit entries. An account can have one export at a time, and three an hour.",
        )
        .requires(Access::Session)
        .refuses(&[ProblemType::TooManyRequests])
        .returns::<Export>("All data of the caller."),
    );
}

fn add_email_change(table: &mut RouteTable) {
    table.at("/auth/email").put(
        email_change::request,
        Operation::new(
            "Change my e-mail address",
            "Mails a link to the new address and a notice to the current one. Nothing changes until the link is used. The response does not reveal whether the new address belongs to another account. A later request replaces the link; a new password cancels the change.",
        )
        .requires(Access::Session)
        .body::<EmailChange>()
        .accepts()
        .refuses(&[ProblemType::WrongPassword, ProblemType::TooManyRequests]),
    );
    table.at("/auth/email-confirm").post(
        email_change::confirm,
        Operation::new(
            "Confirm a new e-mail address",
            "Uses up the token of a mailed link, which is valid for 24 hours, and changes the address of the account. Earlier mailed links are revoked; sessions and API keys remain.",
        )
        .body::<EmailConfirmation>()
        .conflicts(&[ProblemType::EmailTaken])
        .refuses(&[ProblemType::NotFound]),
    );
}

fn add_passwords(table: &mut RouteTable) {
    table.at("/auth/password").put(
        passwords::change,
        Operation::new("Change my password", "Ends all other sessions, and cancels a requested change of address. API keys remain valid.")
            .requires(Access::Session)
            .body::<PasswordChange>()
            .refuses(&[ProblemType::WrongPassword, ProblemType::TooManyRequests]),
    );
    table.at("/auth/password-reset-request").post(
        mail_requests::reset_request,
        Operation::new(
            "Request a password reset",
            "Mails a link if the account exists. The response does not reveal whether it does.",
        )
        .body::<EmailRequest>()
        .accepts()
        .refuses(&[ProblemType::TooManyRequests]),
    );
    table.at("/auth/password-reset-confirm").post(
        passwords::reset,
        Operation::new(
            "Reset a password",
            "Uses up the token of a mailed link, which is valid for one hour; a refused request does not. Verifies the address, ends all sessions, and revokes all API keys and other mailed links.",
        )
        .body::<PasswordReset>()
        .refuses(&[ProblemType::NotFound]),
    );
}

fn add_sessions(table: &mut RouteTable) {
    table.at("/auth/sessions").get(
        revocable::list::<Session>,
        Operation::list::<Session, ()>(
            "List my sessions",
            "Returns a page of the caller's sessions, newest first.",
        )
        .requires(Access::Session),
    );
    table
        .at("/auth/sessions/{id}")
        .get(
            revocable::item::<Session>,
            Operation::new("Get a session", "Returns a session of the caller.")
                .requires(Access::Session)
                .returns::<Session>("The session."),
        )
        .delete(
            revocable::revoke::<Session>,
            Operation::new("End a session", "Ends a session of the caller and revokes its tokens.")
                .requires(Access::Session),
        );
}

fn add_keys(table: &mut RouteTable) {
    table
        .at("/auth/keys")
        .get(
            revocable::list::<ApiKey>,
            Operation::list::<ApiKey, ()>(
                "List my API keys",
                "Returns a page of the caller's API keys without their secrets, newest first.",
            )
            .requires(Access::Session),
        )
        .post(
            api_keys::create,
            Operation::new(
                "Create an API key",
                "Creates a bearer token for scripts. Only this response contains it. The scope `admin` requires an administrator with a sign-in of at most ten minutes ago.",
            )
            .requires(Access::VerifiedSession)
            .body::<NewApiKey>()
            .creates_object::<ApiKeyCreated>("The new API key with its secret.")
            .conflicts(&[ProblemType::QuotaExceeded])
            .refuses(&[ProblemType::SignInTooOld]),
        );
    table
        .at("/auth/keys/{id}")
        .get(
            revocable::item::<ApiKey>,
            Operation::new(
                "Get an API key",
                "Returns an API key of the caller without its secret.",
            )
            .requires(Access::Session)
            .returns::<ApiKey>("The API key."),
        )
        .delete(
            revocable::revoke::<ApiKey>,
            Operation::new("Revoke an API key", "Deletes an API key of the caller.")
                .requires(Access::Session),
        );
}

fn add_token(table: &mut RouteTable) {
    table.at("/auth/token").post(
        auth::token,
        Operation::new(
            "Get an access token",
            "The OAuth 2.0 password grant (RFC 6749 section 4.3) for the Authorize dialog of Swagger UI. `username` is the e-mail address. Other clients should use `/auth/login`.",
        )
        .form_body::<PasswordGrant>()
        .returns::<Token>("The access token.")
        .refuses(&[ProblemType::InvalidGrant, ProblemType::TooManyRequests]),
    );
}
