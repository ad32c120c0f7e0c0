//! Accounts, each of a user.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{
    Account, Conflict, Email, MailedPurpose, PasswordHash, ReviewsFate, Role, SessionId,
    TokenPairId, User, UserId,
};
use recto_relations_diesel::{KeyIn, Lock, Locked, Selected as _};

use crate::row::RowContext;
use crate::schema::{accounts, reviews, sessions, token_pairs};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

use super::{mailed, session};

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = accounts, primary_key(user_uid), check_for_backend(Sqlite, Pg))]
pub(super) struct AccountRow {
    user_uid: UidValue,
    email: String,
    role: String,
    verified: bool,
    disabled: bool,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self, Error> {
        let user_uid = UserId::from(row.user_uid);
        let context = RowContext { table: "accounts", row: &user_uid };
        Ok(Self {
            email: context.column("email", row.email)?,
            role: row.role.parse().map_err(|reason| context.corrupt("role", &reason))?,
            verified: row.verified,
            disabled: row.disabled,
            user_uid,
        })
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = accounts)]
struct AccountRecord<'a> {
    user_uid: UidValue,
    email: &'a str,
    email_key: String,
    password_hash: &'a str,
    role: &'static str,
    verified: bool,
    disabled: bool,
    created_at: InstantValue,
    updated_at: InstantValue,
}

/// Inserts a user and its account, and returns the user.
///
/// # Errors
/// [`UsernameTaken`](Conflict::UsernameTaken), [`EmailTaken`](Conflict::EmailTaken).
pub fn create(
    conn: &mut Connection,
    user: User,
    account: &Account,
    password: &PasswordHash,
) -> Result<User, Error> {
    let user = conn.insert(user)?;
    insert(conn, account, password, user.created_at)?;
    Ok(user)
}

/// Inserts the account of a user.
///
/// # Errors
/// [`EmailTaken`](Conflict::EmailTaken).
pub fn insert(
    conn: &mut Connection,
    account: &Account,
    password: &PasswordHash,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let record = AccountRecord {
        user_uid: UidValue::from(account.user_uid),
        email: account.email.as_str(),
        email_key: account.email.key(),
        password_hash: &password.0,
        role: account.role.as_str(),
        verified: account.verified,
        disabled: account.disabled,
        created_at: InstantValue(at),
        updated_at: InstantValue(at),
    };
    conn.execute(diesel::insert_into(accounts::table).values(&record))?;
    Ok(())
}

/// The account of a user.
///
/// # Errors
/// A failing database.
pub fn of_user(conn: &mut Connection, user: UserId) -> Result<Option<Account>, Error> {
    let row =
        conn.first(accounts::table.find(UidValue::from(user)).select(AccountRow::selection()))?;
    row.map(|row: AccountRow| Account::try_from(row)).transpose()
}

/// The accounts of several users; users without one are left out.
///
/// # Errors
/// A failing database.
pub fn of_users(conn: &mut Connection, users: &[UserId]) -> Result<Vec<Account>, Error> {
    let rows = conn.load(
        accounts::table
            .filter(KeyIn::new(accounts::user_uid, users.iter().copied().map(UidValue::from)))
            .select(AccountRow::selection()),
    )?;
    rows.into_iter().map(|row: AccountRow| row.try_into()).collect()
}

/// The account of that address, and what its password is checked against.
///
/// # Errors
/// A failing database.
pub fn by_email(
    conn: &mut Connection,
    email: &Email,
) -> Result<Option<(Account, PasswordHash)>, Error> {
    let row = conn.first::<(AccountRow, String)>(
        accounts::table
            .filter(accounts::email_key.eq(email.key()))
            .select((AccountRow::selection(), accounts::password_hash)),
    )?;
    row.map(|(row, hash)| Ok((Account::try_from(row)?, PasswordHash(hash)))).transpose()
}

/// The account of a user, and what its password is checked against.
///
/// # Errors
/// A failing database.
pub fn with_password(
    conn: &mut Connection,
    user: UserId,
) -> Result<Option<(Account, PasswordHash)>, Error> {
    let row = conn.first::<(AccountRow, String)>(
        accounts::table
            .find(UidValue::from(user))
            .select((AccountRow::selection(), accounts::password_hash)),
    )?;
    row.map(|(row, hash)| Ok((Account::try_from(row)?, PasswordHash(hash)))).transpose()
}

/// The same of an account that stays as it is until the transaction ends: who
/// opens a session by a password must not do so beside another who changes it,
/// or shuts the account.
///
/// # Errors
/// A failing database.
pub fn lock_with_password(
    conn: &mut Connection,
    user: UserId,
) -> Result<Option<(Account, PasswordHash)>, Error> {
    let account = accounts::table
        .find(UidValue::from(user))
        .select((AccountRow::selection(), accounts::password_hash));
    let row = conn.first::<(AccountRow, String)>(Locked::new(account, Lock::Update))?;
    row.map(|(row, hash)| Ok((Account::try_from(row)?, PasswordHash(hash)))).transpose()
}

