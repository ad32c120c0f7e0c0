//! The outbox: mails to send.
//!
//! A mail is enqueued in the transaction that causes it and sent later, at least once. A claimed
//! mail is due again after a delay, unless it is marked as sent before.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use recto_domain::{
    Email, MailDetail, MailId, MailKind, MailedTokenId, SecretHash, UserId, Username,
};
use recto_relations_diesel::{KeyIn, Lock, Locked};

use crate::row::RowContext;
use crate::schema::{mailed_tokens, mails, users};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The number of attempts to send a mail before it is marked as failed.
pub const MAX_ATTEMPTS: u32 = 12;

/// A mail to enqueue.
#[derive(Debug, Clone)]
pub struct NewMail<'a> {
    /// Its id.
    pub id: MailId,
    /// The recipient.
    pub user: UserId,
    /// Its kind.
    pub kind: MailKind,
    /// The token in it, if any.
    pub token: Option<MailedTokenId>,
    /// The recipient's e-mail address.
    pub recipient: &'a Email,
    /// The detail, such as a device, an API key or a change of role.
    pub detail: Option<&'a MailDetail>,
    /// The time at which it is enqueued and due.
    pub at: DateTime<Utc>,
}

/// A claimed mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// The recipient.
    pub user: UserId,
    /// The recipient's username.
    pub username: Username,
    /// Its kind.
    pub kind: MailKind,
    /// The recipient's e-mail address.
    pub recipient: Email,
    /// The detail, such as a device, an API key or a change of role.
    pub detail: Option<MailDetail>,
    /// The time at which it was enqueued.
    pub created_at: DateTime<Utc>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The token in it, if any.
    pub token: Option<MailedTokenId>,
    /// The hash of the token. `None` if the token was used or replaced or has expired, so that the
    /// mail is discarded.
    pub token_hash: Option<SecretHash>,
}

/// Returns the delay until a mail is due again: ten seconds after the first attempt, doubled after
/// each further one, at most an hour.
///
/// ```
/// use recto_persistence::identity::outbox::retry_delay;
///
/// let seconds = [1, 2, 9, 10, 12].map(|attempt| retry_delay(attempt).num_seconds());
/// assert_eq!(seconds, [10, 20, 2560, 3600, 3600]);
/// ```
pub fn retry_delay(attempt: u32) -> TimeDelta {
    // After nine doublings the maximum applies.
    let doublings = attempt.saturating_sub(1).min(9);
    TimeDelta::seconds(10 << doublings).min(TimeDelta::hours(1))
}

/// Enqueues a mail.
pub fn enqueue(conn: &mut Connection, new: &NewMail<'_>) -> Result<(), Error> {
    let record = (
        mails::uid.eq(UidValue::from(new.id)),
        mails::user_uid.eq(UidValue::from(new.user)),
        mails::kind.eq(new.kind.as_str()),
        mails::token_uid.eq(new.token.map(UidValue::from)),
        mails::recipient.eq(new.recipient.as_str()),
        mails::detail.eq(new.detail.map(MailDetail::as_str)),
        mails::created_at.eq(InstantValue(new.at)),
        mails::attempts.eq(0),
        mails::next_attempt_at.eq(InstantValue(new.at)),
    );
    conn.execute(diesel::insert_into(mails::table).values(record))?;
    Ok(())
}

/// Claims at most `limit` due mails, those due longest first. They are due again after the
/// [`retry_delay`]. Mails with [`MAX_ATTEMPTS`] attempts are marked as failed instead.
pub fn claim(conn: &mut Connection, limit: u32, now: DateTime<Utc>) -> Result<Vec<Mail>, Error> {
    conn.transaction(|conn| {
        let mut claimed = Vec::new();
        for (attempts, mails) in lock_due(conn, limit, now)? {
            if attempts >= MAX_ATTEMPTS {
                fail(conn, &mails, now)?;
            } else {
                schedule_retry(conn, &mails, attempts + 1, now)?;
                claimed.extend(mails);
            }
        }
        if claimed.is_empty() { Ok(Vec::new()) } else { read(conn, &claimed, now) }
    })
}

/// Marks a mail as sent.
pub fn mark_sent(conn: &mut Connection, id: MailId, now: DateTime<Utc>) -> Result<(), Error> {
    conn.execute(
        diesel::update(mails::table.find(UidValue::from(id)))
            .set(mails::sent_at.eq(InstantValue(now))),
    )?;
    Ok(())
}

/// Marks a mail as failed.
pub fn mark_failed(conn: &mut Connection, id: MailId, now: DateTime<Utc>) -> Result<(), Error> {
    fail(conn, &[id], now)
}

/// Deletes a mail that is discarded.
pub fn delete(conn: &mut Connection, id: MailId) -> Result<(), Error> {
    conn.execute(diesel::delete(mails::table.find(UidValue::from(id))))?;
    Ok(())
}

