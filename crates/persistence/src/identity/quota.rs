//! Counting what accounts own and create, for quotas.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use recto_domain::{QuotaItem, UserId};
use recto_relations_diesel::{Engine, Lock, Locked};

use crate::schema::{api_keys, authors, books, creation_windows, reviews, tags, users};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// Returns how much a user owns, including what the transaction has inserted. The user is locked
/// until the transaction ends, so that of concurrent transactions each counts what those before it
/// have inserted.
pub fn count(conn: &mut Connection, user: UserId, owned: QuotaItem) -> Result<u64, Error> {
    lock(conn, user)?;
    let user = UidValue::from(user);
    let rows: Option<i64> = match owned {
        QuotaItem::Books => conn.first(books::table.filter(books::user_uid.eq(user)).count()),
        QuotaItem::Reviews => conn.first(reviews::table.filter(reviews::user_uid.eq(user)).count()),
        QuotaItem::Tags => conn.first(tags::table.filter(tags::creator_uid.eq(user)).count()),
        QuotaItem::Authors => {
            conn.first(authors::table.filter(authors::creator_uid.eq(user)).count())
        }
        QuotaItem::ApiKeys => {
            conn.first(api_keys::table.filter(api_keys::user_uid.eq(user)).count())
        }
    }?;
    Ok(rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or_default())
}

/// The duration of a creation window.
pub const WINDOW: TimeDelta = TimeDelta::hours(24);

/// A part of what a user may create within the creation window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The reserved number; 0 if less than the required number remained.
    pub reserved: u32,
    /// The number that can still be reserved.
    pub remaining: u32,
    /// The end of the window. The next one begins with the next creation.
    pub ends_at: DateTime<Utc>,
}

/// Reserves at least `required`, and if possible `wanted`, of the `limit` that a user may create
/// within 24 hours. Several servers share the limit.
pub fn reserve(
    conn: &mut Connection,
    user: UserId,
    [required, wanted, limit]: [u32; 3],
    now: DateTime<Utc>,
) -> Result<Reservation, Error> {
    lock(conn, user)?;
    let window: Option<(InstantValue, i32)> = conn.first(
        creation_windows::table
            .find(UidValue::from(user))
            .filter(creation_windows::ends_at.gt(InstantValue(now)))
            .select((creation_windows::ends_at, creation_windows::used)),
    )?;
    let (InstantValue(ends_at), before) = window.unwrap_or((InstantValue(now + WINDOW), 0));
    let before = u32::try_from(before).unwrap_or_default();
    let remaining = limit.saturating_sub(before);
    if remaining < required {
        return Ok(Reservation { reserved: 0, remaining, ends_at });
    }
    let reserved = wanted.max(required).min(remaining);
    let after = i32::try_from(before + reserved).unwrap_or(i32::MAX);
    let set =
        (creation_windows::ends_at.eq(InstantValue(ends_at)), creation_windows::used.eq(after));
    let insert = diesel::insert_into(creation_windows::table)
        .values((creation_windows::user_uid.eq(UidValue::from(user)), set));
    conn.execute(insert.on_conflict(creation_windows::user_uid).do_update().set(set))?;
    Ok(Reservation { reserved, remaining: remaining - reserved, ends_at })
}

/// Locks a user until the transaction ends. SQLite has one writer anyway.
fn lock(conn: &mut Connection, user: UserId) -> Result<(), Error> {
    if conn.engine() == Engine::Postgres {
        let user = users::table.find(UidValue::from(user)).select(users::uid);
        conn.first::<UidValue>(Locked::new(user, Lock::NoKeyUpdate))?;
    }
    Ok(())
}
