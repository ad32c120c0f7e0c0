//! Mailed tokens, each for a single use.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use recto_domain::{Email, MailedPurpose, MailedTokenId, SecretHash, UserId};

use crate::row::RowContext;
use crate::schema::mailed_tokens;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// A token to be mailed.
#[derive(Debug, Clone)]
pub struct NewMailedToken {
    /// Its id, from which the token is derived.
    pub id: MailedTokenId,
    /// The user it is mailed to.
    pub user: UserId,
    /// Its purpose, which determines its lifetime.
    pub purpose: MailedPurpose,
    /// Its hash.
    pub hash: SecretHash,
    /// The time of issue.
    pub at: DateTime<Utc>,
}

/// Stores a token to verify an e-mail address or to reset a password. It replaces an older token of
/// the same user and purpose.
pub fn issue(conn: &mut Connection, new: &NewMailedToken) -> Result<(), Error> {
    insert(conn, new, None)
}

/// Stores a token that changes the e-mail address of its user. It replaces an older one.
pub fn issue_email_change(
    conn: &mut Connection,
    new: &NewMailedToken,
    email: &Email,
) -> Result<(), Error> {
    insert(conn, new, Some(email))
}

fn insert(conn: &mut Connection, new: &NewMailedToken, email: Option<&Email>) -> Result<(), Error> {
    use mailed_tokens::{created_at, expires_at, hash, new_email, purpose, uid, user_uid};
    let record = (
        uid.eq(UidValue::from(new.id)),
        user_uid.eq(UidValue::from(new.user)),
        purpose.eq(new.purpose.as_str()),
        hash.eq(&new.hash.as_bytes()[..]),
        expires_at.eq(InstantValue(new.at + new.purpose.lifetime())),
        created_at.eq(InstantValue(new.at)),
        new_email.eq(email.map(Email::as_str)),
    );
    conn.execute(
        diesel::insert_into(mailed_tokens::table)
            .values(record)
            .on_conflict((user_uid, purpose))
            .do_update()
            .set((
                uid.eq(excluded(uid)),
                hash.eq(excluded(hash)),
                expires_at.eq(excluded(expires_at)),
                created_at.eq(excluded(created_at)),
                new_email.eq(excluded(new_email)),
            )),
    )?;
    Ok(())
}

/// Returns the user of a valid token. The token remains valid.
pub fn find_user(
    conn: &mut Connection,
    purpose: MailedPurpose,
    hash: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    let user: Option<UidValue> = conn.first(
        mailed_tokens::table
            .filter(mailed_tokens::hash.eq(&hash.as_bytes()[..]))
            .filter(mailed_tokens::purpose.eq(purpose.as_str()))
            .filter(mailed_tokens::expires_at.gt(InstantValue(now)))
            .select(mailed_tokens::user_uid),
    )?;
    Ok(user.map(UserId::from))
}

/// Returns the user of a valid token and deletes the token. Only one of concurrent calls does.
pub fn consume(
    conn: &mut Connection,
    purpose: MailedPurpose,
    hash: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    let valid = mailed_tokens::table
        .filter(mailed_tokens::hash.eq(&hash.as_bytes()[..]))
        .filter(mailed_tokens::purpose.eq(purpose.as_str()))
        .filter(mailed_tokens::expires_at.gt(InstantValue(now)));
    let user: Option<UidValue> =
        conn.first(diesel::delete(valid).returning(mailed_tokens::user_uid))?;
    Ok(user.map(UserId::from))
}

/// Returns the new e-mail address of a valid token that changes it, and deletes the token. Only one
/// of concurrent calls does.
pub fn consume_email_change(
    conn: &mut Connection,
    hash: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<Email>, Error> {
    let valid = mailed_tokens::table
        .filter(mailed_tokens::hash.eq(&hash.as_bytes()[..]))
        .filter(mailed_tokens::purpose.eq(MailedPurpose::ChangeEmail.as_str()))
        .filter(mailed_tokens::expires_at.gt(InstantValue(now)));
    let consumed = conn.first::<(UidValue, Option<String>)>(
        diesel::delete(valid).returning((mailed_tokens::uid, mailed_tokens::new_email)),
    )?;
    let Some((uid, email)) = consumed else { return Ok(None) };
    let context = RowContext { table: "mailed_tokens", row: &MailedTokenId::from(uid) };
    context.optional("new_email", email)
}

/// Returns a user's token for a purpose, if it was issued after `since`.
pub fn issued_since(
    conn: &mut Connection,
    user: UserId,
    purpose: MailedPurpose,
    since: DateTime<Utc>,
) -> Result<Option<MailedTokenId>, Error> {
    let id: Option<UidValue> = conn.first(
        mailed_tokens::table
            .filter(mailed_tokens::user_uid.eq(UidValue::from(user)))
            .filter(mailed_tokens::purpose.eq(purpose.as_str()))
            .filter(mailed_tokens::created_at.gt(InstantValue(since)))
            .select(mailed_tokens::uid),
    )?;
    Ok(id.map(MailedTokenId::from))
}

/// Revokes all tokens of a user.
pub fn revoke_all(conn: &mut Connection, user: UserId) -> Result<(), Error> {
    let of_user = mailed_tokens::table.filter(mailed_tokens::user_uid.eq(UidValue::from(user)));
    conn.execute(diesel::delete(of_user))?;
    Ok(())
}

/// Revokes a user's token for a purpose, if there is one.
pub fn revoke(conn: &mut Connection, user: UserId, purpose: MailedPurpose) -> Result<(), Error> {
    let of_user = mailed_tokens::table
        .filter(mailed_tokens::user_uid.eq(UidValue::from(user)))
        .filter(mailed_tokens::purpose.eq(purpose.as_str()));
    conn.execute(diesel::delete(of_user))?;
    Ok(())
}
