//! The threads and connections of a database: overload, panics, closing and failures.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use recto_domain::{Book, Conflict, IdGenerator as _, Tag, TagName, User};
use recto_persistence::catalog::BookFilter;
use recto_persistence::{
    Connection, Database, DatabaseFailure, DatabaseUrl, Error, Options, PageRequest, SystemIds,
};
use recto_relations::{Filter, Include};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};
use serde_json::json;

use crate::support::blocked::{block, hold_reader, hold_writer};
use crate::support::catalogue::{Catalogue, tag_names};

both_engines!(
    panic_fails_only_its_own_work,
    abandoned_work_is_not_run,
    last_clone_closes_connections,
    running_work_does_not_delay_close,
    work_may_drop_last_clone,
    full_queue_refuses_work,
    lost_connections_are_replaced,
);

fn panic_fails_only_its_own_work(fresh: &FreshDatabase) {
    let (c, database) = (Catalogue::empty(), fresh.open());
    // While the writer is blocked the others queue, and on SQLite they share a commit.
    let (blocker, held) = block(&database, hold_writer);
    let runs = Arc::new(AtomicU32::new(0));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..10)
            .map(|number| {
                let tag = c.new_tag(&format!("tag {number}"));
                let (database, runs) = (&database, Arc::clone(&runs));
                scope.spawn(move || {
                    database.write_blocking(move |conn| {
                        conn.insert(tag.clone())?;
                        runs.fetch_add(1, Ordering::Relaxed);
                        assert_ne!(number, 5, "this panic is part of the test");
                        // A conflict rolls back only its own work.
                        if number == 7 { Err(Conflict::UsernameTaken.into()) } else { Ok(()) }
                    })
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(100));
        held.release();
        let results: Vec<Result<(), Error>> =
            writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        for (number, result) in results.iter().enumerate() {
            match number {
                5 => assert!(
                    matches!(result, Err(Error::Failure(DatabaseFailure::Panicked(_)))),
                    "{result:?}"
                ),
                7 => assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}"),
                _ => assert!(result.is_ok(), "{number}: {result:?}"),
            }
        }
    });
    blocker.join().unwrap().unwrap();
    let mut names = tag_names(&mut fresh.connection());
    names.sort();
    assert_eq!(names, [0, 1, 2, 3, 4, 6, 8, 9].map(|number| format!("tag {number}")));

    let panicked: Result<(), Error> = database.read_blocking(|_| panic!("and this panic too"));
    assert!(matches!(panicked, Err(Error::Failure(DatabaseFailure::Panicked(_)))));
    database.read_blocking(Connection::ping).unwrap();
    let after = c.new_tag("after");
    database.write_blocking(move |conn| conn.insert(after.clone())).unwrap();
}

fn abandoned_work_is_not_run(fresh: &FreshDatabase) {
    let (c, database) = (Catalogue::empty(), fresh.open_with(one_connection(8)));
    let blockers: Vec<_> = (0..connections(fresh)).map(|_| block(&database, hold_writer)).collect();
    let tag = c.new_tag("for nobody");
    let mut abandoned = Box::pin(database.write(move |conn| conn.insert(tag.clone())));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(abandoned.as_mut().poll(&mut context).is_pending(), "it is queued");
    drop(abandoned);
    for (blocker, held) in blockers {
        held.release();
        blocker.join().unwrap().unwrap();
    }
    database.write_blocking(Connection::ping).unwrap();
    assert!(tag_names(&mut fresh.connection()).is_empty());
}

/// Uses several connections concurrently, including the writer.
fn use_several(database: &Database, name: &str) {
    let reads = (0..8).map(|_| {
        let database = database.clone();
        thread::spawn(move || {
            database.read_blocking(|conn| {
                thread::sleep(Duration::from_millis(20));
                conn.ping()
            })
        })
    });
    for read in reads.collect::<Vec<_>>() {
        read.join().unwrap().unwrap();
    }
    let tag = Tag::new(SystemIds.new_id(), TagName::parse(name).unwrap());
    database.write_blocking(move |conn| conn.insert(tag.clone())).unwrap();
}

