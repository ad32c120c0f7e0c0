//! Deleting expired and old rows, and the lease for it.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{
    Account, ApiKey, ApiKeyId, ApiKeyName, AuditAction, AuditEntry, Clock as _, DeviceFingerprint,
    IdGenerator as _, MailId, MailKind, MailedPurpose, MailedTokenId, NewId, Role, Scopes, Secret,
    SecretHash, Session, User,
};
use recto_persistence::identity::audit;
use recto_persistence::identity::idempotency_key::{self, Claim, IdempotencyKey, StoredResponse};
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_persistence::identity::prune::{Pruned, RETENTION, prune, prune_unverified};
use recto_persistence::identity::{account, api_key, known_device, lease};
use recto_persistence::{Connection, Error};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};
use recto_testkit::ids::SequentialIds;
use uuid::Uuid;

use crate::support::identity::{count, email, noon, password, person, refreshed, seconds, sign_in};

both_engines!(
    lease_is_exclusive_until_expiry,
    concurrent_acquires_succeed_once,
    unexpired_rows_are_not_pruned,
    expired_rows_are_pruned_in_batches,
    key_used_again_is_not_pruned,
    unverified_accounts_are_deleted_in_time,
    unverified_accounts_are_deleted_in_batches,
    account_being_verified_is_not_deleted,
);

fn lease_is_exclusive_until_expiry(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let [one, other] = [1, 2].map(Uuid::from_u128);
    let mut take = |holder, from, until| {
        let (from, until) = (noon() + seconds(from), noon() + seconds(until));
        lease::acquire(conn, "prune", holder, from, until).unwrap()
    };
    assert!(take(one, 0, 60));
    assert!(!take(other, 59, 120));
    assert!(take(one, 30, 90), "renewed");
    assert!(!take(other, 89, 120));
    assert!(take(other, 90, 120), "expired");
    assert!(!take(one, 91, 200));
    lease::release(conn, "prune", one).unwrap();
    assert!(
        !lease::acquire(conn, "prune", one, noon(), noon()).unwrap(),
        "releasing needs the holder"
    );
    lease::release(conn, "prune", other).unwrap();
    assert!(lease::acquire(conn, "prune", one, noon(), noon()).unwrap());
    assert!(lease::acquire(conn, "another", other, noon(), noon()).unwrap());
}

