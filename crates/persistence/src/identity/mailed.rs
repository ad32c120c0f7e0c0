//! Tokens that are mailed to somebody, to be shown once.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use recto_domain::{MailedPurpose, MailedTokenId, SecretHash, UserId};

use crate::schema::mailed_tokens;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// A token that is to be mailed.
#[derive(Debug, Clone)]
pub struct NewMailedToken {
    /// Its key, from which the token itself is derived.
    pub id: MailedTokenId,
    /// Who is to show it.
    pub user: UserId,
    /// What it is for, and with that how long it is good for.
    pub purpose: MailedPurpose,
    /// What is stored of it.
    pub hash: SecretHash,
    /// When it is issued.
    pub at: DateTime<Utc>,
}

/// Issues a token. An older one of the same user and purpose is good for
/// nothing from then on.
///
/// # Errors
/// A failing database.
pub fn issue(conn: &mut Connection, new: &NewMailedToken) -> Result<(), Error> {
    use mailed_tokens::{created_at, expires_at, hash, purpose, uid, user_uid};
    let record = (
        uid.eq(UidValue::from(new.id)),
        user_uid.eq(UidValue::from(new.user)),
        purpose.eq(new.purpose.as_str()),
        hash.eq(&new.hash.as_bytes()[..]),
        expires_at.eq(InstantValue(new.at + new.purpose.lifetime())),
        created_at.eq(InstantValue(new.at)),
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
            )),
    )?;
    Ok(())
}

/// Whose token that is, if it is good for that purpose. It stays so.
///
/// # Errors
/// A failing database.
pub fn look(
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

/// Whose token that is, if it is good for that purpose. It is gone with this;
/// of two who spend it at once, one does.
///
/// # Errors
/// A failing database.
pub fn spend(
    conn: &mut Connection,
    purpose: MailedPurpose,
    hash: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    let good = mailed_tokens::table
        .filter(mailed_tokens::hash.eq(&hash.as_bytes()[..]))
        .filter(mailed_tokens::purpose.eq(purpose.as_str()))
        .filter(mailed_tokens::expires_at.gt(InstantValue(now)));
    let user: Option<UidValue> =
        conn.first(diesel::delete(good).returning(mailed_tokens::user_uid))?;
    Ok(user.map(UserId::from))
}

/// The user's token of that purpose, if it was issued after `since`.
///
/// # Errors
/// A failing database.
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

/// Makes a user's token of that purpose void, if there is one.
///
/// # Errors
/// A failing database.
pub fn withdraw(conn: &mut Connection, user: UserId, purpose: MailedPurpose) -> Result<(), Error> {
    let of_user = mailed_tokens::table
        .filter(mailed_tokens::user_uid.eq(UidValue::from(user)))
        .filter(mailed_tokens::purpose.eq(purpose.as_str()));
    conn.execute(diesel::delete(of_user))?;
    Ok(())
}