/// Returns files or server processes that exist while the database is open.
fn traces(fresh: &FreshDatabase) -> Vec<String> {
    if let Some(file) = fresh.url().path() {
        let files = std::fs::read_dir(file.parent().unwrap()).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        return names.filter(|name| name.contains('-')).collect();
    }
    let others = "SELECT pid::text AS line FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    fresh.rows(others).iter().map(ToString::to_string).collect()
}

fn last_clone_closes_connections(fresh: &FreshDatabase) {
    for round in 0..5 {
        let database = fresh.open();
        use_several(&database, &format!("tag {round}"));
        assert_ne!(traces(fresh), [""; 0]);
        let last = database.clone();
        drop(database);
        assert_ne!(traces(fresh), [""; 0], "another clone exists");
        drop(last);
        // PostgreSQL takes a moment to end the processes of closed connections.
        let patience = match fresh.engine() {
            Engine::Sqlite => Duration::ZERO,
            Engine::Postgres => Duration::from_secs(10),
        };
        let since = Instant::now();
        loop {
            let left = traces(fresh);
            if left.is_empty() {
                break;
            }
            assert!(since.elapsed() < patience, "{left:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn running_work_does_not_delay_close(fresh: &FreshDatabase) {
    let database = fresh.open();
    let (begun, has_begun) = channel();
    let (release, released) = channel::<()>();
    let mut request = Box::pin(database.read(move |conn| {
        let _ = begun.send(());
        // An error: the sender was dropped.
        let _ = released.recv();
        conn.ping()
    }));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(request.as_mut().poll(&mut context).is_pending());
    has_begun.recv_timeout(Duration::from_secs(10)).unwrap();
    drop(request);
    let another = database.clone();
    let closing = thread::spawn(move || {
        let closed = database.close(Duration::ZERO);
        closed || another.close(Duration::from_millis(50))
    });
    thread::sleep(Duration::from_secs(2));
    assert!(closing.is_finished(), "the last clone does not wait for the work");
    assert!(!closing.join().unwrap());
    drop(release);
}

fn work_may_drop_last_clone(fresh: &FreshDatabase) {
    let database = fresh.open();
    let (begun, has_begun) = channel();
    let (release, released) = channel::<()>();
    let held = database.clone();
    let mut request = Box::pin(database.read(move |conn| {
        let _last = &held;
        let _ = begun.send(());
        // An error: the sender was dropped.
        let _ = released.recv();
        conn.ping()
    }));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(request.as_mut().poll(&mut context).is_pending());
    has_begun.recv_timeout(Duration::from_secs(10)).unwrap();
    drop(request);
    let closing = thread::spawn(move || database.close(Duration::from_secs(10)));
    thread::sleep(Duration::from_millis(50));
    assert!(!closing.is_finished());
    drop(release);
    assert!(closing.join().unwrap(), "the connections close after the work");
}

fn one_connection(queue: usize) -> Options {
    Options { connections: NonZeroUsize::MIN, queue, ..Options::default() }
}

/// The number of jobs that run concurrently with [`one_connection`].
fn connections(fresh: &FreshDatabase) -> usize {
    match fresh.engine() {
        Engine::Sqlite => 1,
        Engine::Postgres => 4,
    }
}

fn full_queue_refuses_work(fresh: &FreshDatabase) {
    let database = fresh.open_with(one_connection(2));
    let blockers: Vec<_> = (0..connections(fresh)).map(|_| block(&database, hold_reader)).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(database.read(Connection::ping))).collect();
    for request in &mut waiting {
        assert!(request.as_mut().poll(&mut context).is_pending());
    }
    let refused = database.read_blocking(Connection::ping);
    assert!(matches!(refused, Err(Error::Failure(DatabaseFailure::Overloaded))), "{refused:?}");

    for (blocker, held) in blockers {
        held.release();
        blocker.join().unwrap().unwrap();
    }
    // The queue has space again.
    let answered = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(10));
        database.read_blocking(Connection::ping).is_ok()
    });
    assert!(answered);
}

