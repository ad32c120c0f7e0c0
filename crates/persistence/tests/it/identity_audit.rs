//! The audit log.

use recto_domain::{
    AuditAction, AuditDetail, AuditEntry, AuditId, IdGenerator as _, ReviewsOnDeletion, Role,
    UserId,
};
use recto_persistence::Connection;
use recto_persistence::identity::account;
use recto_persistence::identity::audit::{self, AuditFilter};
use recto_relations::{KeysetPosition, PageRequest, PageStart};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use recto_testkit::ids::SequentialIds;
use uuid::Uuid;

use crate::support::identity::{count, person};

both_engines!(
    audit_entries_outlive_their_users,
    audit_pages_are_newest_first,
    audit_filters_by_action_and_user,
);

fn audit_entries_outlive_their_users(database: &FreshDatabase) {
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
        let newest = audit::page(conn, &AuditFilter::default(), &PageRequest::newest(1)).unwrap();
        assert_eq!(newest.items, [entry]);
    }
    account::delete(conn, ada, ReviewsOnDeletion::Keep).unwrap();
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

/// Returns all entries, loaded in pages of two, in both directions.
fn paged(conn: &mut Connection, filter: AuditFilter) -> Vec<AuditId> {
    let at = |entry: &AuditEntry| KeysetPosition { values: Vec::new(), key: entry.id };
    let (mut all, mut request) = (Vec::new(), PageRequest::newest(2));
    loop {
        let page = audit::page(conn, &filter, &request).unwrap();
        assert_eq!(page.has_previous, !all.is_empty());
        all.extend(page.items.iter().map(|entry| entry.id));
        if !page.has_next {
            break;
        }
        request.start = PageStart::After(at(&page.items[1]));
    }
    let mut backward = Vec::new();
    request.start = PageStart::Last;
    loop {
        let page = audit::page(conn, &filter, &request).unwrap();
        assert_eq!(page.has_next, !backward.is_empty());
        backward.extend(page.items.iter().rev().map(|entry| entry.id));
        if !page.has_previous {
            break;
        }
        request.start = PageStart::Before(at(&page.items[0]));
    }
    backward.reverse();
    assert_eq!(backward, all);
    let counted = audit::count(conn, &filter, 1_000).unwrap();
    assert_eq!(
        (counted as usize, audit::count(conn, &filter, 1).unwrap()),
        (all.len(), counted.min(1))
    );
    all
}

fn audit_pages_are_newest_first(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    assert!(paged(conn, AuditFilter::default()).is_empty());
    let mut all: Vec<_> =
        (0..6).map(|_| entry(conn, ids, AuditAction::SignIn, [None, None])).collect();
    all.reverse();
    assert_eq!(paged(conn, AuditFilter::default()), all);
}

fn audit_filters_by_action_and_user(database: &FreshDatabase) {
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
