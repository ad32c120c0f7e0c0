//! The audit, leases, and what is forgotten when.

use std::sync::Barrier;
use std::thread;

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{
    ApiKey, ApiKeyId, ApiKeyName, AuditAction, AuditDetail, AuditEntry, AuditId, IdGenerator as _,
    MailId, MailKind, MailedPurpose, MailedTokenId, NewId, ReviewsFate, Role, Scopes, Secret,
    SecretHash, Session, UserId,
};
use recto_persistence::Connection;
use recto_persistence::identity::audit::{self, AuditFilter};
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_persistence::identity::prune::{Pruned, RETENTION, prune};
use recto_persistence::identity::{account, api_key, lease};
use recto_testkit::both_engines;
use recto_testkit::database::Fresh;
use recto_testkit::ids::SequentialIds;
use uuid::Uuid;

use crate::support::identity::{count, email, noon, person, refreshed, seconds, sign_in};

both_engines!(
    entries_are_kept_as_they_are_and_outlive_their_users,
    the_audit_is_paged_newest_first,
    the_audit_is_asked_for_an_action_and_a_user,
    a_lease_is_held_by_one_until_it_runs_out,
    of_several_who_take_a_lease_one_does,
    what_has_not_expired_stays,
    what_has_expired_is_forgotten_in_bounded_batches,
);

fn entries_are_kept_as_they_are_and_outlive_their_users(database: &Fresh) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    for action in AuditAction::ALL {
        let entry = AuditEntry {
            actor_uid: Some(ada),
            subject_uid: Some(ada),
            address: Some("203.0.113.7".parse().unwrap()),
            request_id: Some("5f3a9c01-0000002a".parse().unwrap()),
            detail: Some(AuditDetail::parse("user to admin").unwrap()),
            ..AuditEntry::new(ids.new_id(), *action)
        };
        audit::insert(conn, &entry).unwrap();
        let newest = audit::page(conn, &AuditFilter::default(), None, 1).unwrap();
        assert_eq!(newest.items, [entry]);
    }
    account::delete(conn, ada, ReviewsFate::Keep).unwrap();
    assert_eq!(count(database, "audit"), AuditAction::ALL.len() as u64);
}

fn entry(
    conn: &mut Connection,
    ids: &SequentialIds,
    action: AuditAction,
    [actor_uid, subject_uid]: [Option<UserId>; 2],
) -> AuditId {
    let entry = AuditEntry { actor_uid, subject_uid, ..AuditEntry::new(ids.new_id(), action) };
    audit::insert(conn, &entry).unwrap();
    entry.id
}

/// All that is asked for, in pages of two.
fn paged(conn: &mut Connection, filter: AuditFilter) -> Vec<AuditId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = audit::page(conn, &filter, after, 2).unwrap();
        assert_eq!(page.more, page.more && page.items.len() == 2);
        all.extend(page.items.iter().map(|entry| entry.id));
        after = all.last().copied();
        if !page.more {
            return all;
        }
    }
}

fn the_audit_is_paged_newest_first(database: &Fresh) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    assert!(paged(conn, AuditFilter::default()).is_empty());
    let mut all: Vec<_> =
        (0..6).map(|_| entry(conn, ids, AuditAction::SignIn, [None, None])).collect();
    all.reverse();
    assert_eq!(paged(conn, AuditFilter::default()), all);
}

fn the_audit_is_asked_for_an_action_and_a_user(database: &Fresh) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [ada, bob] = [1, 2].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
    let (sign_in, role) = (AuditAction::SignIn, AuditAction::RoleChanged);
    let in_ada = entry(conn, ids, sign_in, [Some(ada), Some(ada)]);
    let by_ada = entry(conn, ids, role, [Some(ada), Some(bob)]);
    let to_ada = entry(conn, ids, role, [Some(bob), Some(ada)]);
    let in_bob = entry(conn, ids, sign_in, [Some(bob), Some(bob)]);
    let nobody = entry(conn, ids, sign_in, [None, None]);
    let mut asked = |action, user| paged(conn, AuditFilter { action, user });
    assert_eq!(asked(None, Some(ada)), [to_ada, by_ada, in_ada]);
    assert_eq!(asked(None, Some(bob)), [in_bob, to_ada, by_ada]);
    assert_eq!(asked(Some(sign_in), None), [nobody, in_bob, in_ada]);
    assert_eq!(asked(Some(role), Some(ada)), [to_ada, by_ada]);
    assert_eq!(asked(Some(sign_in), Some(ada)), [in_ada]);
    assert!(asked(Some(AuditAction::SignOut), None).is_empty());
}

