//! Accounts of users.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{
    Account, Conflict, Email, MailedPurpose, PasswordHash, ReviewsOnDeletion, Role, SessionId,
    TokenPairId, User, UserId,
};
use recto_relations_diesel::{KeyIn, Lock, Locked, Selected as _, Statement};

use super::idempotency_key;
use crate::row::RowContext;
use crate::schema::{accounts, reviews, sessions, token_pairs, users};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error, write};

use super::{known_device, mailed_token, session};
use crate::catalog::user::UserRow;

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
    at: DateTime<Utc>,
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

/// Returns the account of a user.
pub fn of_user(conn: &mut Connection, user: UserId) -> Result<Option<Account>, Error> {
    let row =
        conn.first(accounts::table.find(UidValue::from(user)).select(AccountRow::selection()))?;
    row.map(|row: AccountRow| Account::try_from(row)).transpose()
}

/// Returns the accounts of users. Users without an account are omitted.
pub fn of_users(conn: &mut Connection, users: &[UserId]) -> Result<Vec<Account>, Error> {
    let rows = conn.load(
        accounts::table
            .filter(KeyIn::new(accounts::user_uid, users.iter().copied().map(UidValue::from)))
            .select(AccountRow::selection()),
    )?;
    rows.into_iter().map(|row: AccountRow| row.try_into()).collect()
}

/// Returns the account with this e-mail address, and its password hash.
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

/// A user with account and password hash.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The account.
    pub account: Account,
    /// The hash of the password.
    pub password: PasswordHash,
}

impl TryFrom<(UserRow, AccountRow, String)> for Credentials {
    type Error = Error;

    fn try_from((user, account, hash): (UserRow, AccountRow, String)) -> Result<Self, Error> {
        Ok(Self {
            user: user.try_into()?,
            account: account.try_into()?,
            password: PasswordHash(hash),
        })
    }
}

/// Returns the credentials of a user.
pub fn credentials(conn: &mut Connection, user: UserId) -> Result<Option<Credentials>, Error> {
    let row = conn.first::<(UserRow, AccountRow, String)>(
        accounts::table
            .inner_join(users::table)
            .filter(accounts::user_uid.eq(UidValue::from(user)))
            .select((UserRow::selection(), AccountRow::selection(), accounts::password_hash)),
    )?;
    row.map(Credentials::try_from).transpose()
}

/// Returns the credentials of the user with this e-mail address, in one statement whether or not
/// there is such a user.
pub fn credentials_by_email(
    conn: &mut Connection,
    email: &Email,
) -> Result<Option<Credentials>, Error> {
    let row = conn.first::<(UserRow, AccountRow, String)>(
        accounts::table
            .inner_join(users::table)
            .filter(accounts::email_key.eq(email.key()))
            .select((UserRow::selection(), AccountRow::selection(), accounts::password_hash)),
    )?;
    row.map(Credentials::try_from).transpose()
}

/// Returns the user whose account has this e-mail address.
pub fn owner_of_email(conn: &mut Connection, email: &Email) -> Result<Option<UserId>, Error> {
    let user: Option<UidValue> = conn.first(
        accounts::table.filter(accounts::email_key.eq(email.key())).select(accounts::user_uid),
    )?;
    Ok(user.map(UserId::from))
}

/// Returns the account of a user and its password hash, with user and account locked until the
/// transaction ends, so that the password is not changed and the account not disabled in between.
pub fn lock_with_password(
    conn: &mut Connection,
    user: UserId,
) -> Result<Option<(Account, PasswordHash)>, Error> {
    // PostgreSQL locks the rows in the order of the tables. A user is always locked before the
    // account: changes of the account increment the user's version.
    let account = users::table
        .inner_join(accounts::table)
        .filter(users::uid.eq(UidValue::from(user)))
        .select((AccountRow::selection(), accounts::password_hash));
    let row = conn.first::<(AccountRow, String)>(Locked::new(account, Lock::NoKeyUpdate))?;
    row.map(|(row, hash)| Ok((Account::try_from(row)?, PasswordHash(hash)))).transpose()
}

/// Returns an account, locked until the transaction ends, whose password was checked before; `None`
/// if it has another password by now.
pub fn lock_checked(
    conn: &mut Connection,
    checked: &Credentials,
) -> Result<Option<Account>, Error> {
    let present = lock_with_password(conn, checked.user.uid)?;
    let same = present.filter(|(_, hash)| hash.0 == checked.password.0);
    Ok(same.map(|(account, _)| account))
}

/// Sets the password of an account, ends its sessions except `keep`, deletes its devices, and
/// revokes the links that reset the password or change the e-mail address.
///
/// With `was`, the hash that was verified, nothing happens if the account has another hash by now.
/// Returns whether the password was set.
pub fn set_password(
    conn: &mut Connection,
    user: UserId,
    password: &PasswordHash,
    was: Option<&PasswordHash>,
    keep: Option<SessionId>,
    at: DateTime<Utc>,
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
        session::end_others(conn, user, keep)?;
        known_device::forget_all(conn, user)?;
        // An older reset link would set the password again, and somebody who knew the former
        // password may have asked for another e-mail address.
        mailed_token::revoke(conn, user, MailedPurpose::Reset)?;
        mailed_token::revoke(conn, user, MailedPurpose::ChangeEmail)?;
    }
    Ok(changed > 0)
}

