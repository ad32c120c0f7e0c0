//! The database as upper floors use it: under load, in conflict, in trouble.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use recto_domain::{
    Account, Book, BookId, BookTags, Clock as _, Conflict, Email, IdGenerator as _, PasswordHash,
    Role, Tag, TagName, User, UserId,
};
use recto_persistence::catalog::{BookFilter, book_tag};
use recto_persistence::identity::account;
use recto_persistence::{
    Connection, Database, DatabaseUrl, Error, Failure, Lock, Options, PageRequest, SystemIds,
};
use recto_relations::{Entity as _, Filter, Include};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, Fresh};
use serde_json::json;

use crate::support::catalogue::Catalogue;

both_engines!(
    a_failed_write_leaves_nothing,
    a_nested_transaction_is_undone_alone,
    a_snapshot_sees_one_state,
    fifty_writers_of_one_tag_make_one,
    a_panic_is_an_error_and_nobody_elses,
    an_abandoned_request_is_not_run,
    nobody_is_connected_after_the_last_clone,
    the_last_clone_may_be_held_by_the_database_s_own_work,
    too_much_work_is_refused,
    two_admins_who_demote_each_other_leave_one,
    work_goes_on_after_the_connections_are_lost,
);

fn new_tag(c: &Catalogue, name: &str) -> Tag {
    Tag::new(c.new_id(), TagName::parse(name).unwrap())
}

fn tag_names(conn: &mut Connection) -> Vec<String> {
    let all = conn
        .page::<Tag>(&(), &Filter::everything(), &PageRequest::newest(1_000), &Include::nothing())
        .unwrap();
    all.entities.as_slice().iter().map(|tag| tag.name.to_string()).collect()
}

fn a_failed_write_leaves_nothing(fresh: &Fresh) {
    let (c, database) = (Catalogue::empty(), fresh.open());
    let (kept, undone) = (new_tag(&c, "kept"), new_tag(&c, "undone"));
    let result: Result<(), Error> = database.write_blocking(move |conn| {
        conn.insert(undone.clone())?;
        Err(Conflict::LastAdmin.into())
    });
    assert!(matches!(result, Err(Error::Conflict(Conflict::LastAdmin))));
    database.write_blocking(move |conn| conn.insert(kept.clone())).unwrap();
    assert_eq!(tag_names(&mut fresh.connection()), ["kept"]);
}

