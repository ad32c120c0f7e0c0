//! The accounts of users, shown as further fields of the users.

use recto_domain::{Account, User};
use recto_persistence::Connection;
use recto_persistence::identity::account;
use recto_relations::Entities;
use serde::Serialize;

use crate::error::Error;
use crate::present::ExtraFields;
use crate::response::Item;

/// The account of a user, or `null` in all of its fields for a user without one.
#[derive(Serialize)]
#[serde(untagged)]
enum OptionalAccount<'a> {
    Account(&'a Account),
    None(NoAccount),
}

/// The fields of [`Account`], as `null`.
#[derive(Default, Serialize)]
struct NoAccount {
    email: (),
    role: (),
    verified: (),
    disabled: (),
}

/// Returns the accounts of users.
///
/// # Errors
/// A database error.
pub(crate) fn of(conn: &mut Connection, users: &Entities<User>) -> Result<ExtraFields, Error> {
    let uids: Vec<_> = users.as_slice().iter().map(|user| user.uid).collect();
    let accounts = account::of_users(conn, &uids)?;
    ExtraFields::of(uids.iter().map(|uid| {
        match accounts.iter().find(|account| account.user_uid == *uid) {
            Some(account) => OptionalAccount::Account(account),
            None => OptionalAccount::None(NoAccount::default()),
        }
    }))
}

/// Adds its account to a user.
///
/// # Errors
/// A database error.
pub(crate) fn with(conn: &mut Connection, user: Item<User>) -> Result<Item<User>, Error> {
    let accounts = of(conn, user.entities())?;
    Ok(user.with_extra(accounts))
}

#[cfg(test)]
mod tests {
    use recto_domain::{Email, NewId, Role, UserId};
    use serde_json::Value;

    use super::*;

    #[test]
    fn missing_account_has_the_same_fields() {
        let user = UserId::from_uuid(NewId::new(0, [1; 10]).uid());
        let account = Account::new(user, Email::parse("ada@example.org").unwrap(), Role::User);
        let account = serde_json::to_value(account).unwrap();
        let mut none = serde_json::to_value(NoAccount::default()).unwrap();
        assert!(none.as_object().unwrap().values().all(Value::is_null));
        for (field, value) in account.as_object().unwrap() {
            none[field] = value.clone();
        }
        assert_eq!(none, account);
    }
}