/// Returns the number of mails that are neither sent nor marked as failed.
pub fn waiting(conn: &mut Connection) -> Result<usize, Error> {
    let count: Option<i64> = conn.first(
        mails::table
            .filter(mails::sent_at.is_null())
            .filter(mails::failed_at.is_null())
            .select(count_star()),
    )?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
}

/// Returns the time at which the next mail is due, if there is one.
pub fn next_due(conn: &mut Connection) -> Result<Option<DateTime<Utc>>, Error> {
    let next: Vec<InstantValue> = conn.load(
        mails::table
            .filter(mails::sent_at.is_null())
            .filter(mails::failed_at.is_null())
            .order_by(mails::next_attempt_at)
            .select(mails::next_attempt_at)
            .limit(1),
    )?;
    Ok(next.first().map(|at| at.0))
}

#[derive(Debug, Queryable)]
struct MailRow {
    uid: UidValue,
    user_uid: UidValue,
    username: String,
    kind: String,
    recipient: String,
    detail: Option<String>,
    created_at: InstantValue,
    attempts: i32,
    token_uid: Option<UidValue>,
    token_hash: Option<Vec<u8>>,
}

impl TryFrom<MailRow> for Mail {
    type Error = Error;

    fn try_from(row: MailRow) -> Result<Self, Error> {
        let (id, user) = (MailId::from(row.uid), UserId::from(row.user_uid));
        let context = RowContext { table: "mails", row: &id };
        Ok(Self {
            user,
            username: RowContext { table: "users", row: &user }.column("username", row.username)?,
            kind: row.kind.parse().map_err(|reason| context.corrupt("kind", &reason))?,
            recipient: context.column("recipient", row.recipient)?,
            detail: context.optional("detail", row.detail)?,
            created_at: row.created_at.0,
            attempt: u32::try_from(row.attempts)
                .map_err(|reason| context.corrupt("attempts", &reason))?,
            token: row.token_uid.map(MailedTokenId::from),
            token_hash: RowContext { table: "mailed_tokens", row: &id }
                .optional("hash", row.token_hash)?,
            id,
        })
    }
}

/// Returns due mails by their number of attempts, locked until the transaction ends, without those
/// that other transactions have locked.
fn lock_due(
    conn: &mut Connection,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<BTreeMap<u32, Vec<MailId>>, Error> {
    let due = mails::table
        .filter(mails::sent_at.is_null())
        .filter(mails::failed_at.is_null())
        .filter(mails::next_attempt_at.le(InstantValue(now)))
        .order_by((mails::next_attempt_at, mails::uid))
        .limit(i64::from(limit))
        .select((mails::uid, mails::attempts));
    let due: Vec<(UidValue, i32)> = conn.load(Locked::new(due, Lock::UpdateSkipLocked))?;
    let mut by_attempts: BTreeMap<u32, Vec<MailId>> = BTreeMap::new();
    for (uid, attempts) in due {
        let mails = by_attempts.entry(u32::try_from(attempts).unwrap_or_default()).or_default();
        mails.push(MailId::from(uid));
    }
    Ok(by_attempts)
}

fn schedule_retry(
    conn: &mut Connection,
    mails: &[MailId],
    attempt: u32,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let claimed =
        mails::table.filter(KeyIn::new(mails::uid, mails.iter().copied().map(UidValue::from)));
    conn.execute(diesel::update(claimed).set((
        mails::attempts.eq(i32::try_from(attempt).unwrap_or(i32::MAX)),
        mails::next_attempt_at.eq(InstantValue(now + retry_delay(attempt))),
    )))?;
    Ok(())
}

fn fail(conn: &mut Connection, mails: &[MailId], now: DateTime<Utc>) -> Result<(), Error> {
    let failed =
        mails::table.filter(KeyIn::new(mails::uid, mails.iter().copied().map(UidValue::from)));
    conn.execute(diesel::update(failed).set(mails::failed_at.eq(InstantValue(now))))?;
    Ok(())
}

fn read(conn: &mut Connection, mails: &[MailId], now: DateTime<Utc>) -> Result<Vec<Mail>, Error> {
    let is_valid = mails::token_uid
        .eq(mailed_tokens::uid.nullable())
        .and(mailed_tokens::expires_at.gt(InstantValue(now)).nullable());
    let rows = conn.load(
        mails::table
            .inner_join(users::table)
            .left_join(mailed_tokens::table.on(is_valid))
            .filter(KeyIn::new(mails::uid, mails.iter().copied().map(UidValue::from)))
            .order_by(mails::uid)
            .select((
                mails::uid,
                mails::user_uid,
                users::username,
                mails::kind,
                mails::recipient,
                mails::detail,
                mails::created_at,
                mails::attempts,
                mails::token_uid,
                mailed_tokens::hash.nullable(),
            )),
    )?;
    rows.into_iter().map(|row: MailRow| row.try_into()).collect()
}