fn a_nested_transaction_is_undone_alone(fresh: &Fresh) {
    let (c, database) = (Catalogue::empty(), fresh.open());
    let (outer, inner) = (new_tag(&c, "outer"), new_tag(&c, "inner"));
    database
        .write_blocking(move |conn| {
            conn.insert(outer.clone())?;
            let undone: Result<(), Error> = conn.transaction(|conn| {
                conn.insert(inner.clone())?;
                // On PostgreSQL this would spoil the whole transaction.
                conn.insert(inner.clone()).map(|_| ())
            });
            assert!(undone.is_err());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(tag_names(&mut fresh.connection()), ["outer"]);
}

fn a_snapshot_sees_one_state(fresh: &Fresh) {
    let c = Catalogue::empty();
    let mut reader = fresh.connection();
    let mut writer = fresh.connection();
    writer.insert(new_tag(&c, "before")).unwrap();
    reader
        .snapshot(|conn| {
            assert_eq!(tag_names(conn), ["before"]);
            writer.insert(new_tag(&c, "meanwhile")).unwrap();
            assert_eq!(tag_names(conn), ["before"]);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(tag_names(&mut reader), ["meanwhile", "before"]);
}

fn fifty_writers_of_one_tag_make_one(fresh: &Fresh) {
    let mut c = Catalogue::empty();
    // Writers of one book wait for each other; those of several do not.
    let books = ["a", "b", "c", "d", "e"]
        .map(|title| c.book(&json!({"title": title, "author": "A"}), None));
    let mut conn = fresh.connection();
    c.store(&mut conn);
    let database = fresh.open();
    let start = Barrier::new(50);
    thread::scope(|scope| {
        for number in 0..50 {
            let (database, start, uid) = (&database, &start, books[number % books.len()]);
            scope.spawn(move || {
                let name = if number % 2 == 0 { "new" } else { "NEW" };
                let names = [TagName::parse(name).unwrap()];
                start.wait();
                database.write_blocking(move |conn| put_tags(conn, uid, &names)).unwrap();
            });
        }
    });
    assert_eq!(tag_names(&mut conn).len(), 1);
    let include = Include::parse(Book::INFO, "tags").unwrap();
    for uid in books {
        let book = conn.find::<Book>(uid, &include).unwrap().unwrap();
        assert_eq!(book.view(0).unwrap().get(BookTags).unwrap().len(), 1);
    }
}

/// What a request does that tags a book.
fn put_tags(conn: &mut Connection, uid: BookId, names: &[TagName]) -> Result<(), Error> {
    assert!(conn.lock::<Book>(uid, Lock::Update)?.is_some());
    book_tag::add(conn, &SystemIds, uid, names)
}

/// Work that says that it has begun, and does not end before it is told.
fn block(
    database: &Database,
    kind: fn(&Database, Arc<Held>) -> Result<(), Error>,
) -> (thread::JoinHandle<Result<(), Error>>, Arc<Held>) {
    let (begun, has_begun) = channel();
    let (release, released) = channel();
    let held = Arc::new(Held {
        begun: Mutex::new(begun),
        release: Mutex::new(Some(release)),
        released: Mutex::new(released),
    });
    let (database, holder) = (database.clone(), Arc::clone(&held));
    let thread = thread::spawn(move || kind(&database, holder));
    has_begun.recv_timeout(Duration::from_secs(10)).unwrap();
    (thread, held)
}

struct Held {
    begun: Mutex<std::sync::mpsc::Sender<()>>,
    release: Mutex<Option<std::sync::mpsc::Sender<()>>>,
    released: Mutex<Receiver<()>>,
}

impl Held {
    fn hold(&self) {
        let _ = self.begun.lock().unwrap().send(());
        // An error tells that the sender is gone, which is the sign to go on.
        let _ = self.released.lock().unwrap().recv();
    }

    fn release(&self) {
        self.release.lock().unwrap().take();
    }
}

fn hold_writer(database: &Database, held: Arc<Held>) -> Result<(), Error> {
    database.write_blocking(move |_| {
        held.hold();
        Ok(())
    })
}

fn hold_reader(database: &Database, held: Arc<Held>) -> Result<(), Error> {
    database.read_blocking(move |_| {
        held.hold();
        Ok(())
    })
}

fn a_panic_is_an_error_and_nobody_elses(fresh: &Fresh) {
    let (c, database) = (Catalogue::empty(), fresh.open());
    // While the writer is held the rest queues up, and on SQLite shares a commit.
    let (blocker, held) = block(&database, hold_writer);
    let runs = Arc::new(AtomicU32::new(0));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..10)
            .map(|number| {
                let tag = new_tag(&c, &format!("tag {number}"));
                let (database, runs) = (&database, Arc::clone(&runs));
                scope.spawn(move || {
                    database.write_blocking(move |conn| {
                        conn.insert(tag.clone())?;
                        runs.fetch_add(1, Ordering::Relaxed);
                        assert_ne!(number, 5, "this panic is part of the test");
                        // A conflict is an answer, and undoes its own work alone.
                        if number == 7 { Err(Conflict::TagExists.into()) } else { Ok(()) }
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
                    matches!(result, Err(Error::Failure(Failure::Panicked(_)))),
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

    let panicked: Result<(), Error> = database.read_blocking(|_| panic!("so is this one"));
    assert!(matches!(panicked, Err(Error::Failure(Failure::Panicked(_)))));
    database.read_blocking(Connection::ping).unwrap();
    let after = new_tag(&c, "after");
    database.write_blocking(move |conn| conn.insert(after.clone())).unwrap();
}

fn an_abandoned_request_is_not_run(fresh: &Fresh) {
    let (c, database) = (Catalogue::empty(), fresh.open_with(one_connection(8)));
    let blockers: Vec<_> = (0..connections(fresh)).map(|_| block(&database, hold_writer)).collect();
    let tag = new_tag(&c, "for nobody");
    let mut abandoned = Box::pin(database.write(move |conn| conn.insert(tag.clone())));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(abandoned.as_mut().poll(&mut context).is_pending(), "it waits in the queue");
    drop(abandoned);
    for (blocker, held) in blockers {
        held.release();
        blocker.join().unwrap().unwrap();
    }
    database.write_blocking(Connection::ping).unwrap();
    assert!(tag_names(&mut fresh.connection()).is_empty());
}

/// Uses several connections at once, the writer's too.
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

/// Whatever shows that somebody has the database open.
fn traces(fresh: &Fresh) -> Vec<String> {
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

fn nobody_is_connected_after_the_last_clone(fresh: &Fresh) {
    for round in 0..5 {
        let database = fresh.open();
        use_several(&database, &format!("tag {round}"));
        assert_ne!(traces(fresh), [""; 0]);
        let last = database.clone();
        assert!(!database.close(Duration::ZERO), "somebody has it yet");
        drop(last);
        // A server takes a moment to notice that somebody has left, and whoever looked a moment
        // ago may still be among those that are seen.
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

fn the_last_clone_may_be_held_by_the_database_s_own_work(fresh: &Fresh) {
    let database = fresh.open();
    let (begun, has_begun) = channel();
    let (release, released) = channel::<()>();
    let held = database.clone();
    let mut request = Box::pin(database.read(move |conn| {
        let _last = &held;
        let _ = begun.send(());
        // An error tells that the sender is gone, which is the sign to go on.
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
    assert!(closing.join().unwrap(), "it ends with its work");
}

fn one_connection(queue: usize) -> Options {
    Options { connections: NonZeroUsize::MIN, queue, ..Options::default() }
}

/// How many pieces of work run at once with one connection asked for.
fn connections(fresh: &Fresh) -> usize {
    match fresh.engine() {
        Engine::Sqlite => 1,
        Engine::Postgres => 4,
    }
}

fn too_much_work_is_refused(fresh: &Fresh) {
    let database = fresh.open_with(one_connection(2));
    let blockers: Vec<_> = (0..connections(fresh)).map(|_| block(&database, hold_reader)).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(database.read(Connection::ping))).collect();
    for request in &mut waiting {
        assert!(request.as_mut().poll(&mut context).is_pending());
    }
    let refused = database.read_blocking(Connection::ping);
    assert!(matches!(refused, Err(Error::Failure(Failure::Overloaded))), "{refused:?}");

    for (blocker, held) in blockers {
        held.release();
        blocker.join().unwrap().unwrap();
    }
    // The queue empties, so that there is room again.
    let answered = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(10));
        database.read_blocking(Connection::ping).is_ok()
    });
    assert!(answered);
}

fn two_admins_who_demote_each_other_leave_one(fresh: &Fresh) {
    let c = Catalogue::small();
    let mut conn = fresh.connection();
    c.store(&mut conn);
    let admins: Vec<Account> = c.users[..2]
        .iter()
        .zip(["a@example.org", "b@example.org"])
        .map(|(user, email)| Account {
            verified: true,
            ..Account::new(user.uid, Email::parse(email).unwrap(), Role::Admin)
        })
        .collect();
    let (hash, at) = (PasswordHash(String::new()), c.new_id().at());
    for admin in &admins {
        account::insert(&mut conn, admin, &hash, at).unwrap();
    }
    let database = fresh.open();
    for _ in 0..10 {
        let start = Barrier::new(2);
        let results: Vec<Result<(), Error>> = thread::scope(|scope| {
            let demoting: Vec<_> = admins
                .iter()
                .map(|admin| {
                    let (database, start, admin) = (&database, &start, admin.clone());
                    scope.spawn(move || {
                        start.wait();
                        database.write_blocking(move |conn| {
                            account::set_role(conn, &admin, Role::User, SystemIds.now())
                        })
                    })
                })
                .collect();
            demoting.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = results
            .iter()
            .filter(|result| matches!(result, Err(Error::Conflict(Conflict::LastAdmin))))
            .count();
        assert_eq!((refused, results.iter().filter(|result| result.is_ok()).count()), (1, 1));
        for admin in &admins {
            account::set_role(&mut conn, admin, Role::Admin, at).unwrap();
        }
    }
    // Neither may the last one go in another way.
    account::set_role(&mut conn, &admins[0], Role::User, at).unwrap();
    let last: UserId = admins[1].user_uid;
    assert!(matches!(
        account::refuse_last_admin(&mut conn, last),
        Err(Error::Conflict(Conflict::LastAdmin))
    ));
    account::refuse_last_admin(&mut conn, admins[0].user_uid).unwrap();
}

fn work_goes_on_after_the_connections_are_lost(fresh: &Fresh) {
    if fresh.engine() == Engine::Sqlite {
        return; // there is no server to lose
    }
    let (c, database) = (Catalogue::empty(), fresh.open());
    let lose_all = || {
        // Every thread has its connection by now, or makes it later.
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
    // A transaction that could not even begin has done nothing, so it is begun again.
    lose_all();
    for number in 0..8 {
        let tag = new_tag(&c, &format!("tag {number}"));
        database.write_blocking(move |conn| conn.insert(tag.clone())).unwrap();
    }
    assert_eq!(tag_names(&mut fresh.connection()).len(), 8);
}

#[test]
fn a_database_that_cannot_be_reached_is_said_to_be_so() {
    let nowhere = tempfile::tempdir().unwrap().path().join("missing").join("recto.db");
    let error = Database::open(&DatabaseUrl::file(nowhere), Options::default()).unwrap_err();
    assert!(matches!(error, Error::Failure(Failure::Unavailable(_))), "{error:?}");
    let url = "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=2".parse().unwrap();
    let error = Database::open(&url, Options::default()).unwrap_err();
    assert!(matches!(error, Error::Failure(Failure::Unavailable(_))), "{error:?}");
}

/// The first to come makes the log, for which SQLite turns the others away.
#[test]
fn a_new_database_may_be_opened_by_many_at_once() {
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

/// Whoever waits for a database that somebody else has locked is told so before
/// long: one write as well as a group of them.
#[test]
fn a_database_that_stays_locked_is_busy_after_twice_the_wait() {
    let fresh = recto_testkit::database::fresh(Engine::Sqlite).unwrap();
    let busy_timeout = Duration::from_millis(500);
    let database = fresh.open_with(Options { busy_timeout, ..Options::default() });
    database.write_blocking(Connection::ping).unwrap();
    let write = || {
        let began = Instant::now();
        let written = database.write_blocking(Connection::ping);
        assert!(matches!(written, Err(Error::Failure(Failure::Busy))), "{written:?}");
        began.elapsed()
    };
    let mut locker = fresh.connection();
    locker
        .transaction(|_| {
            let waited = write();
            assert!(waited >= busy_timeout * 2, "{waited:?}");
            assert!(waited < busy_timeout * 4, "{waited:?}");
            // The first is on its own; the others, who come meanwhile, are a group.
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
fn an_embedded_database_enforces_its_keys_and_keeps_what_it_has_committed() {
    let fresh = recto_testkit::database::fresh(Engine::Sqlite).unwrap();
    let c = Catalogue::small();
    c.store(&mut fresh.connection());
    assert!(fresh.connection().delete::<User>(c.users[0].uid).unwrap());
    let user = fresh.connection().find::<User>(c.users[0].uid, &Include::nothing()).unwrap();
    assert!(user.is_none());
    // Nothing dangles, which the file itself confirms.
    assert!(
        fresh.rows("SELECT json_array(\"table\") AS line FROM pragma_foreign_key_check").is_empty()
    );
    let modes = fresh.rows("SELECT json_array(journal_mode) AS line FROM pragma_journal_mode");
    assert_eq!(modes, [json!(["wal"])]);
}