/// Returns the account, the session of an access token and the time of its sign-in, in one
/// statement. Returns `None` if the token pair is revoked or deleted, the session has ended, or the
/// account is disabled.
pub fn of_token_pair(
    conn: &mut Connection,
    pair: TokenPairId,
    now: DateTime<Utc>,
) -> Result<Option<(Account, SessionId, DateTime<Utc>)>, Error> {
    let caller = conn.first::<(AccountRow, UidValue, InstantValue)>(
        token_pairs::table
            .inner_join(sessions::table)
            .inner_join(accounts::table.on(accounts::user_uid.eq(sessions::user_uid)))
            .filter(token_pairs::uid.eq(UidValue::from(pair)))
            .filter(token_pairs::revoked.eq(false))
            .filter(sessions::expires_at.gt(InstantValue(now)))
            .filter(accounts::disabled.eq(false))
            .select((AccountRow::selection(), sessions::uid, sessions::created_at)),
    )?;
    caller
        .map(|(account, session, created_at)| {
            Ok((Account::try_from(account)?, SessionId::from(session), created_at.0))
        })
        .transpose()
}

/// Stores a stronger hash of the same password, unless the password has changed. Returns whether it
/// was stored.
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

/// Marks the e-mail address of an account as verified. Returns whether it was not.
pub fn set_verified(conn: &mut Connection, user: UserId, at: DateTime<Utc>) -> Result<bool, Error> {
    let unverified =
        accounts::table.find(UidValue::from(user)).filter(accounts::verified.eq(false));
    let set = (accounts::verified.eq(true), accounts::updated_at.eq(InstantValue(at)));
    change(conn, user, diesel::update(unverified).set(set))
}

/// Sets the e-mail address of an account, and revokes all mailed links.
///
/// # Errors
/// [`EmailTaken`](Conflict::EmailTaken).
pub fn set_email(
    conn: &mut Connection,
    user: UserId,
    email: &Email,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let set = (
        accounts::email.eq(email.as_str()),
        accounts::email_key.eq(email.key()),
        accounts::updated_at.eq(InstantValue(at)),
    );
    let account = accounts::table.find(UidValue::from(user));
    change(conn, user, diesel::update(account).set(set))?;
    // They were sent to the former e-mail address.
    mailed_token::revoke_all(conn, user)
}

/// Disables an account and ends its sessions, or enables it again. API keys remain, but are not
/// valid while the account is disabled. Returns whether the account exists.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin) if no administrator would remain.
pub fn set_disabled(
    conn: &mut Connection,
    user: UserId,
    disabled: bool,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    if disabled {
        refuse_last_admin(conn, user)?;
    }
    let set = (accounts::disabled.eq(disabled), accounts::updated_at.eq(InstantValue(at)));
    let account = accounts::table.find(UidValue::from(user));
    let exists = change(conn, user, diesel::update(account).set(set))?;
    if disabled {
        session::end_others(conn, user, None)?;
    }
    Ok(exists)
}

/// Deletes a user with the account, sessions, keys and mails. Books remain without an owner, and so
/// do reviews, unless `own_reviews` is to erase them. Returns whether the user existed.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin) if no administrator would remain.
pub fn delete(
    conn: &mut Connection,
    user: UserId,
    own_reviews: ReviewsOnDeletion,
) -> Result<bool, Error> {
    // Changes of the user that were not committed are waited for, so that none is left behind.
    conn.lock::<User>(user, Lock::Update)?;
    refuse_last_admin(conn, user)?;
    if own_reviews == ReviewsOnDeletion::Erase {
        let own = reviews::table.filter(reviews::user_uid.eq(UidValue::from(user)));
        conn.execute(diesel::delete(own))?;
    }
    idempotency_key::delete_all(conn, user)?;
    write::delete::<User>(conn, user)
}

/// Sets the role of an account.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin) if no administrator would remain.
pub fn set_role(
    conn: &mut Connection,
    account: &Account,
    role: Role,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if role != Role::Admin {
        refuse_last_admin(conn, account.user_uid)?;
    }
    let set = (accounts::role.eq(role.as_str()), accounts::updated_at.eq(InstantValue(at)));
    let row = accounts::table.find(UidValue::from(account.user_uid));
    change(conn, account.user_uid, diesel::update(row).set(set))?;
    Ok(())
}

/// Returns an error if a user is the only enabled and verified administrator. Locks the
/// administrators until the transaction ends.
///
/// # Errors
/// [`LastAdmin`](Conflict::LastAdmin).
pub fn refuse_last_admin(conn: &mut Connection, user: UserId) -> Result<(), Error> {
    let admins = accounts::table
        .filter(accounts::role.eq(Role::Admin.as_str()))
        .filter(accounts::disabled.eq(false))
        // Unverified administrators have no access.
        .filter(accounts::verified.eq(true))
        .order_by(accounts::user_uid)
        .select(accounts::user_uid);
    // Transactions in which administrators demote each other wait here.
    let admins: Vec<UidValue> = conn.load(Locked::new(admins, Lock::Update))?;
    if admins == [UidValue::from(user)] {
        return Err(Conflict::LastAdmin.into());
    }
    Ok(())
}

/// Changes fields of an account that are shown with the user, and increments the user's version.
/// Returns whether the update changed the account.
fn change(conn: &mut Connection, user: UserId, update: impl Statement) -> Result<bool, Error> {
    if conn.execute(update)? == 0 {
        return Ok(false);
    }
    let user = diesel::update(users::table.find(UidValue::from(user)));
    conn.execute(user.set(users::version.eq(users::version + 1)))?;
    Ok(true)
}