fn lost_connections_are_replaced(fresh: &FreshDatabase) {
    if fresh.engine() == Engine::Sqlite {
        return; // There is no server.
    }
    let (c, database) = (Catalogue::empty(), fresh.open());
    let lose_all = || {
        // Every thread that has run has a connection.
        for _ in 0..8 {
            database.read_blocking(Connection::ping).unwrap();
        }
        fresh
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .unwrap();
    };
    lose_all();
    let nothing = BookFilter::default();
    for _ in 0..8 {
        let filter = nothing.clone();
        database
            .read_blocking(move |conn| {
                conn.page::<Book>(
                    &filter,
                    &Filter::everything(),
                    &PageRequest::newest(5),
                    &Include::nothing(),
                )
                .map(|_| ())
            })
            .unwrap();
    }
    // A transaction that could not begin is started again.
    lose_all();
    for number in 0..8 {
        let tag = c.new_tag(&format!("tag {number}"));
        database.write_blocking(move |conn| conn.insert(tag.clone())).unwrap();
    }
    assert_eq!(tag_names(&mut fresh.connection()).len(), 8);
}

#[test]
fn unreachable_database_is_unavailable() {
    let nowhere = tempfile::tempdir().unwrap().path().join("missing").join("recto.db");
    let error = Database::open(&DatabaseUrl::file(nowhere), Options::default()).unwrap_err();
    assert!(matches!(error, Error::Failure(DatabaseFailure::Unavailable(_))), "{error:?}");
    let url = "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=2".parse().unwrap();
    let error = Database::open(&url, Options::default()).unwrap_err();
    assert!(matches!(error, Error::Failure(DatabaseFailure::Unavailable(_))), "{error:?}");
}

/// SQLite locks out the others while one enables the log.
#[test]
fn new_database_can_be_opened_concurrently() {
    for _ in 0..10 {
        let new = recto_testkit::database::bare(Engine::Sqlite).unwrap();
        let start = Barrier::new(8);
        thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        Database::connect(&new.url()).map(|_| ())
                    })
                })
                .collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn locked_database_is_busy_after_timeout() {
    let fresh = recto_testkit::database::fresh(Engine::Sqlite).unwrap();
    let busy_timeout = Duration::from_millis(500);
    let database = fresh.open_with(Options { busy_timeout, ..Options::default() });
    database.write_blocking(Connection::ping).unwrap();
    let write = || {
        let began = Instant::now();
        let written = database.write_blocking(Connection::ping);
        assert!(matches!(written, Err(Error::Failure(DatabaseFailure::Busy))), "{written:?}");
        began.elapsed()
    };
    let mut locker = fresh.connection();
    locker
        .transaction(|_| {
            let waited = write();
            assert!(waited >= busy_timeout * 2, "{waited:?}");
            assert!(waited < busy_timeout * 4, "{waited:?}");
            // The first runs alone; the others are a group.
            thread::scope(|scope| {
                let waiting: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
                for waited in waiting {
                    let waited = waited.join().unwrap();
                    assert!(waited < busy_timeout * 6, "{waited:?}");
                }
            });
            Ok::<_, Error>(())
        })
        .unwrap();
    database.write_blocking(Connection::ping).unwrap();
}

#[test]
fn embedded_database_enforces_foreign_keys() {
    let fresh = recto_testkit::database::fresh(Engine::Sqlite).unwrap();
    let c = Catalogue::small();
    c.store(&mut fresh.connection());
    assert!(fresh.connection().delete::<User>(c.users[0].uid).unwrap());
    let user = fresh.connection().find::<User>(c.users[0].uid, &Include::nothing()).unwrap();
    assert!(user.is_none());
    // SQLite finds no dangling keys.
    assert!(
        fresh.rows("SELECT json_array(\"table\") AS line FROM pragma_foreign_key_check").is_empty()
    );
    let modes = fresh.rows("SELECT json_array(journal_mode) AS line FROM pragma_journal_mode");
    assert_eq!(modes, [json!(["wal"])]);
}
