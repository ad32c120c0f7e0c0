//! Migrations go up and down, know where they stand, and keep each other out.

use std::sync::Barrier;
use std::thread;

use recto_persistence::migrations::{self, MigrationError, State};
use recto_testkit::both_engines;
use recto_testkit::database::{Fresh, bare};

use crate::introspection::everything;

both_engines!(
    they_go_down_to_nothing_and_up_to_the_same_schema,
    the_state_is_told,
    a_newer_database_is_recognised,
    of_several_at_once_exactly_one_applies,
);

const NAMES: [&str; 7] = [
    "2026-11-22-000001_catalog",
    "2026-11-22-000002_identity",
    "2026-11-22-000003_blog",
    "2026-11-22-000004_school",
    "2026-11-22-000005_org",
    "2026-11-22-000006_contributors",
    "2026-11-22-000007_sessions",
];

fn they_go_down_to_nothing_and_up_to_the_same_schema(database: &Fresh) {
    let mut conn = database.connection();
    let before = everything(database);
    assert!(before.len() > 20, "{before:?}");

    for name in NAMES.iter().rev() {
        assert_eq!(migrations::revert(&mut conn).unwrap(), *name);
    }
    assert_eq!(everything(database), [""; 0]);
    assert!(matches!(migrations::revert(&mut conn), Err(MigrationError::NothingToRevert)));

    migrations::apply(&mut conn).unwrap();
    assert_eq!(everything(database), before);
}

fn the_state_is_told(database: &Fresh) {
    let mut conn = database.connection();
    assert_eq!(migrations::state(&mut conn).unwrap(), State::Current);
    assert!(migrations::apply(&mut conn).unwrap().is_empty());

    migrations::revert(&mut conn).unwrap();
    let pending = State::Behind(vec![NAMES[6].to_owned()]);
    assert_eq!(migrations::state(&mut conn).unwrap(), pending);
    let listed = migrations::list(&mut conn).unwrap();
    let listed: Vec<_> = listed.iter().map(|m| (m.name.as_str(), m.applied)).collect();
    assert_eq!(listed, NAMES.map(|name| (name, name != NAMES[6])));
}

fn a_newer_database_is_recognised(database: &Fresh) {
    database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')")
        .unwrap();
    let state = migrations::state(&mut database.connection()).unwrap();
    assert_eq!(state, State::Newer(vec!["29991231000000".to_owned()]));
}

fn of_several_at_once_exactly_one_applies(database: &Fresh) {
    for _ in 0..8 {
        let empty = bare(database.engine()).unwrap();
        let start = Barrier::new(4);
        let applied: Vec<Vec<String>> = thread::scope(|scope| {
            let apply = || {
                let mut conn = empty.connection();
                start.wait();
                migrations::apply(&mut conn).unwrap()
            };
            let migrating: Vec<_> = (0..4).map(|_| scope.spawn(apply)).collect();
            migrating.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let worked: Vec<_> = applied.iter().filter(|applied| !applied.is_empty()).collect();
        assert_eq!(worked.len(), 1, "{applied:?}");
        assert_eq!(worked[0].len(), NAMES.len());
        assert_eq!(everything(&empty), everything(database));
    }
}
