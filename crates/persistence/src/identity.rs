//! Accounts, sessions, API keys, mail and the audit log.
//!
//! Times are arguments, and secrets are passed as hashes. Callers use
//! [`Database::write`](crate::Database::write) to combine operations in a transaction.

use diesel::query_source::Column;
use recto_relations::{KeysetPosition, PageRequest, Paged, Seek};
use recto_relations_diesel::{Conditions, OrderBy, Sql};

use crate::Error;
use crate::sql_types::UidValue;

pub mod account;
pub mod api_key;
pub mod audit;
pub mod idempotency_key;
pub mod known_device;
pub mod lease;
pub mod mail_request;
pub mod mailed_token;
pub mod outbox;
pub mod password_reset;
pub mod prune;
pub mod quota;
mod rotation;
pub mod session;
pub mod sign_in;

/// Loads a page of items, newest first, by a query for a part of them.
fn page<T, K: Copy + PartialEq>(
    request: &PageRequest<K>,
    key: impl Fn(&T) -> K,
    load: impl FnMut(&Seek<'_, K>) -> Result<Vec<T>, Error>,
) -> Result<Paged<T>, Error> {
    Paged::load(request, |item| KeysetPosition { values: Vec::new(), key: key(item) }, load)
}

/// Returns the condition and the order of a part of a table.
fn newest_first<C, K: Copy>(column: C, seek: &Seek<'_, K>) -> (Conditions<C::Table>, OrderBy)
where
    C: Column + Sql + Default + 'static,
    UidValue: From<K>,
{
    recto_relations_diesel::newest_first::<C, UidValue, K>(column, seek)
}