fn concurrent_acquires_succeed_once(database: &FreshDatabase) {
    for round in 0..5 {
        let (start, name) = (Barrier::new(4), format!("round {round}"));
        let taken: Vec<bool> = thread::scope(|scope| {
            let taking = [1, 2, 3, 4].map(|holder| {
                let (start, name, mut conn) = (&start, &name, database.connection());
                scope.spawn(move || {
                    start.wait();
                    let until = noon() + seconds(60);
                    lease::acquire(&mut conn, name, Uuid::from_u128(holder), noon(), until).unwrap()
                })
            });
            taking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
    }
}

/// Inserts one of each kind of row that is deleted, but two token pairs.
fn insert_prunable(conn: &mut Connection, ids: &SequentialIds, name: &str) {
    let user = person(conn, ids, name, Role::User);
    account::set_verified(conn, user, noon()).unwrap();
    let device = DeviceFingerprint::from_bytes(ids.random());
    known_device::record(conn, user, &device, noon()).unwrap();
    let tokens = sign_in(conn, ids, user, noon());
    refreshed(conn, ids, &tokens.refresh, noon());
    let secret = Secret::api_key(ids.random());
    let api_key = ApiKey {
        id: ApiKeyId::from_uuid(ids.new_id().uid()),
        name: ApiKeyName::parse("export").unwrap(),
        scopes: Scopes::READ,
        hint: secret.hint().to_owned(),
        created_at: noon(),
        expires_at: Some(noon()),
        last_used_at: None,
    };
    api_key::insert(conn, user, &api_key, &SecretHash::from_bytes(ids.random())).unwrap();
    let token = NewMailedToken {
        id: MailedTokenId::from_uuid(ids.new_id().uid()),
        user,
        purpose: MailedPurpose::Verify,
        hash: SecretHash::from_bytes(ids.random()),
        at: noon(),
    };
    mailed_token::issue(conn, &token).unwrap();
    let mail = NewMail {
        id: MailId::from_uuid(ids.new_id().uid()),
        user,
        kind: MailKind::Verification,
        token: Some(token.id),
        recipient: &email(name),
        detail: None,
        at: noon(),
    };
    outbox::enqueue(conn, &mail).unwrap();
    let key = IdempotencyKey { key: name.to_owned(), request: ids.random() };
    assert_eq!(idempotency_key::claim(conn, user, &key, noon()).unwrap(), Claim::New);
    let response = StoredResponse { status: 204, location: None, etag: None, body: None };
    idempotency_key::store(conn, user, &key, &response, noon()).unwrap();
    let at_noon = NewId::new(millis(noon()), ids.random()[22..].try_into().unwrap());
    audit::insert(conn, &AuditEntry::new(at_noon, AuditAction::SignIn)).unwrap();
}

/// Between finding the expired keys and deleting them, one is used again.
fn key_used_again_is_not_pruned(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let user = person(conn, ids, "ada", Role::User);
    let key = |name: &str| IdempotencyKey { key: name.to_owned(), request: [1; 32] };
    let response = StoredResponse { status: 204, location: None, etag: None, body: None };
    let at = |seconds: i64| noon() + TimeDelta::seconds(seconds);
    for (name, stored_at) in [("first", at(0)), ("second", at(1))] {
        idempotency_key::store(conn, user, &key(name), &response, stored_at).unwrap();
    }
    let later = at(2) + idempotency_key::RETENTION;
    conn.begin_write().unwrap();
    // It deletes the first row, and so stops the pruning on PostgreSQL. SQLite has one writer.
    assert_eq!(idempotency_key::claim(conn, user, &key("first"), later).unwrap(), Claim::New);
    let pruning = {
        let mut conn = database.connection();
        thread::spawn(move || {
            conn.transaction(|conn| prune(conn, later, RETENTION, 10)).unwrap();
        })
    };
    thread::sleep(Duration::from_millis(200));
    if database.engine() == Engine::Postgres {
        let other = &mut database.connection();
        other.begin_write().unwrap();
        assert_eq!(idempotency_key::claim(other, user, &key("second"), later).unwrap(), Claim::New);
        idempotency_key::store(other, user, &key("second"), &response, later).unwrap();
        other.commit().unwrap();
    }
    idempotency_key::store(conn, user, &key("first"), &response, later).unwrap();
    conn.commit().unwrap();
    pruning.join().unwrap();
    let stored = Claim::Replayed(response);
    assert_eq!(idempotency_key::claim(conn, user, &key("first"), later).unwrap(), stored);
    if database.engine() == Engine::Postgres {
        assert_eq!(idempotency_key::claim(conn, user, &key("second"), later).unwrap(), stored);
    }
}

fn millis(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap()
}

fn unexpired_rows_are_not_pruned(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    insert_prunable(conn, ids, "ada");
    let mut pruned = |after: TimeDelta| prune(conn, noon() + after, RETENTION, 10).unwrap();
    let (tick, none) = (TimeDelta::milliseconds(1), Pruned::default());
    assert_eq!(pruned(MailedPurpose::Verify.lifetime() - tick), none);
    assert_eq!(idempotency_key::RETENTION, MailedPurpose::Verify.lifetime());
    assert_eq!(
        pruned(MailedPurpose::Verify.lifetime()),
        Pruned { mailed_tokens: 1, idempotency_keys: 1, ..none }
    );
    assert_eq!(pruned(Session::IDLE - tick), none);
    assert_eq!(pruned(Session::IDLE), Pruned { token_pairs: 2, sessions: 1, ..none });
    assert_eq!(pruned(Session::LONGEST - tick), none);
    assert_eq!(
        pruned(Session::LONGEST),
        Pruned { known_devices: 1, mails: 1, api_keys: 1, ..none }
    );
    assert_eq!(pruned(RETENTION + tick), Pruned { audit: 1, ..none });
    assert_eq!(count(database, "accounts"), 1, "accounts are not pruned");
}

fn expired_rows_are_pruned_in_batches(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    for name in ["ada", "bob", "cleo", "dora", "eve"] {
        insert_prunable(conn, ids, name);
    }
    let late = noon() + TimeDelta::days(365);
    let (mut total, mut batches) = (0, 0);
    loop {
        let (pruned, statements) = conn.recording(|conn| prune(conn, late, RETENTION, 2).unwrap());
        assert!(statements.len() <= 18, "{statements:?}");
        let Pruned { token_pairs, sessions, mailed_tokens, mails, .. } = pruned;
        let Pruned { api_keys, audit, known_devices, idempotency_keys, .. } = pruned;
        for rows in [token_pairs, sessions, mailed_tokens, mails] {
            assert!(rows <= 2, "{pruned:?}");
        }
        for rows in [api_keys, audit, known_devices, idempotency_keys] {
            assert!(rows <= 2, "{pruned:?}");
        }
        total += pruned.total();
        batches += 1;
        if !pruned.has_full_batch(2) {
            break;
        }
    }
    // Ten pairs, and five rows of each other table.
    assert_eq!(total, 45);
    assert!(batches >= 5, "{batches}");
    for table in [
        "token_pairs",
        "sessions",
        "mailed_tokens",
        "mails",
        "api_keys",
        "audit",
        "known_devices",
        "idempotency_keys",
    ] {
        assert_eq!(count(database, table), 0, "{table}");
    }
    let (_, statements) = conn.recording(|conn| prune(conn, late, RETENTION, 2).unwrap());
    assert_eq!(statements.len(), 8, "{statements:?}");
}

fn unverified_accounts_are_deleted_in_time(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [ada, bob, cleo] = ["ada", "bob", "cleo"].map(|name| person(conn, ids, name, Role::User));
    account::set_verified(conn, bob, noon()).unwrap();
    let account = account::of_user(conn, ada).unwrap().unwrap();
    let created = ids.now();
    sign_in(conn, ids, ada, created);
    let device = DeviceFingerprint::from_bytes(ids.random());
    known_device::record(conn, ada, &device, created).unwrap();
    let late = created + Account::VERIFY_WITHIN;
    let delete = |conn: &mut Connection, now| prune_unverified(conn, now, 10).unwrap();
    assert!(delete(conn, created).is_empty());
    assert_eq!(delete(conn, late), [cleo], "Ada has a session");
    assert!(delete(conn, late).is_empty());
    assert_eq!(prune(conn, late, RETENTION, 10).unwrap().sessions, 1);
    assert_eq!(delete(conn, late), [ada]);
    assert_eq!((count(database, "users"), count(database, "accounts")), (1, 1));
    // The e-mail address is free again.
    let again = User::new(ids.new_id(), "ada".parse().unwrap(), None, None);
    let account = Account { user_uid: again.uid, ..account };
    account::create(conn, again, &account, &password("new")).unwrap();
}

fn unverified_accounts_are_deleted_in_batches(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    for number in 0..5 {
        person(conn, ids, &format!("user{number}"), Role::User);
    }
    let late = ids.now() + Account::VERIFY_WITHIN;
    let batches = [(); 4].map(|()| prune_unverified(conn, late, 2).unwrap().len());
    assert_eq!(batches, [2, 2, 1, 0]);
}

fn account_being_verified_is_not_deleted(database: &FreshDatabase) {
    if database.engine() == Engine::Sqlite {
        // It has one writer at a time.
        return;
    }
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let late = ids.now() + Account::VERIFY_WITHIN;
    let mut other = database.connection();
    other
        .transaction(|other| {
            account::set_verified(other, ada, late)?;
            assert!(prune_unverified(conn, late, 10)?.is_empty());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert!(prune_unverified(conn, late, 10).unwrap().is_empty());
    assert_eq!(count(database, "accounts"), 1);
}
