//! Sessions, refresh token rotation and reuse.

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use recto_domain::{
    Device, IdGenerator as _, Role, Session, SessionId, TokenPairId, UserAgent, UserId,
};
use recto_persistence::identity::account;
use recto_persistence::identity::session::{self, NewSession, Rotation, rotate};
use recto_persistence::{DatabaseFailure, Error};
use recto_relations::{KeysetPosition, PageRequest, PageStart};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use recto_testkit::ids::SequentialIds;

use crate::support::identity::{count, next, noon, password, person, refreshed, seconds, sign_in};

both_engines!(
    access_token_ends_with_its_session,
    refresh_issues_next_pair,
    retry_within_grace_revokes_successor,
    revoked_token_ends_session,
    reuse_after_successor_ends_session,
    reuse_after_grace_ends_session,
    invalid_refresh_token_changes_nothing,
    session_has_idle_and_maximum_lifetime,
    only_owner_sees_and_ends_sessions,
    at_most_one_pair_is_active,
    retry_racing_successor_ends_session,
    constraint_refuses_second_active_pair,
    concurrent_password_change_ends_session,
    refreshes_of_session_are_limited,
);

const ACTIVE: &str = "token_pairs WHERE used_at IS NULL AND NOT revoked";

fn access_token_ends_with_its_session(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let tokens = sign_in(conn, ids, ada, noon());
    let (called, statements) =
        conn.recording(|conn| account::of_token_pair(conn, tokens.pair, noon()).unwrap().unwrap());
    assert_eq!((called.0.user_uid, called.1), (ada, tokens.session));
    assert_eq!(statements.len(), 1, "{statements:?}");
    let last = noon() + Session::IDLE;
    assert!(account::of_token_pair(conn, tokens.pair, last - seconds(1)).unwrap().is_some());
    assert!(account::of_token_pair(conn, tokens.pair, last).unwrap().is_none());
    let unknown = TokenPairId::from_uuid(ids.new_id().uid());
    assert!(account::of_token_pair(conn, unknown, noon()).unwrap().is_none());

    assert!(session::end(conn, ada, tokens.session).unwrap());
    assert!(account::of_token_pair(conn, tokens.pair, noon()).unwrap().is_none());
    assert_eq!(count(database, "token_pairs"), 0);

    let tokens = sign_in(conn, ids, ada, noon());
    // With SQL, so that the session remains.
    database.execute("UPDATE accounts SET disabled = TRUE").unwrap();
    assert!(account::of_token_pair(conn, tokens.pair, noon()).unwrap().is_none());
}

fn refresh_issues_next_pair(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let second = next(ids);
    let rotation = rotate(conn, &first.refresh, &second, noon() + seconds(60)).unwrap();
    assert_eq!(rotation, Rotation::Renewed { user: ada, session: first.session });
    let third = refreshed(conn, ids, &second.refresh, noon() + seconds(90));
    // Access tokens of used pairs remain valid.
    for pair in [first.pair, second.id, third.id] {
        let found = account::of_token_pair(conn, pair, noon()).unwrap();
        // A refresh is not a sign-in.
        let (_, session, signed_in_at) = found.unwrap();
        assert_eq!((session, signed_in_at), (first.session, noon()));
    }
    assert_eq!((count(database, "token_pairs"), count(database, ACTIVE)), (3, 1));
}

fn retry_within_grace_revokes_successor(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let lost = refreshed(conn, ids, &first.refresh, noon());
    let retried = refreshed(conn, ids, &first.refresh, noon() + Session::REUSE_GRACE_PERIOD);
    assert!(account::of_token_pair(conn, lost.id, noon()).unwrap().is_none());
    assert!(account::of_token_pair(conn, retried.id, noon()).unwrap().is_some());
    assert_eq!(count(database, ACTIVE), 1);

    let again = rotate(conn, &first.refresh, &next(ids), noon() + seconds(1)).unwrap();
    assert_eq!(again, Rotation::Reused { user: ada, session: first.session });
    assert!(account::of_token_pair(conn, retried.id, noon()).unwrap().is_none());
    assert_eq!((count(database, "sessions"), count(database, "token_pairs")), (0, 0));
}

fn revoked_token_ends_session(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let (first, other) = (sign_in(conn, ids, ada, noon()), sign_in(conn, ids, ada, noon()));
    let lost = refreshed(conn, ids, &first.refresh, noon());
    refreshed(conn, ids, &first.refresh, noon());
    let stolen = rotate(conn, &lost.refresh, &next(ids), noon()).unwrap();
    assert_eq!(stolen, Rotation::Reused { user: ada, session: first.session });
    // Other sessions are not affected.
    assert_eq!(count(database, "sessions"), 1);
    refreshed(conn, ids, &other.refresh, noon());
}

