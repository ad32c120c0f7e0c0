//! The responses of a transaction's idempotency key: stored in it, and sent again.

use chrono::{DateTime, Utc};
use recto_persistence::identity::idempotency_key::{self, Claim, IdempotencyKey};

use super::WriteTransaction;
use crate::error::Error;
use crate::problem::{Problem, ProblemType};
use crate::response::Rendered;
use crate::stored_responses::StoredBytes;

/// Claims a key of the caller for the transaction, or returns the response that is stored for it.
///
/// # Errors
/// 409 if another request with the key does not end in time; 422, or 429, if the key was sent with
/// another request; a database error.
pub(super) fn claim(
    tx: &mut WriteTransaction<'_>,
    key: &IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<Option<Rendered>, Error> {
    let user = tx.caller()?.user_uid;
    match idempotency_key::claim(tx, user, key, now)? {
        Claim::New => Ok(None),
        Claim::Replayed(stored) => Ok(Some(Rendered::replayed(stored))),
        Claim::OtherRequest => {
            tx.count_write()?;
            Err(Problem::of(ProblemType::IdempotencyKeyReused).into())
        }
        Claim::InProgress => Err(Problem::of(ProblemType::RequestInProgress).into()),
    }
}

/// Stores the response for a claimed key, in the same transaction.
///
/// # Errors
/// A database error.
pub(super) fn store(
    tx: &mut WriteTransaction<'_>,
    key: &IdempotencyKey,
    response: &Rendered,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let user = tx.caller()?.user_uid;
    let stored = response.to_stored();
    let bytes = idempotency_key::response_bytes(stored.body.as_ref().map(Vec::len));
    idempotency_key::store(tx, user, key, &stored, now)?;
    let stored_bytes = tx.stored_bytes();
    if !stored_bytes.add(user, bytes) {
        let (max, kept) = (StoredBytes::DELETED_ABOVE, StoredBytes::KEPT);
        let remaining = idempotency_key::delete_oldest(tx, user, max, kept)?;
        stored_bytes.counted(user, remaining);
    }
    Ok(())
}
