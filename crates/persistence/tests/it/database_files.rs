//! The files of an embedded database: deleted, replaced, and their modes.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use recto_persistence::{Database, DatabaseFailure, DatabaseUrl, Error, Options, migrations};
use recto_testkit::database::{Engine, FreshDatabase, fresh};

use crate::support::catalogue::tag_names;
use crate::support::faults::{add, expect_health};

const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

fn file_with_suffix(fresh: &FreshDatabase, suffix: &str) -> PathBuf {
    let mut name = fresh.url().path().unwrap().as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn deleted_or_replaced_file_stops_writes() {
    for suffix in SUFFIXES {
        for replace in [false, true] {
            let fresh = fresh(Engine::Sqlite).unwrap();
            let database = fresh.open();
            add(&database, "before").unwrap();
            let file = file_with_suffix(&fresh, suffix);
            if replace {
                let copy = file.with_extension("copy");
                fs::copy(&file, &copy).unwrap();
                fs::rename(&copy, &file).unwrap();
            } else {
                fs::remove_file(&file).unwrap();
            }
            for round in 0..2 {
                let failed = add(&database, &format!("after {round}")).unwrap_err();
                let Error::Failure(DatabaseFailure::FileReplaced(replaced)) = failed else {
                    panic!("{suffix} {replace}: {failed:?}")
                };
                let reason = format!("recto.db{suffix} was deleted or replaced");
                assert!(replaced.to_string().contains(&reason), "{replaced}");
            }
            thread::scope(|scope| {
                let writers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| add(&database, "together"))).collect();
                for writer in writers {
                    let failed = writer.join().unwrap().unwrap_err();
                    assert!(matches!(failed, Error::Failure(DatabaseFailure::FileReplaced(_))));
                }
            });
            expect_health(&database, false);
        }
    }
}

/// All acknowledged writes are found after a restart, before and after the deletion.
#[test]
fn deleted_log_loses_no_acknowledged_write() {
    for _ in 0..5 {
        let fresh = fresh(Engine::Sqlite).unwrap();
        let database = fresh.open();
        let mut acknowledged = thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let database = &database;
                    scope.spawn(move || {
                        let names = (0..).map(|number| format!("{writer} {number}"));
                        names.take_while(|name| add(database, name).is_ok()).collect()
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(100));
            fs::remove_file(file_with_suffix(&fresh, "-wal")).unwrap();
            let names: Vec<Vec<String>> =
                writers.into_iter().map(|writer| writer.join().unwrap()).collect();
            names.concat()
        });
        assert!(!acknowledged.is_empty());
        // Before the database is closed, since its process may be killed.
        expect_health(&database, false);
        let copy = file_with_suffix(&fresh, ".copy");
        fs::copy(file_with_suffix(&fresh, ""), &copy).unwrap();
        let mut copied = Database::connect(&DatabaseUrl::file(&copy)).unwrap();
        let found = tag_names(&mut copied);
        acknowledged.retain(|name| !found.contains(name));
        assert_eq!(acknowledged, [""; 0]);
    }
}

#[test]
fn moved_link_counts_as_replaced() {
    let (one, other) = (fresh(Engine::Sqlite).unwrap(), fresh(Engine::Sqlite).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("recto.db");
    std::os::unix::fs::symlink(one.url().path().unwrap(), &link).unwrap();
    let database = Database::open(&DatabaseUrl::file(&link), Options::default()).unwrap();
    add(&database, "before").unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(other.url().path().unwrap(), &link).unwrap();
    assert!(add(&database, "after").is_err());
    drop(database);
    assert_eq!(tag_names(&mut one.connection()), ["before"]);
}

#[test]
fn new_files_are_private() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("recto.db"));
    migrations::apply(&mut Database::connect(&url).unwrap()).unwrap();
    let database = Database::open(&url, Options::default()).unwrap();
    add(&database, "tag").unwrap();
    for suffix in SUFFIXES {
        let name = format!("recto.db{suffix}");
        assert_eq!(mode(&directory.path().join(&name)), 0o600, "{name}");
    }
}

#[test]
fn existing_files_become_private() {
    let fresh = fresh(Engine::Sqlite).unwrap();
    let database = fresh.open();
    add(&database, "tag").unwrap();
    for suffix in SUFFIXES {
        let file = file_with_suffix(&fresh, suffix);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    }
    let another = fresh.open();
    for suffix in SUFFIXES {
        assert_eq!(mode(&file_with_suffix(&fresh, suffix)), 0o600, "{suffix}");
    }
    add(&another, "other").unwrap();
}

#[test]
fn uri_like_name_is_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file:recto.db?mode=memory");
    let mut connection = Database::connect(&DatabaseUrl::file(&file)).unwrap();
    migrations::apply(&mut connection).unwrap();
    assert!(file.exists());
}