fn reuse_after_successor_ends_session(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let second = refreshed(conn, ids, &first.refresh, noon());
    refreshed(conn, ids, &second.refresh, noon());
    let again = rotate(conn, &first.refresh, &next(ids), noon()).unwrap();
    assert!(matches!(again, Rotation::Reused { .. }));
    assert_eq!(count(database, "token_pairs"), 0);
}

fn reuse_after_grace_ends_session(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    refreshed(conn, ids, &first.refresh, noon());
    let late = noon() + Session::REUSE_GRACE_PERIOD + TimeDelta::milliseconds(1);
    let again = rotate(conn, &first.refresh, &next(ids), late).unwrap();
    assert!(matches!(again, Rotation::Reused { .. }));
}

fn refreshes_of_session_are_limited(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let generation = Session::REFRESHES;
    database.execute(&format!("UPDATE token_pairs SET generation = {generation}")).unwrap();
    let last = refreshed(conn, ids, &first.refresh, noon());
    let pairs = count(database, "token_pairs");
    let early = rotate(conn, &last.refresh, &next(ids), noon()).unwrap();
    assert_eq!(early, Rotation::TooMany { next: noon() + Session::REFRESH_EVERY });
    assert_eq!(count(database, "token_pairs"), pairs);
    // The token is still valid.
    refreshed(conn, ids, &last.refresh, noon() + Session::REFRESH_EVERY);
}

fn invalid_refresh_token_changes_nothing(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let unknown = next(ids).refresh;
    let late = noon() + Session::IDLE;
    for (presented, now) in [(unknown, noon()), (first.refresh, late)] {
        let refused = rotate(conn, &presented, &next(ids), now).unwrap();
        assert_eq!(refused, Rotation::Refused);
    }
    database.execute("UPDATE accounts SET disabled = TRUE").unwrap();
    let refused = rotate(conn, &first.refresh, &next(ids), noon()).unwrap();
    assert_eq!(refused, Rotation::Refused);
    database.execute("UPDATE accounts SET disabled = FALSE").unwrap();
    refreshed(conn, ids, &first.refresh, noon());
}

fn session_has_idle_and_maximum_lifetime(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let mut refresh = first.refresh;
    for day in [29, 58, 87] {
        refresh = refreshed(conn, ids, &refresh, noon() + TimeDelta::days(day)).refresh;
    }
    let now = noon() + TimeDelta::days(87);
    let shown = session::find(conn, ada, first.session, None, now).unwrap().unwrap();
    assert_eq!((shown.created_at, shown.last_used_at), (noon(), now));
    assert_eq!(shown.expires_at, noon() + Session::LONGEST);
    let ended = noon() + Session::LONGEST;
    assert_eq!(rotate(conn, &refresh, &next(ids), ended).unwrap(), Rotation::Refused);
}

fn only_owner_sees_and_ends_sessions(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let (ada, bob) = (person(conn, ids, "ada", Role::User), person(conn, ids, "bob", Role::User));
    let device =
        Device { address: Some("2001:db8::7".parse().unwrap()), agent: UserAgent::of("curl/8.0") };
    let short = SessionId::from_uuid(ids.new_id().uid());
    let new = NewSession {
        id: short,
        user: ada,
        pair: TokenPairId::from_uuid(ids.new_id().uid()),
        refresh: None,
        device: &device,
        at: noon(),
        expires_at: noon() + Session::ACCESS,
    };
    session::open(conn, &new).unwrap();
    let own: Vec<SessionId> = (0..3).map(|_| sign_in(conn, ids, ada, noon()).session).collect();
    let his = sign_in(conn, ids, bob, noon()).session;

    let shown = session::find(conn, ada, short, Some(short), noon()).unwrap().unwrap();
    assert_eq!((shown.address, shown.agent, shown.current), (device.address, device.agent, true));
    assert_eq!(shown.expires_at, noon() + Session::ACCESS);

    let ids = |user: UserId, after: Option<SessionId>, limit, now, conn: &mut _| {
        let after = after.map(|key| PageStart::After(KeysetPosition { values: Vec::new(), key }));
        let start = after.unwrap_or(PageStart::First);
        let request = PageRequest { start, ..PageRequest::newest(limit) };
        let page = session::page(conn, user, Some(own[1]), &request, now).unwrap();
        let current: Vec<_> = page.items.iter().filter(|it| it.current).map(|it| it.id).collect();
        assert!(current.iter().all(|id| *id == own[1]));
        (page.items.iter().map(|it| it.id).collect::<Vec<_>>(), page.has_next)
    };
    assert_eq!(ids(ada, None, 2, noon(), conn), (vec![own[2], own[1]], true));
    assert_eq!(ids(ada, Some(own[1]), 2, noon(), conn), (vec![own[0], short], false));
    let later = noon() + Session::ACCESS;
    assert_eq!(ids(ada, Some(own[1]), 2, later, conn), (vec![own[0]], false));
    assert_eq!(ids(bob, None, 2, noon(), conn), (vec![his], false));

    // Sessions of other users are not found.
    assert_eq!(session::find(conn, bob, own[0], None, noon()).unwrap(), None);
    assert!(!session::end(conn, bob, own[0]).unwrap());
    assert!(session::end(conn, ada, own[0]).unwrap());
    assert!(!session::end(conn, ada, own[0]).unwrap());
    assert_eq!(session::end_others(conn, ada, Some(own[1])).unwrap(), 2);
    assert_eq!(ids(ada, None, 9, noon(), conn).0, [own[1]]);
    assert_eq!(session::end_others(conn, ada, None).unwrap(), 1);
    assert_eq!(count(database, "sessions"), 1);
    account::delete(conn, bob, recto_domain::ReviewsOnDeletion::Keep).unwrap();
    assert_eq!(count(database, "token_pairs"), 0);
}

