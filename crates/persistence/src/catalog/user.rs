//! Users.

#![expect(clippy::ref_option_ref, reason = "Diesel's `AsChangeset` writes them")]

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{Email, User, UserId, Username};
use recto_relations_diesel::{Conditions, SortColumn, Stored, Writable};

use crate::row::RowContext;
use crate::schema::{accounts, books, reviews, users};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error, Recto, Rules};

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
    version: i64,
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
            version: row.version.into(),
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
    version: i64,
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
            version: user.version.into(),
        }
    }
}

/// Conditions on users, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The username, in any case.
    pub username: Option<Username>,
    /// The e-mail address of the account, in any case.
    pub email: Option<Email>,
}

impl Stored<Recto> for User {
    type Row = UserRow;
    type Filter = UserFilter;
    const SORTS: &'static [SortColumn] = &[SortColumn::new("username", &users::username_key)];

    fn apply_filter(filter: &UserFilter, conditions: &mut Conditions<users::table>) {
        if let Some(username) = &filter.username {
            conditions.add(users::username_key.eq(username.key()));
        }
        if let Some(email) = &filter.email {
            let owner = accounts::table
                .filter(accounts::email_key.eq(email.key()))
                .select(accounts::user_uid);
            conditions.add(users::uid.eq_any(owner));
        }
    }
}

impl Writable<Recto> for User {
    type Record<'a> = UserRecord<'a>;
}

impl Rules for User {
    type References = ();

    fn before_delete(conn: &mut Connection, user: UserId) -> Result<(), Error> {
        let user = UidValue::from(user);
        let books = diesel::update(books::table.filter(books::user_uid.eq(user)));
        conn.execute(books.set(books::version.eq(books::version + 1)))?;
        let reviews = diesel::update(reviews::table.filter(reviews::user_uid.eq(user)));
        conn.execute(reviews.set(reviews::version.eq(reviews::version + 1)))?;
        Ok(())
    }
}