fn a_lease_is_held_by_one_until_it_runs_out(database: &Fresh) {
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
    assert!(take(other, 90, 120), "run out");
    assert!(!take(one, 91, 200));
    lease::release(conn, "prune", one).unwrap();
    assert!(!lease::acquire(conn, "prune", one, noon(), noon()).unwrap(), "it was not one's own");
    lease::release(conn, "prune", other).unwrap();
    assert!(lease::acquire(conn, "prune", one, noon(), noon()).unwrap());
    assert!(lease::acquire(conn, "another", other, noon(), noon()).unwrap());
}

fn of_several_who_take_a_lease_one_does(database: &Fresh) {
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

/// One of everything that expires or grows old.
fn one_of_each(conn: &mut Connection, ids: &SequentialIds, name: &str) {
    let user = person(conn, ids, name, Role::User);
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
        at: noon(),
    };
    outbox::enqueue(conn, &mail).unwrap();
    let at_noon = NewId::new(millis(noon()), ids.random()[22..].try_into().unwrap());
    audit::insert(conn, &AuditEntry::new(at_noon, AuditAction::SignIn)).unwrap();
}

fn millis(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap()
}

fn what_has_not_expired_stays(database: &Fresh) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    one_of_each(conn, ids, "ada");
    let mut pruned = |after: TimeDelta| prune(conn, noon() + after, RETENTION, 10).unwrap();
    let (tick, none) = (TimeDelta::milliseconds(1), Pruned::default());
    assert_eq!(pruned(MailedPurpose::Verify.lifetime() - tick), none);
    assert_eq!(pruned(MailedPurpose::Verify.lifetime()), Pruned { mailed_tokens: 1, ..none });
    assert_eq!(pruned(Session::IDLE - tick), none);
    assert_eq!(pruned(Session::IDLE), Pruned { token_pairs: 2, sessions: 1, ..none });
    assert_eq!(pruned(RETENTION - tick), none);
    assert_eq!(pruned(RETENTION + tick), Pruned { mails: 1, api_keys: 1, audit: 1, ..none });
    assert_eq!(count(database, "accounts"), 1, "an account stays whatever its age");
}

fn what_has_expired_is_forgotten_in_bounded_batches(database: &Fresh) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    for name in ["ada", "bob", "cleo", "dora", "eve"] {
        one_of_each(conn, ids, name);
    }
    let late = noon() + TimeDelta::days(365);
    let (mut total, mut batches) = (0, 0);
    loop {
        let (pruned, statements) = conn.recording(|conn| prune(conn, late, RETENTION, 2).unwrap());
        assert!(statements.len() <= 12, "{statements:?}");
        let Pruned { token_pairs, sessions, mailed_tokens, mails, api_keys, audit } = pruned;
        for rows in [token_pairs, sessions, mailed_tokens, mails, api_keys, audit] {
            assert!(rows <= 2, "{pruned:?}");
        }
        total += pruned.total();
        batches += 1;
        if !pruned.has_full_batch(2) {
            break;
        }
    }
    // Ten pairs, and five of everything else.
    assert_eq!(total, 35);
    assert!(batches >= 5, "{batches}");
    for table in ["token_pairs", "sessions", "mailed_tokens", "mails", "api_keys", "audit"] {
        assert_eq!(count(database, table), 0, "{table}");
    }
    let (_, statements) = conn.recording(|conn| prune(conn, late, RETENTION, 2).unwrap());
    assert_eq!(statements.len(), 6, "{statements:?}");
}
