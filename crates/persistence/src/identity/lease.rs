//! Leases: work that one server process does at a time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::query_dsl::methods;
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::schema::leases;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// Acquires a lease until a time, or renews it. Returns `false` if another holder's lease has not
/// expired.
///
/// # Errors
/// A database error, such as a name that is empty or longer than 50 characters.
pub fn acquire(
    conn: &mut Connection,
    name: &str,
    holder: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, Error> {
    let record = (
        leases::name.eq(name),
        leases::holder.eq(UidValue(holder)),
        leases::until.eq(InstantValue(until)),
    );
    let is_free = leases::until.le(InstantValue(now)).or(leases::holder.eq(UidValue(holder)));
    let upsert = diesel::insert_into(leases::table)
        .values(record)
        .on_conflict(leases::name)
        .do_update()
        .set((
            leases::holder.eq(excluded(leases::holder)),
            leases::until.eq(excluded(leases::until)),
        ));
    let acquired = conn.execute(methods::FilterDsl::filter(upsert, is_free))?;
    Ok(acquired > 0)
}

/// Reads a lease and discards it, to prove that the database can be read.
pub(crate) fn read(conn: &mut Connection, name: &str) -> Result<(), Error> {
    let until = leases::table.filter(leases::name.eq(name)).select(leases::until);
    conn.first::<InstantValue>(until)?;
    Ok(())
}

/// Releases a lease, if `holder` has it.
pub fn release(conn: &mut Connection, name: &str, holder: Uuid) -> Result<(), Error> {
    let own = leases::table.filter(leases::name.eq(name).and(leases::holder.eq(UidValue(holder))));
    conn.execute(diesel::delete(own))?;
    Ok(())
}
