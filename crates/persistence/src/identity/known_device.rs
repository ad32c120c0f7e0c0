//! Devices that users have signed in on.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use recto_domain::{DeviceFingerprint, UserId};

use crate::schema::known_devices;
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The number of devices of a user that are stored, those used last.
pub const MAX_DEVICES: u32 = 50;

/// Records that a user signs in on a device. Returns whether the device is new.
pub fn record(
    conn: &mut Connection,
    user: UserId,
    device: &DeviceFingerprint,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let fingerprint = &device.as_bytes()[..];
    let known = known_devices::table.find((UidValue::from(user), fingerprint));
    let last_used_at = known_devices::last_used_at.eq(InstantValue(at));
    if conn.execute(diesel::update(known).set(last_used_at))? > 0 {
        return Ok(false);
    }
    conn.execute(
        diesel::insert_into(known_devices::table)
            .values((
                known_devices::user_uid.eq(UidValue::from(user)),
                known_devices::fingerprint.eq(fingerprint),
                last_used_at,
            ))
            .on_conflict_do_nothing(),
    )?;
    forget_oldest(conn, user)?;
    Ok(true)
}

/// Deletes all devices of a user.
pub fn forget_all(conn: &mut Connection, user: UserId) -> Result<(), Error> {
    let own = known_devices::table.filter(known_devices::user_uid.eq(UidValue::from(user)));
    conn.execute(diesel::delete(own))?;
    Ok(())
}

/// Deletes the devices beyond [`MAX_DEVICES`].
fn forget_oldest(conn: &mut Connection, user: UserId) -> Result<(), Error> {
    let own = known_devices::table.filter(known_devices::user_uid.eq(UidValue::from(user)));
    let oldest = own
        .order_by((known_devices::last_used_at.desc(), known_devices::fingerprint))
        .offset(i64::from(MAX_DEVICES))
        .limit(i64::from(MAX_DEVICES))
        .select(known_devices::fingerprint);
    let oldest: Vec<Vec<u8>> = conn.load(oldest)?;
    for fingerprint in oldest {
        let device = known_devices::table.find((UidValue::from(user), fingerprint));
        conn.execute(diesel::delete(device))?;
    }
    Ok(())
}
