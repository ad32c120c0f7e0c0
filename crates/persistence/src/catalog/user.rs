//! Users.

#![expect(clippy::ref_option_ref, reason = "Diesel's `AsChangeset` writes them")]

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{User, UserId};
use recto_relations_diesel::{SortColumn, Stored, Writable};

use crate::row::RowContext;
use crate::schema::users;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Error, Recto, Rules};

/// A row of `users`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = users, primary_key(uid), check_for_backend(Sqlite, Pg))]
pub struct UserRow {
    uid: UidValue,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl TryFrom<UserRow> for User {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<Self, Error> {
        let uid = UserId::from(row.uid);
        let context = RowContext { table: "users", row: &uid };
        Ok(Self {
            username: context.column("username", row.username)?,
            first_name: context.optional("first_name", row.first_name)?,
            last_name: context.optional("last_name", row.last_name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            uid,
        })
    }
}

/// The written columns of a user.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(
    table_name = users,
    treat_none_as_null = true,
    // Needed to insert several rows in one statement on SQLite.
    treat_none_as_default_value = false
)]
pub struct UserRecord<'a> {
    uid: UidValue,
    username: &'a str,
    username_key: String,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl<'a> From<&'a User> for UserRecord<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            uid: user.uid.into(),
            username: user.username.as_str(),
            username_key: user.username.key(),
            first_name: user.first_name.as_ref().map(AsRef::as_ref),
            last_name: user.last_name.as_ref().map(AsRef::as_ref),
            created_at: InstantValue(user.created_at),
            updated_at: InstantValue(user.updated_at),
        }
    }
}

impl Stored<Recto> for User {
    type Row = UserRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("username", &users::username_key)];
}

impl Writable<Recto> for User {
    type Record<'a> = UserRecord<'a>;
}

impl Rules for User {
    type References = ();
}
