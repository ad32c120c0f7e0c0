//! Faults of a database: full, read-only, locked, lost and broken connections.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use recto_domain::{IdGenerator as _, Tag, TagName};
use recto_persistence::{
    Connection, Database, DatabaseFailure, DatabaseUrl, Error, Options, SystemIds, migrations,
};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, fresh};

use crate::support::catalogue::tag_names;
use crate::support::faults::{add, expect_health, health};

both_engines!(
    full_storage_is_reported,
    read_only_database_is_reported,
    broken_transaction_is_replaced,
    failed_rollback_keeps_the_error,
    health_is_checked_without_queueing,
    health_writes_once_per_second,
    health_reports_missing_table,
);

/// A small file system in memory, unmounted when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Returns `None`, and prints it, where mounting is not permitted.
    fn mount(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        let mounted = mount.arg(directory.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        let skipped = "skipped: a full disk: file systems cannot be mounted\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes());
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it with a file.
    fn fill(&self) -> PathBuf {
        let file = self.path().join("filler");
        let full = (0..1_000).any(|_| {
            let block = vec![0; 65536];
            let mut filler = fs::OpenOptions::new().create(true).append(true).open(&file).unwrap();
            std::io::Write::write_all(&mut filler, &block).is_err()
        });
        assert!(full);
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn full_storage_is_reported(fresh: &FreshDatabase) {
    let Some(disk) = SmallDisk::mount("8m") else { return };
    let database = match fresh.engine() {
        Engine::Sqlite => {
            let url = DatabaseUrl::file(disk.path().join("recto.db"));
            migrations::apply(&mut Database::connect(&url).unwrap()).unwrap();
            Database::open(&url, Options::default()).unwrap()
        }
        Engine::Postgres => {
            // The server's own user creates files there.
            assert!(Command::new("chmod").arg("0777").arg(disk.path()).status().unwrap().success());
            let space = format!("small_{}", std::process::id());
            let path = disk.path().join("space");
            let make = format!("COPY (SELECT 1) TO PROGRAM 'mkdir {}'", path.display());
            fresh.execute(&make).unwrap();
            let create = format!("CREATE TABLESPACE {space} LOCATION '{}'", path.display());
            fresh.execute(&create).unwrap();
            for table in ["tags", "leases"] {
                fresh.execute(&format!("ALTER TABLE {table} SET TABLESPACE {space}")).unwrap();
            }
            fresh.open()
        }
    };
    add(&database, "before").unwrap();
    let filler = disk.fill();
    let failed = (0..10_000).find_map(|number| add(&database, &format!("tag {number}")).err());
    let failed = failed.expect("the disk is full");
    assert!(matches!(failed, Error::Failure(DatabaseFailure::StorageFull(_))), "{failed:?}");
    // Together, too: on SQLite these share a commit.
    thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn({
                    let database = &database;
                    move || {
                        (0..200).find_map(|round| add(database, &format!("{number} {round}")).err())
                    }
                })
            })
            .collect();
        for writer in writers {
            let failed = writer.join().unwrap().expect("the disk is full");
            assert!(
                matches!(failed, Error::Failure(DatabaseFailure::StorageFull(_))),
                "{failed:?}"
            );
        }
    });
    database.read_blocking(Connection::ping).unwrap();
    fs::remove_file(filler).unwrap();
    add(&database, "after").unwrap();
    expect_health(&database, true);
    let mut names = Vec::new();
    database
        .read_blocking(|conn| Ok::<_, Error>(tag_names(conn)))
        .map(|found| names = found)
        .unwrap();
    assert!(names.contains(&"before".to_owned()) && names.contains(&"after".to_owned()));
    assert!(database.close(Duration::from_secs(10)));
    if fresh.engine() == Engine::Postgres {
        let space = format!("small_{}", std::process::id());
        for table in ["tags", "leases"] {
            fresh.execute(&format!("ALTER TABLE {table} SET TABLESPACE pg_default")).unwrap();
        }
        fresh.execute(&format!("DROP TABLESPACE {space}")).unwrap();
    }
}

/// Makes new transactions of the PostgreSQL database read-only, or no longer.
fn set_read_only(fresh: &FreshDatabase, read_only: bool) {
    let set = format!(
        "BEGIN READ WRITE; \
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only \
         = {read_only}', current_database()); END $$; \
         COMMIT"
    );
    fresh.execute(&set).unwrap();
    disconnect_all(fresh);
}

fn disconnect_all(fresh: &FreshDatabase) {
    let disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
    fresh.execute(disconnect).unwrap();
}

