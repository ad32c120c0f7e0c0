//! Requests for mails, to any e-mail address.
//!
//! The request that asks for a mail only inserts a row, whether or not the e-mail address has an
//! account, so that its statements do not depend on that. The mail worker handles the row later.

use diesel::prelude::*;
use recto_domain::{Email, MailKind, MailRequestId};
use recto_relations_diesel::{Lock, Locked};

use crate::row::RowContext;
use crate::schema::mail_requests;
use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// A request for a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRequest {
    /// Its id; the oldest request has the lowest.
    pub id: MailRequestId,
    /// The kind of mail.
    pub kind: MailKind,
    /// The e-mail address, which may belong to no account.
    pub recipient: Email,
}

/// Stores a request.
pub fn insert(conn: &mut Connection, new: &MailRequest) -> Result<(), Error> {
    let record = (
        mail_requests::uid.eq(UidValue::from(new.id)),
        mail_requests::kind.eq(new.kind.as_str()),
        mail_requests::recipient.eq(new.recipient.as_str()),
    );
    conn.execute(diesel::insert_into(mail_requests::table).values(record))?;
    Ok(())
}

/// Returns whether there are requests.
pub fn any(conn: &mut Connection) -> Result<bool, Error> {
    let found: Vec<UidValue> =
        conn.load(mail_requests::table.select(mail_requests::uid).limit(1))?;
    Ok(!found.is_empty())
}

/// Deletes the oldest request, with those that repeat it, and returns it. Requests that another
/// transaction has locked are skipped.
pub fn take(conn: &mut Connection) -> Result<Option<MailRequest>, Error> {
    let oldest = mail_requests::table.order_by(mail_requests::uid).limit(1).select((
        mail_requests::uid,
        mail_requests::kind,
        mail_requests::recipient,
    ));
    let locked = Locked::new(oldest, Lock::UpdateSkipLocked);
    let Some((uid, kind, recipient)) = conn.first::<(UidValue, String, String)>(locked)? else {
        return Ok(None);
    };
    let repeated = mail_requests::table
        .filter(mail_requests::kind.eq(&kind))
        .filter(mail_requests::recipient.eq(&recipient));
    conn.execute(diesel::delete(repeated))?;
    let id = MailRequestId::from(uid);
    let context = RowContext { table: "mail_requests", row: &id };
    Ok(Some(MailRequest {
        kind: kind.parse().map_err(|reason| context.corrupt("kind", &reason))?,
        recipient: context.column("recipient", recipient)?,
        id,
    }))
}
