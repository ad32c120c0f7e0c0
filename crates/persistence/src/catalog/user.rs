//! Users.

#![expect(clippy::ref_option_ref, reason = "Diesel's `AsChangeset` writes them")]

use diesel::prelude::*;
use recto_domain::{User, UserId};

use super::relations::EDGES;
use crate::connection::{lock_row, on_engine};
use crate::query::SqlKey as _;
use crate::relation::{optional, stored};
use crate::row::Reading;
use crate::schema::users;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = users, primary_key(uid))]
pub(crate) struct UserRow {
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
        let uid = UserId::from_uuid(row.uid.0);
        let reading = Reading { table: "users", row: &uid };
        Ok(Self {
            username: reading.column("username", row.username)?,
            first_name: reading.optional("first_name", row.first_name)?,
            last_name: reading.optional("last_name", row.last_name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            uid,
        })
    }
}

#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
pub(super) struct UserRecord<'a> {
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
            uid: user.uid.value(),
            username: user.username.as_str(),
            username_key: user.username.key(),
            first_name: user.first_name.as_ref().map(AsRef::as_ref),
            last_name: user.last_name.as_ref().map(AsRef::as_ref),
            created_at: InstantValue(user.created_at),
            updated_at: InstantValue(user.updated_at),
        }
    }
}

stored! { User, UserRow, users.uid, edges: EDGES, sorts: ["username" => "username_key"] }

/// Adds a user.
///
/// # Errors
/// [`UsernameTaken`](recto_domain::Conflict::UsernameTaken).
pub fn insert(conn: &mut Connection, user: &User) -> Result<(), Error> {
    on_engine!(conn, c => {
        diesel::insert_into(users::table).values(UserRecord::from(user)).execute(c)?
    });
    Ok(())
}

/// The user with that key, kept as it is until the transaction ends.
///
/// # Errors
/// A failing database.
pub fn lock(conn: &mut Connection, uid: UserId) -> Result<Option<User>, Error> {
    let row = lock_row!(conn, users, uid.value(), UserRow);
    optional(row)?.map(User::try_from).transpose()
}

/// Stores what has changed about a user.
///
/// # Errors
/// [`UsernameTaken`](recto_domain::Conflict::UsernameTaken).
pub fn update(conn: &mut Connection, user: &User) -> Result<(), Error> {
    let record = UserRecord::from(user);
    on_engine!(conn, c => {
        diesel::update(users::table.find(user.uid.value())).set(&record).execute(c)?
    });
    Ok(())
}

/// Deletes a user; its books and reviews stay, without a user. Tells whether
/// there was one.
///
/// # Errors
/// A failing database.
pub fn delete(conn: &mut Connection, uid: UserId) -> Result<bool, Error> {
    let deleted = on_engine!(conn, c => {
        diesel::delete(users::table.find(uid.value())).execute(c)?
    });
    Ok(deleted > 0)
}
