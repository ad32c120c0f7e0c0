//! Applying, reverting and comparing migrations, also concurrently.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use recto_persistence::migrations::{self, Migration, MigrationError, SchemaState};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, bare};

use crate::support::introspection::everything;

both_engines!(
    reverting_and_applying_restores_schema,
    state_lists_pending_migrations,
    newer_database_is_recognized,
    concurrent_migrations_apply_once,
);

#[test]
fn engines_have_the_same_migrations() {
    assert_eq!(names(Engine::Sqlite), names(Engine::Postgres));
}

/// Returns the names of the migrations in the repository, oldest first.
fn names(engine: Engine) -> Vec<String> {
    let directory = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(directory);
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn reverting_and_applying_restores_schema(database: &FreshDatabase) {
    let mut conn = database.connection();
    let before = everything(database);
    assert!(before.len() > 20, "{before:?}");

    for name in names(database.engine()).iter().rev() {
        assert_eq!(migrations::revert(&mut conn).unwrap(), *name);
    }
    assert_eq!(everything(database), [""; 0]);
    assert!(matches!(migrations::revert(&mut conn), Err(MigrationError::NothingToRevert)));

    migrations::apply(&mut conn).unwrap();
    assert_eq!(everything(database), before);
}

fn state_lists_pending_migrations(database: &FreshDatabase) {
    let mut conn = database.connection();
    assert_eq!(migrations::state(&mut conn).unwrap(), SchemaState::Current);
    assert!(migrations::apply(&mut conn).unwrap().is_empty());

    let reverted = migrations::revert(&mut conn).unwrap();
    let pending = SchemaState::Behind(vec![reverted.clone()]);
    assert_eq!(migrations::state(&mut conn).unwrap(), pending);
    let expected = names(database.engine())
        .into_iter()
        .map(|name| Migration { applied: name != reverted, name });
    assert_eq!(migrations::list(&mut conn).unwrap(), expected.collect::<Vec<_>>());
}

fn newer_database_is_recognized(database: &FreshDatabase) {
    database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')")
        .unwrap();
    let state = migrations::state(&mut database.connection()).unwrap();
    assert_eq!(state, SchemaState::Newer(vec!["29991231000000".to_owned()]));
}

fn concurrent_migrations_apply_once(database: &FreshDatabase) {
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
        assert_eq!(*worked[0], names(database.engine()));
        assert_eq!(everything(&empty), everything(database));
    }
}