/// Gives an account another password and ends its sessions, all but `keep`;
/// links to reset the password are void.
///
/// With `was`, the password that was shown to be known, nothing happens if the
/// account has another by now. Tells whether something did.
///
/// # Errors
/// A failing database.
pub fn set_password(
    conn: &mut Connection,
    user: UserId,
    password: &PasswordHash,
    was: Option<&PasswordHash>,
    keep: Option<SessionId>,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<bool, Error> {
    let set = (accounts::password_hash.eq(&password.0), accounts::updated_at.eq(InstantValue(at)));
    let account = accounts::table.find(UidValue::from(user));
    let changed = match was {
        Some(was) => {
            let unchanged = account.filter(accounts::password_hash.eq(&was.0));
            conn.execute(diesel::update(unchanged).set(set))?
        }
        None => conn.execute(diesel::update(account).set(set))?,
    };
    if changed > 0 {
        session::close_others(conn, user, keep)?;
        // A reset link that was mailed before would set yet another password.
        mailed::withdraw(conn, user, MailedPurpose::Reset)?;
    }
    Ok(changed > 0)
}

/// Returns the account that calls with the access token of a pair, and its session, in one
/// statement; `None` if the pair is dead or gone, the session has ended or the account is disabled.
///
/// # Errors
/// A failing database.
pub fn of_token_pair(
    conn: &mut Connection,
    pair: TokenPairId,
    now: DateTime<Utc>,
) -> Result<Option<(Account, SessionId)>, Error> {
    let caller = conn.first::<(AccountRow, UidValue)>(
        token_pairs::table
            .inner_join(sessions::table)
            .inner_join(accounts::table.on(accounts::user_uid.eq(sessions::user_uid)))
            .filter(token_pairs::uid.eq(UidValue::from(pair)))
            .filter(token_pairs::dead.eq(false))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .filter(accounts::disabled.eq(false))
            .select((AccountRow::selection(), sessions::uid)),
    )?;
    caller
        .map(|(account, session)| Ok((Account::try_from(account)?, SessionId::from(session))))
        .transpose()
}

/// Keeps a stronger hash of the same password. Tells whether it was still the
/// same.
///
/// # Errors
/// A failing database.
pub fn rehash(
    conn: &mut Connection,
    user: UserId,
    password: &PasswordHash,
    was: &PasswordHash,
) -> Result<bool, Error> {
    let account =
        accounts::table.find(UidValue::from(user)).filter(accounts::password_hash.eq(&was.0));
    let changed =
        conn.execute(diesel::update(account).set(accounts::password_hash.eq(&password.0)))?;
    Ok(changed > 0)
}

/// Notes that the address is known to be the user's. Tells whether that is
/// news.
///
/// # Errors
/// A failing database.
pub fn set_verified(
    conn: &mut Connection,
    user: UserId,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<bool, Error> {
    let unverified =
        accounts::table.find(UidValue::from(user)).filter(accounts::verified.eq(false));
    let changed = conn.execute(
        diesel::update(unverified)
            .set((accounts::verified.eq(true), accounts::updated_at.eq(InstantValue(at)))),
    )?;
    Ok(changed > 0)
}

/// Shuts an account, which ends its sessions, or opens it again. Its API keys
/// stay, but open nothing while it is shut. Tells whether there is one.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin) when nobody would be left to administer.
pub fn set_disabled(
    conn: &mut Connection,
    user: UserId,
    disabled: bool,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<bool, Error> {
    if disabled {
        keep_an_admin(conn, user)?;
    }
    let changed = conn.execute(
        diesel::update(accounts::table.find(UidValue::from(user)))
            .set((accounts::disabled.eq(disabled), accounts::updated_at.eq(InstantValue(at)))),
    )?;
    if disabled {
        session::close_others(conn, user, None)?;
    }
    Ok(changed > 0)
}

/// Deletes a user with the account and all that belongs to it. Its books stay,
/// without a user, and so do its reviews unless they are to be erased. Tells
/// whether there was one.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin) when nobody would be left to administer.
pub fn delete(conn: &mut Connection, user: UserId, fate: ReviewsFate) -> Result<bool, Error> {
    keep_an_admin(conn, user)?;
    if fate == ReviewsFate::Erase {
        let own = reviews::table.filter(reviews::user_uid.eq(UidValue::from(user)));
        conn.execute(diesel::delete(own))?;
    }
    conn.delete::<User>(user)
}

/// Gives an account another role.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin) when nobody would be left to administer.
pub fn set_role(
    conn: &mut Connection,
    account: &Account,
    role: Role,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    if role != Role::Admin {
        keep_an_admin(conn, account.user_uid)?;
    }
    conn.execute(
        diesel::update(accounts::table.find(UidValue::from(account.user_uid)))
            .set((accounts::role.eq(role.as_str()), accounts::updated_at.eq(InstantValue(at)))),
    )?;
    Ok(())
}

/// Refuses if that user is the only one left who can administer. The admins
/// stay as they are until the transaction ends.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin).
pub fn keep_an_admin(conn: &mut Connection, leaving: UserId) -> Result<(), Error> {
    let admins = accounts::table
        .filter(accounts::role.eq(Role::Admin.as_str()))
        .filter(accounts::disabled.eq(false))
        // Whoever is not verified cannot administer.
        .filter(accounts::verified.eq(true))
        .order_by(accounts::user_uid)
        .select(accounts::user_uid);
    // Two admins who demote each other wait for one another here.
    let admins: Vec<UidValue> = conn.load(Locked::new(admins, Lock::Update))?;
    if admins == [UidValue::from(leaving)] {
        return Err(Conflict::LastAdmin.into());
    }
    Ok(())
}
