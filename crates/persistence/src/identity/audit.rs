//! The audit.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{AuditAction, AuditEntry, AuditId, Stamp, UserId};

use super::{Listed, before};
use crate::connection::{Engine, on_engine};
use crate::query::SqlKey as _;
use crate::relation::entities;
use crate::row::Reading;
use crate::schema::audit;
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// Which entries of the audit are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those that tell of this.
    pub action: Option<AuditAction>,
    /// Those that this user did or that were done to it.
    pub user: Option<UserId>,
}

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = audit, primary_key(uid))]
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
        let id = AuditId::from_uuid(row.uid.0);
        let reading = Reading { table: "audit", row: &id };
        let stamp = Stamp::from_v7(row.uid.0)
            .ok_or_else(|| reading.corrupt("uid", &"must be a UUIDv7, which tells its moment"))?;
        let address = row.address.map(|address| address.parse()).transpose();
        Ok(Self {
            id,
            at: stamp.at(),
            action: row.action.parse().map_err(|reason| reading.corrupt("action", &reason))?,
            actor_uid: row.actor_uid.map(|user| UserId::from_uuid(user.0)),
            subject_uid: row.subject_uid.map(|user| UserId::from_uuid(user.0)),
            address: address.map_err(|reason| reading.corrupt("address", &reason))?,
            request_id: reading.optional("request_id", row.request_id)?,
            detail: reading.optional("detail", row.detail)?,
        })
    }
}

/// Adds an entry. Its moment is that of its key.
///
/// # Errors
/// A failing database.
pub fn insert(conn: &mut Connection, entry: &AuditEntry) -> Result<(), Error> {
    let record = (
        audit::uid.eq(entry.id.value()),
        audit::action.eq(entry.action.as_str()),
        audit::actor_uid.eq(entry.actor_uid.map(UserId::value)),
        audit::subject_uid.eq(entry.subject_uid.map(UserId::value)),
        audit::address.eq(entry.address.map(|address| address.to_string())),
        audit::request_id.eq(entry.request_id.as_ref().map(AsRef::<str>::as_ref)),
        audit::detail.eq(entry.detail.as_ref().map(AsRef::<str>::as_ref)),
    );
    on_engine!(conn, c => {
        diesel::insert_into(audit::table).values(record).execute(c)?
    });
    Ok(())
}

/// The entries that are asked for, the newest first: at most `limit`, behind
/// `after` if that is given. One statement, or two where a user is asked for.
///
/// # Errors
/// A failing database.
pub fn page(
    conn: &mut Connection,
    filter: &AuditFilter,
    after: Option<AuditId>,
    limit: u32,
) -> Result<Listed<AuditEntry>, Error> {
    let Some(user) = filter.user else {
        let entries = newest(conn, filter.action, None, after, limit)?;
        return Ok(Listed::of(entries, limit));
    };
    // Either end has an index that is in order; both at once would be sorted.
    let mut entries = newest(conn, filter.action, Some(End::Actor(user)), after, limit)?;
    entries.extend(newest(conn, filter.action, Some(End::Subject(user)), after, limit)?);
    entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
    entries.dedup_by_key(|entry| entry.id);
    Ok(Listed::of(entries, limit))
}

/// An end of what happened, and who is there.
#[derive(Debug, Clone, Copy)]
enum End {
    Actor(UserId),
    Subject(UserId),
}

/// One entry more than were asked for, if there are as many.
fn newest(
    conn: &mut Connection,
    action: Option<AuditAction>,
    end: Option<End>,
    after: Option<AuditId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, Error> {
    macro_rules! rows {
        ($engine:ty, $conn:ident) => {{
            let mut query = audit::table.select(AuditRow::as_select()).into_boxed::<$engine>();
            if let Some(action) = action {
                query = query.filter(audit::action.eq(action.as_str()));
            }
            query = match end {
                Some(End::Actor(user)) => query.filter(audit::actor_uid.eq(user.value())),
                Some(End::Subject(user)) => query.filter(audit::subject_uid.eq(user.value())),
                None => query,
            };
            query
                .filter(audit::uid.lt(before(after)))
                .order_by(audit::uid.desc())
                .limit(i64::from(limit) + 1)
                .load::<AuditRow>($conn)?
        }};
    }
    entities(match &mut conn.engine {
        Engine::Sqlite(c) => rows!(Sqlite, c),
        Engine::Postgres(c) => rows!(Pg, c),
    })
}
