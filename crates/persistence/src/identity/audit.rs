//! The audit log.

use std::net::IpAddr;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{AuditAction, AuditEntry, AuditId, NewId, UserId};
use recto_relations::{PageRequest, Paged, Seek};
use recto_relations_diesel::{Conditions, Selected as _};

use super::newest_first;
use crate::row::RowContext;
use crate::schema::audit;
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// Conditions on audit entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The action.
    pub action: Option<AuditAction>,
    /// The user, as actor or as subject.
    pub user: Option<UserId>,
}

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = audit, primary_key(uid), check_for_backend(Sqlite, Pg))]
struct AuditRow {
    uid: UidValue,
    action: String,
    actor_uid: Option<UidValue>,
    subject_uid: Option<UidValue>,
    address: Option<String>,
    request_id: Option<String>,
    detail: Option<String>,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = Error;

    fn try_from(row: AuditRow) -> Result<Self, Error> {
        let id = AuditId::from(row.uid);
        let context = RowContext { table: "audit", row: &id };
        let new_id = NewId::from_v7(row.uid.0)
            .ok_or_else(|| context.corrupt("uid", &"must be a UUIDv7, which contains the time"))?;
        let address = row.address.map(|address| address.parse()).transpose();
        Ok(Self {
            id,
            at: new_id.at(),
            action: row.action.parse().map_err(|reason| context.corrupt("action", &reason))?,
            actor_uid: row.actor_uid.map(UserId::from),
            subject_uid: row.subject_uid.map(UserId::from),
            address: address.map_err(|reason| context.corrupt("address", &reason))?,
            request_id: context.optional("request_id", row.request_id)?,
            detail: context.optional("detail", row.detail)?,
        })
    }
}

/// Inserts an entry, unless it is stored already. Its time is that of its key.
pub fn insert(conn: &mut Connection, entry: &AuditEntry) -> Result<(), Error> {
    let record = (
        audit::uid.eq(UidValue::from(entry.id)),
        audit::action.eq(entry.action.as_str()),
        audit::actor_uid.eq(entry.actor_uid.map(UidValue::from)),
        audit::subject_uid.eq(entry.subject_uid.map(UidValue::from)),
        audit::address.eq(entry.address.map(|address| address.to_string())),
        audit::request_id.eq(entry.request_id.as_ref().map(AsRef::<str>::as_ref)),
        audit::detail.eq(entry.detail.as_ref().map(AsRef::<str>::as_ref)),
    );
    let insert = diesel::insert_into(audit::table).values(record);
    conn.execute(insert.on_conflict(audit::uid).do_nothing())?;
    Ok(())
}

/// Returns a page of entries, newest first. Takes one statement, or two for a user, and as many
/// again if the entry at its position no longer exists.
pub fn page(
    conn: &mut Connection,
    filter: &AuditFilter,
    request: &PageRequest<AuditId>,
) -> Result<Paged<AuditEntry>, Error> {
    super::page(
        request,
        |entry: &AuditEntry| entry.id,
        |seek| {
            let Some(user) = filter.user else { return newest(conn, filter.action, None, seek) };
            // Each column has an index in this order; a condition on both would need a sort.
            let mut entries = newest(conn, filter.action, Some(Party::Actor(user)), seek)?;
            entries.extend(newest(conn, filter.action, Some(Party::Subject(user)), seek)?);
            entries.sort_unstable_by_key(|entry| entry.id);
            entries.dedup_by_key(|entry| entry.id);
            if !seek.backward {
                entries.reverse();
            }
            entries.truncate(usize::try_from(seek.limit).unwrap_or(usize::MAX));
            Ok(entries)
        },
    )
}

/// Counts entries, up to `limit`.
pub fn count(conn: &mut Connection, filter: &AuditFilter, limit: u32) -> Result<u32, Error> {
    let mut conditions = Conditions::new();
    add_action(&mut conditions, filter.action);
    if let Some(user) = filter.user.map(UidValue::from) {
        conditions.add(audit::actor_uid.eq(user).or(audit::subject_uid.eq(user)));
    }
    conn.count_matching::<audit::table>(conditions, limit)
}

/// Returns the IP addresses of the newest sign-ins to an account and resets of its password, at
/// most `limit` of each. Takes two statements, also for a user who does not exist.
pub fn sign_in_addresses(
    conn: &mut Connection,
    user: UserId,
    limit: u32,
) -> Result<Vec<IpAddr>, Error> {
    let (sign_in, reset) = (AuditAction::SignIn, AuditAction::PasswordReset);
    let first = &Seek::first(limit);
    let mut entries = newest(conn, Some(sign_in), Some(Party::Actor(user)), first)?;
    entries.extend(newest(conn, Some(reset), Some(Party::Subject(user)), first)?);
    Ok(entries.into_iter().filter_map(|entry| entry.address).collect())
}

/// A user in one of the two columns.
#[derive(Debug, Clone, Copy)]
enum Party {
    Actor(UserId),
    Subject(UserId),
}

/// Returns a part of the entries.
fn newest(
    conn: &mut Connection,
    action: Option<AuditAction>,
    party: Option<Party>,
    seek: &Seek<'_, AuditId>,
) -> Result<Vec<AuditEntry>, Error> {
    let (mut conditions, order) = newest_first(audit::uid, seek);
    add_action(&mut conditions, action);
    match party {
        Some(Party::Actor(user)) => conditions.add(audit::actor_uid.eq(UidValue::from(user))),
        Some(Party::Subject(user)) => conditions.add(audit::subject_uid.eq(UidValue::from(user))),
        None => {}
    }
    let query = audit::table.filter(conditions).order_by(order).limit(i64::from(seek.limit));
    let rows = conn.load(query.select(AuditRow::selection()))?;
    rows.into_iter().map(|row: AuditRow| row.try_into()).collect()
}

fn add_action(conditions: &mut Conditions<audit::table>, action: Option<AuditAction>) {
    if let Some(action) = action {
        conditions.add(audit::action.eq(action.as_str()));
    }
}
