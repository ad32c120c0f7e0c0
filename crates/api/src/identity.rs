//! The room `identity`: accounts, sessions, keys, passwords, tokens, mail and the audit.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod auth;
pub mod key_usage;
pub(crate) mod keys;
pub mod mailed;
pub(crate) mod mailing;
pub(crate) mod own;
pub mod password;
pub(crate) mod passwords;
pub(crate) mod pruning;
pub mod secret;
pub(crate) mod sessions;
pub mod token;

use recto_domain::{Account, User};
use recto_persistence::Connection;
use recto_relations::Entities;

use crate::problem::{Problem, ProblemType};

/// The accounts that stand beside the users on a page, as JSON.
///
/// A user without an account shows its members as `null`.
pub(crate) struct Accounts(Option<Vec<Vec<u8>>>);

impl Accounts {
    /// The accounts of these users.
    pub(crate) fn of(conn: &mut Connection, users: &Entities<User>) -> Result<Self, Problem> {
        let uids: Vec<_> = users.as_slice().iter().map(|user| user.uid).collect();
        let accounts = recto_persistence::identity::account::of_users(conn, &uids)?;
        let written =
            uids.iter().map(|uid| write(accounts.iter().find(|account| account.user_uid == *uid)));
        Ok(Self(Some(written.collect::<Result<_, _>>()?)))
    }

    /// No accounts, for those who may not see them.
    pub(crate) fn hidden() -> Self {
        Self(None)
    }

    /// What stands beside the user at `index`.
    pub(crate) fn beside(&self, index: usize) -> Option<&[u8]> {
        self.0.as_ref()?.get(index).map(Vec::as_slice)
    }
}

fn write(account: Option<&Account>) -> Result<Vec<u8>, Problem> {
    match account {
        Some(account) => serde_json::to_vec(account).map_err(|error| {
            tracing::error!(%error, "an account could not be written");
            Problem::new(ProblemType::Internal, ProblemType::Internal.meaning())
        }),
        None => Ok(br#"{"email":null,"role":null,"verified":null,"disabled":null}"#.to_vec()),
    }
}

/// Tokens are not to be kept by anything on the way (RFC 6749 section 5.1).
fn answer(body: &impl serde::Serialize) -> Result<actix_web::HttpResponse, Problem> {
    crate::present::document(actix_web::http::StatusCode::OK, body)
}
