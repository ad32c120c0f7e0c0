//! The accounts of users, shown as further fields of the users.

use recto_domain::{Account, Email, Role, User};
use recto_persistence::Connection;
use recto_persistence::identity::account;
use recto_relations::Entities;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::present::ExtraFields;
use crate::response::Item;

/// The fields of an account among those of its user; `null` for a user without an account.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AccountFields {
    #[schema(inline)]
    email: Option<Email>,
    #[schema(inline)]
    role: Option<Role>,
    /// Whether the address is verified.
    #[schema(examples(true))]
    verified: Option<bool>,
    /// Whether an administrator has disabled the account.
    #[schema(examples(false))]
    disabled: Option<bool>,
}

/// The account of a user as it is serialized, or `null` fields for a user without one.
#[derive(Serialize)]
#[serde(untagged)]
enum OptionalAccount<'a> {
    Account(&'a Account),
    None(AccountFields),
}

/// Returns the accounts of users.
///
/// # Errors
/// A failing database.
pub(crate) fn of(conn: &mut Connection, users: &Entities<User>) -> Result<ExtraFields, Error> {
    let uids: Vec<_> = users.as_slice().iter().map(|user| user.uid).collect();
    let accounts = account::of_users(conn, &uids)?;
    ExtraFields::of(uids.iter().map(|uid| {
        match accounts.iter().find(|account| account.user_uid == *uid) {
            Some(account) => OptionalAccount::Account(account),
            None => OptionalAccount::None(AccountFields::default()),
        }
    }))
}

/// Adds its account to a user.
///
/// # Errors
/// A failing database.
pub(crate) fn with(conn: &mut Connection, user: Item<User>) -> Result<Item<User>, Error> {
    let accounts = of(conn, user.entities())?;
    Ok(user.with_extra(accounts))
}