fn at_most_one_pair_is_active(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    for round in 0..20 {
        let first = sign_in(conn, ids, ada, noon());
        // Within the reuse grace period, or just after it.
        let second =
            noon() + Session::REUSE_GRACE_PERIOD + TimeDelta::milliseconds(i64::from(round % 2));
        let rotations = race(database, ids, [(first.refresh, noon()), (first.refresh, second)]);
        let renewed = rotations.iter().filter(|it| matches!(it, Rotation::Renewed { .. })).count();
        assert!(renewed >= 1, "{rotations:?}");
        assert!(count(database, ACTIVE) <= 1, "{rotations:?}");
        session::end_others(conn, ada, None).unwrap();
    }
}

/// Whichever is first, the other token is no longer valid.
fn retry_racing_successor_ends_session(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    for _ in 0..20 {
        let first = sign_in(conn, ids, ada, noon());
        let second = refreshed(conn, ids, &first.refresh, noon());
        let both = [(first.refresh, noon()), (second.refresh, noon())];
        let rotations = race(database, ids, both);
        let renewed = rotations.iter().filter(|it| matches!(it, Rotation::Renewed { .. })).count();
        let reused = rotations.iter().filter(|it| matches!(it, Rotation::Reused { .. })).count();
        assert_eq!((renewed, reused), (1, 1), "{rotations:?}");
        assert_eq!(count(database, "token_pairs"), 0);
    }
}

/// A sign-in with the old password opens no session that survives the change.
fn concurrent_password_change_ends_session(database: &FreshDatabase) {
    let ids = SequentialIds::new();
    let ada = person(&mut database.connection(), &ids, "ada", Role::User);
    let shared = database.open();
    let (locked, is_locked) = mpsc::channel();
    thread::scope(|scope| {
        let opening = scope.spawn(|| {
            shared.write_blocking(move |conn| {
                account::lock_with_password(conn, ada)?.unwrap();
                locked.send(()).unwrap();
                thread::sleep(Duration::from_millis(300));
                sign_in(conn, &ids, ada, noon());
                Ok::<_, Error>(())
            })
        });
        is_locked.recv().unwrap();
        let changed = shared.write_blocking(move |conn| {
            account::set_password(conn, ada, &password("new"), None, None, noon())
        });
        assert!(changed.unwrap());
        opening.join().unwrap().unwrap();
    });
    assert_eq!(count(database, "sessions"), 0);
}

type Attempt = (recto_domain::SecretHash, chrono::DateTime<chrono::Utc>);

fn race(database: &FreshDatabase, ids: &SequentialIds, attempts: [Attempt; 2]) -> Vec<Rotation> {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let racing = attempts.map(|(presented, now)| {
            let (start, mut conn) = (&start, database.connection());
            scope.spawn(move || {
                start.wait();
                rotate(&mut conn, &presented, &next(ids), now).unwrap()
            })
        });
        racing.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn constraint_refuses_second_active_pair(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let first = sign_in(conn, ids, ada, noon());
    let second = refreshed(conn, ids, &first.refresh, noon());
    refreshed(conn, ids, &second.refresh, noon());
    let said = Error::from(database.execute("UPDATE token_pairs SET used_at = NULL").unwrap_err());
    let is_unique = matches!(&said, Error::Failure(DatabaseFailure::Query(DieselError::DatabaseError(kind, _)))
        if matches!(kind, DatabaseErrorKind::UniqueViolation));
    assert!(is_unique, "{said:?}");
}