fn read_only_database_is_reported(fresh: &FreshDatabase) {
    let database = fresh.open();
    add(&database, "before").unwrap();
    let failed = match fresh.engine() {
        Engine::Sqlite => {
            let tag = Tag::new(SystemIds.new_id(), TagName::parse("refused").unwrap());
            let refused = database.write_blocking(move |conn| {
                conn.execute_batch("PRAGMA query_only = ON")?;
                let refused = conn.insert(tag.clone());
                conn.execute_batch("PRAGMA query_only = OFF")?;
                refused
            });
            refused.unwrap_err()
        }
        Engine::Postgres => {
            set_read_only(fresh, true);
            let refused = add(&database, "refused").unwrap_err();
            let reason = expect_health(&database, false);
            assert!(reason.contains("read-only"), "{reason}");
            database.read_blocking(Connection::ping).unwrap();
            set_read_only(fresh, false);
            refused
        }
    };
    assert!(matches!(failed, Error::Failure(DatabaseFailure::ReadOnly(_))), "{failed:?}");
    add(&database, "after").unwrap();
    expect_health(&database, true);
    assert_eq!(tag_names(&mut fresh.connection()).len(), 2);
}

fn broken_transaction_is_replaced(fresh: &FreshDatabase) {
    let database = fresh.open();
    for round in 0..3 {
        let failed = database
            .write_blocking(|conn| {
                conn.begin_savepoint()?;
                // The state of the connection is unknown after each.
                conn.begin_write()
            })
            .unwrap_err();
        assert!(
            matches!(failed, Error::Failure(DatabaseFailure::BrokenTransaction(_))),
            "{failed:?}"
        );
        add(&database, &format!("tag {round}")).unwrap();
    }
}

fn failed_rollback_keeps_the_error(fresh: &FreshDatabase) {
    let database = fresh.open();
    for round in 0..8 {
        let failed = database.write_blocking(|conn| {
            conn.execute_batch("ROLLBACK")?;
            Err::<(), Error>(
                DatabaseFailure::StorageFull("this is part of the test".to_owned()).into(),
            )
        });
        let failed = failed.unwrap_err();
        assert!(matches!(failed, Error::Failure(DatabaseFailure::StorageFull(_))), "{failed:?}");
        add(&database, &format!("tag {round}")).unwrap();
    }
}

#[test]
fn terminated_statement_is_unavailable() {
    let Some(fresh) = fresh(Engine::Postgres) else { return };
    let database = fresh.open();
    let suicide = "SELECT pg_terminate_backend(pg_backend_pid())";
    let failed = database.write_blocking(|conn| conn.execute_batch(suicide)).unwrap_err();
    assert!(matches!(failed, Error::Failure(DatabaseFailure::Unavailable(_))), "{failed:?}");
    add(&database, "after").unwrap();
}

fn health_is_checked_without_queueing(fresh: &FreshDatabase) {
    let options = Options { connections: std::num::NonZeroUsize::MIN, ..Options::default() };
    let database = fresh.open_with(options);
    let release = std::sync::Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..8 {
            let (database, release) = (&database, release.clone());
            scope.spawn(move || {
                database.read_blocking(move |conn| {
                    while !release.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(5));
                    }
                    conn.ping()
                })
            });
        }
        thread::sleep(Duration::from_millis(100));
        let checked = health(&database);
        release.store(true, Ordering::Relaxed);
        assert_eq!(checked, Ok(()));
    });
}

fn health_writes_once_per_second(fresh: &FreshDatabase) {
    let database = fresh.open();
    let written = || {
        let holder = match fresh.engine() {
            Engine::Sqlite => "SELECT json_quote(hex(holder)) AS line FROM leases",
            Engine::Postgres => "SELECT to_json(holder)::text AS line FROM leases",
        };
        fresh.rows(holder)
    };
    assert!(written().is_empty());
    let (since, mut seen) = (Instant::now(), std::collections::BTreeSet::new());
    for _ in 0..200 {
        health(&database).unwrap();
        seen.insert(written()[0].to_string());
    }
    let allowed = usize::try_from(since.elapsed().as_secs()).unwrap() + 1;
    assert!((1..=allowed).contains(&seen.len()), "{seen:?}");
    // A commit is a proof, too.
    let before = written();
    thread::sleep(Duration::from_millis(1_100));
    add(&database, "tag").unwrap();
    health(&database).unwrap();
    assert_eq!(written(), before);
}

fn health_reports_missing_table(fresh: &FreshDatabase) {
    let database = fresh.open();
    fresh.execute("ALTER TABLE leases RENAME TO lost").unwrap();
    let reason = expect_health(&database, false);
    assert!(reason.contains("leases"), "{reason}");
    fresh.execute("ALTER TABLE lost RENAME TO leases").unwrap();
    expect_health(&database, true);
}

#[test]
fn health_reports_locked_database() {
    let fresh = fresh(Engine::Sqlite).unwrap();
    let database = fresh.open();
    let mut locker = fresh.connection();
    locker.begin_write().unwrap();
    let reason = expect_health(&database, false);
    assert!(reason.contains("busy"), "{reason}");
    locker.roll_back().unwrap();
    expect_health(&database, true);
}
