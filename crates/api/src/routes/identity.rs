//! The paths of the room `identity`.

use recto_domain::{
    Account, AccountDeletion, ApiKey, AuditEntry, EmailRequest, Login, NewApiKey, PasswordChange,
    PasswordReset, Refresh, Session, SignUp, User, Verification,
};

use crate::components::{
    Export, NewKey, PasswordGrant, SignedIn, Token, TokenPair, UserWithAccount,
};
use crate::identity::audit::{self, AuditFilter};
use crate::identity::{auth, keys, mailing, me, own, passwords, sessions};
use crate::problem::Kind;
use crate::table::{Operation, Table, Who};

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
        .by(Who::Verified),
    );
}

fn signing_up(table: &mut Table) {
    table.at("/auth/signup").post(
        auth::sign_up,
        Operation::new(
            "Sign up",
            "Makes a user and its account, and mails a link to verify the address with. Until then the account reads but does not write.",
        )
        .takes::<SignUp>()
        .creates::<User>()
        .conflicts(&[Kind::UsernameTaken, Kind::EmailTaken])
        .refuses(&[Kind::TooManyRequests]),
    );
    table.at("/auth/verify").post(
        mailing::verify,
        Operation::new("Verify an address", "Spends the token of a mailed link.")
            .takes::<Verification>()
            .gives::<UserWithAccount>("The user, whose address is verified.")
            .refuses(&[Kind::NotFound]),
    );
    table.at("/auth/verify-request").post(
        mailing::verify_request,
        Operation::new(
            "Ask for another link",
            "Mails another link to verify with, if there is such an account and it is not verified. The answer is the same either way.",
        )
        .takes::<EmailRequest>()
        .accepts()
        .refuses(&[Kind::TooManyRequests]),
    );
}

fn signing_in(table: &mut Table) {
    table.at("/auth/login").post(
        auth::login,
        Operation::new("Sign in", "Opens a session for an e-mail address and a password.")
            .takes::<Login>()
            .gives::<SignedIn>("Signed in.")
            .refuses(&[Kind::WrongCredentials, Kind::TooManyRequests]),
    );
    table.at("/auth/token").post(
        auth::token,
        Operation::new(
            "Get a token",
            "The OAuth2 password grant (RFC 6749 section 4.3), for the Authorize dialog; `username` is the e-mail address. Other programs had better use `/auth/login`.",
        )
        .takes_form::<PasswordGrant>()
        .gives::<Token>("Signed in.")
        .refuses(&[Kind::InvalidGrant, Kind::TooManyRequests]),
    );
    table.at("/auth/refresh").post(
        sessions::refresh,
        Operation::new(
            "Refresh",
            "A new pair of tokens for a refresh token, which is spent. One that is used a second time ends its session; within 30 seconds, while the new pair has not been used, it is taken once more, and the new pair dies.",
        )
        .takes::<Refresh>()
        .gives::<TokenPair>("The next pair.")
        .refuses(&[Kind::Unauthenticated]),
    );
    table.at("/auth/logout").post(
        sessions::logout,
        Operation::new("Sign out", "Ends the session; its tokens are dead at once.")
            .by(Who::InPerson),
    );
}

fn caller(table: &mut Table) {
    table
        .at("/auth/me")
        .get(
            me::me,
            Operation::new("Who am I", "The caller: user and account, with books and reviews.")
                .by(Who::SignedIn)
                .gives::<UserWithAccount>("The caller."),
        )
        .delete(
            me::leave,
            Operation::new(
                "Delete my account",
                "Deletes the caller's user and account. Books stay without a user; so do the reviews, or they are erased.",
            )
            .by(Who::InPerson)
            .takes::<AccountDeletion>()
            .conflicts(&[Kind::LastAdmin])
            .refuses(&[Kind::WrongPassword, Kind::TooManyRequests]),
        );
    table.at("/auth/me/export").get(
        me::export,
        Operation::new(
            "Export my account",
            "Everything that belongs to the caller: user, account, books, reviews, sessions, API keys, and what the audit has of them.",
        )
        .by(Who::InPerson)
        .gives::<Export>("Everything.")
        .referring_to::<Account>(),
    );
}

fn passwords(table: &mut Table) {
    table.at("/auth/password").put(
        passwords::change,
        Operation::new("Change my password", "All other sessions end.")
            .by(Who::InPerson)
            .takes::<PasswordChange>()
            .refuses(&[Kind::WrongPassword, Kind::TooManyRequests]),
    );
    table.at("/auth/password-reset-request").post(
        mailing::reset_request,
        Operation::new(
            "Ask to reset a password",
            "Mails a link, if there is such an account. The answer is the same either way.",
        )
        .takes::<EmailRequest>()
        .accepts()
        .refuses(&[Kind::TooManyRequests]),
    );
    table.at("/auth/password-reset-confirm").post(
        passwords::reset,
        Operation::new(
            "Reset a password",
            "Spends the token of a mailed link; a failed try does not. All sessions end, and all API keys are revoked.",
        )
        .takes::<PasswordReset>()
        .refuses(&[Kind::NotFound]),
    );
}

fn sessions(table: &mut Table) {
    table.at("/auth/sessions").get(
        own::list::<Session>,
        Operation::list::<Session, ()>(
            "List my sessions",
            "Where the caller is signed in, the newest first.",
        )
        .by(Who::InPerson),
    );
    table
        .at("/auth/sessions/{id}")
        .get(
            own::item::<Session>,
            Operation::new("Get a session", "One of the caller's own.")
                .by(Who::InPerson)
                .gives::<Session>("The session."),
        )
        .delete(
            own::revoke::<Session>,
            Operation::new(
                "End a session",
                "One of the caller's own; its tokens are dead at once.",
            )
            .by(Who::InPerson),
        );
}

fn keys(table: &mut Table) {
    table
        .at("/auth/keys")
        .get(
            own::list::<ApiKey>,
            Operation::list::<ApiKey, ()>(
                "List my API keys",
                "Without their secrets, the newest first.",
            )
            .by(Who::InPerson),
        )
        .post(
            keys::create,
            Operation::new(
                "Make an API key",
                "For a script, which sends it as a bearer token. The key itself is shown once, and never again.",
            )
            .by(Who::InPerson)
            .takes::<NewApiKey>()
            .makes::<NewKey>("The new key."),
        );
    table
        .at("/auth/keys/{id}")
        .get(
            own::item::<ApiKey>,
            Operation::new("Get an API key", "One of the caller's own, without its secret.")
                .by(Who::InPerson)
                .gives::<ApiKey>("The key."),
        )
        .delete(
            own::revoke::<ApiKey>,
            Operation::new(
                "Revoke an API key",
                "One of the caller's own; it opens nothing from then on.",
            )
            .by(Who::InPerson),
        );
}
