//! API keys.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{Account, ApiKey, ApiKeyId, Scopes, SecretHash, UserId};
use recto_relations::{PageRequest, Paged};
use recto_relations_diesel::{Conditions, Selected as _};

use super::account::AccountRow;
use super::newest_first;
use crate::row::RowContext;
use crate::schema::{accounts, api_keys};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

/// The account and the scopes of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedKey {
    /// The account of its owner.
    pub account: Account,
    /// The id of the key.
    pub key: ApiKeyId,
    /// The scopes of the key.
    pub scopes: Scopes,
    /// The last recorded use.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl AuthenticatedKey {
    /// Returns whether a use at `now` should be recorded, by [`record_use`].
    pub fn should_record_use(&self, now: DateTime<Utc>) -> bool {
        self.last_used_at.is_none_or(|used| used <= now - USE_INTERVAL)
    }
}

/// The interval between recorded uses of a key, so that reads rarely write.
const USE_INTERVAL: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = api_keys, primary_key(uid), check_for_backend(Sqlite, Pg))]
struct ApiKeyRow {
    uid: UidValue,
    name: String,
    hint: String,
    scopes: String,
    created_at: InstantValue,
    expires_at: Option<InstantValue>,
    last_used_at: Option<InstantValue>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = Error;

    fn try_from(row: ApiKeyRow) -> Result<Self, Error> {
        let id = ApiKeyId::from(row.uid);
        let context = RowContext { table: "api_keys", row: &id };
        Ok(Self {
            name: context.column("name", row.name)?,
            scopes: read_scopes(&context, &row.scopes)?,
            hint: row.hint,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
            id,
        })
    }
}

/// Inserts an API key of a user.
pub fn insert(
    conn: &mut Connection,
    user: UserId,
    key: &ApiKey,
    hash: &SecretHash,
) -> Result<(), Error> {
    let record = (
        api_keys::uid.eq(UidValue::from(key.id)),
        api_keys::user_uid.eq(UidValue::from(user)),
        api_keys::name.eq(key.name.as_str()),
        api_keys::hash.eq(&hash.as_bytes()[..]),
        api_keys::hint.eq(&key.hint),
        api_keys::scopes.eq(key.scopes.to_string()),
        api_keys::created_at.eq(InstantValue(key.created_at)),
        api_keys::expires_at.eq(key.expires_at.map(InstantValue)),
        api_keys::last_used_at.eq(key.last_used_at.map(InstantValue)),
    );
    conn.execute(diesel::insert_into(api_keys::table).values(record))?;
    Ok(())
}

/// Returns the account and the scopes of the API key with this hash, in one statement. Returns
/// `None` if the key does not exist or has expired, or the account is disabled.
pub fn authenticate(
    conn: &mut Connection,
    hash: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<AuthenticatedKey>, Error> {
    let lasts = api_keys::expires_at
        .is_null()
        .or(api_keys::expires_at.gt(InstantValue(now)).assume_not_null());
    let row = conn.first::<(AccountRow, ApiKeyRow)>(
        api_keys::table
            .inner_join(accounts::table.on(accounts::user_uid.eq(api_keys::user_uid)))
            .filter(api_keys::hash.eq(&hash.as_bytes()[..]))
            .filter(lasts)
            .filter(accounts::disabled.eq(false))
            .select((AccountRow::selection(), ApiKeyRow::selection())),
    )?;
    let Some((account, row)) = row else { return Ok(None) };
    let key = ApiKeyId::from(row.uid);
    Ok(Some(AuthenticatedKey {
        account: account.try_into()?,
        scopes: read_scopes(&RowContext { table: "api_keys", row: &key }, &row.scopes)?,
        last_used_at: row.last_used_at.map(|at| at.0),
        key,
    }))
}

/// Records that a key was used at `now`, unless a use in the last minute is recorded.
pub fn record_use(conn: &mut Connection, id: ApiKeyId, now: DateTime<Utc>) -> Result<(), Error> {
    let stale = api_keys::last_used_at
        .is_null()
        .or(api_keys::last_used_at.le(InstantValue(now - USE_INTERVAL)).assume_not_null());
    conn.execute(
        diesel::update(api_keys::table.find(UidValue::from(id)).filter(stale))
            .set(api_keys::last_used_at.eq(InstantValue(now))),
    )?;
    Ok(())
}

/// Returns a page of the API keys of a user, newest first, including expired ones.
pub fn page(
    conn: &mut Connection,
    user: UserId,
    request: &PageRequest<ApiKeyId>,
) -> Result<Paged<ApiKey>, Error> {
    super::page(
        request,
        |key: &ApiKey| key.id,
        |seek| {
            let (mut conditions, order) = newest_first(api_keys::uid, seek);
            conditions.add(api_keys::user_uid.eq(UidValue::from(user)));
            let query =
                api_keys::table.filter(conditions).order_by(order).limit(i64::from(seek.limit));
            let rows = conn.load(query.select(ApiKeyRow::selection()))?;
            rows.into_iter().map(|row: ApiKeyRow| row.try_into()).collect()
        },
    )
}

/// Counts the API keys of a user, up to `limit`, including expired ones.
pub fn count(conn: &mut Connection, user: UserId, limit: u32) -> Result<u32, Error> {
    let mut conditions = Conditions::new();
    conditions.add(api_keys::user_uid.eq(UidValue::from(user)));
    conn.count_matching::<api_keys::table>(conditions, limit)
}

/// Returns an API key of a user.
pub fn find(conn: &mut Connection, user: UserId, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    let row = conn.first(
        api_keys::table
            .find(UidValue::from(id))
            .filter(api_keys::user_uid.eq(UidValue::from(user)))
            .select(ApiKeyRow::selection()),
    )?;
    row.map(|row: ApiKeyRow| ApiKey::try_from(row)).transpose()
}

/// Deletes an API key of a user. Returns whether it existed.
pub fn delete(conn: &mut Connection, user: UserId, id: ApiKeyId) -> Result<bool, Error> {
    let own = api_keys::table
        .find(UidValue::from(id))
        .filter(api_keys::user_uid.eq(UidValue::from(user)));
    let deleted = conn.execute(diesel::delete(own))?;
    Ok(deleted > 0)
}

/// Deletes all API keys of a user. Returns their number.
pub fn delete_all(conn: &mut Connection, user: UserId) -> Result<usize, Error> {
    let own = api_keys::table.filter(api_keys::user_uid.eq(UidValue::from(user)));
    conn.execute(diesel::delete(own))
}

fn read_scopes(context: &RowContext<'_, ApiKeyId>, words: &str) -> Result<Scopes, Error> {
    words.parse().map_err(|reason| context.corrupt("scopes", &reason))
}
