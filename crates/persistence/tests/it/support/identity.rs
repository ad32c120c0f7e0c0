//! Users with accounts and sessions.

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{
    Account, Device, Email, IdGenerator as _, PasswordHash, Role, SecretHash, SessionId,
    TokenPairId, User, UserId, Username,
};
use recto_persistence::Connection;
use recto_persistence::identity::account;
use recto_persistence::identity::session::{self, NewSession, NextPair, Rotation, rotate};
use recto_testkit::database::FreshDatabase;
use recto_testkit::ids::SequentialIds;

/// Returns the present time of the tests.
pub(crate) fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

pub(crate) fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.org")).unwrap()
}

pub(crate) fn password(words: &str) -> PasswordHash {
    PasswordHash(format!("$argon2id$ of {words}"))
}

/// Inserts a user with an account.
pub(crate) fn person(conn: &mut Connection, ids: &SequentialIds, name: &str, role: Role) -> UserId {
    let user = User::new(ids.new_id(), Username::parse_reserved(name).unwrap(), None, None);
    conn.insert(user.clone()).unwrap();
    let mut account = Account::new(user.uid, email(name), role);
    // Only verified administrators count.
    account.verified = role == Role::Admin;
    account::insert(conn, &account, &password("old"), user.created_at).unwrap();
    user.uid
}

/// A session and its first token pair.
pub(crate) struct SignedIn {
    pub(crate) session: SessionId,
    pub(crate) pair: TokenPairId,
    pub(crate) refresh: SecretHash,
}

pub(crate) fn sign_in(
    conn: &mut Connection,
    ids: &SequentialIds,
    user: UserId,
    at: DateTime<Utc>,
) -> SignedIn {
    let signed_in = SignedIn {
        session: SessionId::from_uuid(ids.new_id().uid()),
        pair: TokenPairId::from_uuid(ids.new_id().uid()),
        refresh: SecretHash::from_bytes(ids.random()),
    };
    let new = NewSession {
        id: signed_in.session,
        user,
        pair: signed_in.pair,
        refresh: Some(signed_in.refresh),
        device: &Device::default(),
        at,
        expires_at: recto_domain::Session::expiry(at, at),
    };
    session::open(conn, &new).unwrap();
    signed_in
}

pub(crate) fn next(ids: &SequentialIds) -> NextPair {
    NextPair {
        id: TokenPairId::from_uuid(ids.new_id().uid()),
        refresh: SecretHash::from_bytes(ids.random()),
    }
}

/// Refreshes and returns the next pair.
pub(crate) fn refreshed(
    conn: &mut Connection,
    ids: &SequentialIds,
    presented: &SecretHash,
    now: DateTime<Utc>,
) -> NextPair {
    let next = next(ids);
    let rotation = rotate(conn, presented, &next, now).unwrap();
    assert!(matches!(rotation, Rotation::Renewed { .. }), "{rotation:?}");
    next
}

/// Counts rows.
pub(crate) fn count(database: &FreshDatabase, rows: &str) -> u64 {
    let counted = database.rows(&format!("SELECT CAST(count(*) AS TEXT) AS line FROM {rows}"));
    counted[0].as_u64().unwrap()
}
