//! Work for requests: classes, deadlines, cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use recto_persistence::{Connection, Database, DatabaseFailure, Error, Options};
use recto_relations::Cost;
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};

use crate::support::blocked::{Held, hold_reader, hold_writer};
use crate::support::catalogue::{Catalogue, tag_names};
use crate::support::requests::{
    LONG, SHORT, block_all, cheap_ping, is_overloaded, is_timeout, options, release, run,
};

both_engines!(
    blocked_read_times_out,
    long_statement_is_interrupted,
    abandoned_read_stops_before_next_statement,
    abandoned_write_is_not_run,
    late_write_is_rolled_back,
    abandoned_work_leaves_full_queue,
    classes_do_not_block_each_other,
    late_expensive_read_is_refused,
    slow_cheap_read_becomes_expensive,
    slow_write_fails_no_other,
    background_work_has_no_deadline,
    statistics_count_each_class,
);

/// The numbers of threads for reads, expensive reads and writes with [`options`].
fn threads(fresh: &FreshDatabase) -> [usize; 3] {
    match fresh.engine() {
        Engine::Sqlite => [1, 1, 1],
        Engine::Postgres => [4, 4, 4],
    }
}

fn hold_expensive(database: &Database, held: Arc<Held>) -> Result<(), Error> {
    run(database.request_read(Cost::SCAN, move |_| {
        held.hold();
        Ok(())
    }))
}

/// Polls a future once, so that its work is submitted.
macro_rules! submit {
    ($runtime:ident, $work:expr) => {{
        let _guard = $runtime.enter();
        let mut work = Box::pin($work);
        assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        work
    }};
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn blocked_read_times_out(fresh: &FreshDatabase) {
    let database = fresh.open_with(options(SHORT));
    let blocked = block_all(&database, threads(fresh)[0], hold_reader);
    let began = Instant::now();
    let late = cheap_ping(&database);
    assert!(is_timeout(&late), "{late:?}");
    assert!(began.elapsed() >= SHORT);
    release(blocked);
    cheap_ping(&database).unwrap();
}

/// A statement that takes minutes unless it is interrupted.
fn delete_for_minutes(conn: &mut Connection) -> Result<(), Error> {
    conn.execute_batch(match conn.engine() {
        recto_persistence::Engine::Sqlite => {
            "DELETE FROM tags WHERE (
                WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)
                SELECT count(*) FROM number WHERE n > 10000000000 LIMIT 1
             ) < 0"
        }
        recto_persistence::Engine::Postgres => {
            "DELETE FROM tags WHERE (SELECT 1 FROM pg_sleep(600)) = 0"
        }
    })
}

fn long_statement_is_interrupted(fresh: &FreshDatabase) {
    let tag = Catalogue::empty().new_tag("for the statement to find");
    fresh.connection().insert(tag).unwrap();
    let database = fresh.open_with(options(SHORT));
    for _ in 0..threads(fresh)[0] {
        let late = run(database.request_read(Cost::default(), delete_for_minutes));
        assert!(is_timeout(&late), "{late:?}");
        let late = run(database.request_write(delete_for_minutes));
        assert!(is_timeout(&late), "{late:?}");
    }
    // The threads are free.
    database.read_blocking(Connection::ping).unwrap();
    database.write_blocking(Connection::ping).unwrap();
}

/// Work that waits in the middle, and reports how it ended.
#[expect(clippy::type_complexity, reason = "the closure and its three channels")]
fn paused() -> (
    impl FnMut(&mut Connection) -> Result<(), Error> + Send + 'static,
    Receiver<()>,
    Sender<()>,
    Receiver<bool>,
) {
    let (begun, has_begun) = channel();
    let (resume, resumed) = channel();
    let (ended, has_ended) = channel();
    let work = move |conn: &mut Connection| {
        conn.ping()?;
        let _ = begun.send(());
        let _ = resumed.recv();
        let pinged = conn.ping();
        let _ = ended.send(matches!(pinged, Err(Error::Failure(DatabaseFailure::Cancelled))));
        pinged
    };
    (work, has_begun, resume, has_ended)
}

fn abandoned_read_stops_before_next_statement(fresh: &FreshDatabase) {
    let (database, runtime) = (fresh.open_with(options(LONG)), runtime());
    let (work, has_begun, resume, was_cancelled) = paused();
    let read = submit!(runtime, database.request_read(Cost::default(), work));
    has_begun.recv_timeout(LONG).unwrap();
    drop(read);
    drop(resume);
    assert!(was_cancelled.recv_timeout(LONG).unwrap());
    cheap_ping(&database).unwrap();
}

fn abandoned_write_is_not_run(fresh: &FreshDatabase) {
    let (c, database, runtime) = (Catalogue::empty(), fresh.open_with(options(LONG)), runtime());
    let blocked = block_all(&database, threads(fresh)[2], hold_writer);
    let tag = c.new_tag("for nobody");
    let write = submit!(runtime, database.request_write(move |conn| conn.insert(tag.clone())));
    drop(write);
    release(blocked);
    database.write_blocking(Connection::ping).unwrap();
    assert!(tag_names(&mut fresh.connection()).is_empty());
    // Once it runs, it is completed.
    let (mut work, has_begun, resume, _) = paused();
    let tag = c.new_tag("for somebody");
    let write = submit!(
        runtime,
        database.request_write(move |conn| {
            work(conn)?;
            conn.insert(tag.clone())
        })
    );
    has_begun.recv_timeout(LONG).unwrap();
    drop(write);
    drop(resume);
    drop(database);
    assert_eq!(tag_names(&mut fresh.connection()), ["for somebody"]);
}

fn late_write_is_rolled_back(fresh: &FreshDatabase) {
    let (c, database) = (Catalogue::empty(), fresh.open_with(options(SHORT)));
    let (release, released) = channel::<()>();
    let tag = c.new_tag("too late");
    let late = run(database.request_write(move |conn| {
        conn.insert(tag.clone())?;
        let _ = released.recv();
        Ok::<_, Error>(())
    }));
    assert!(is_timeout(&late), "{late:?}");
    drop(release);
    // Waits for the thread.
    assert!(database.close(LONG));
    assert!(tag_names(&mut fresh.connection()).is_empty());
}

fn abandoned_work_leaves_full_queue(fresh: &FreshDatabase) {
    let database = fresh.open_with(Options { queue: 2, ..options(LONG) });
    let runtime = runtime();
    let blocked = block_all(&database, threads(fresh)[0], hold_reader);
    let ping = || database.request_read(Cost::default(), Connection::ping);
    let (first, second) = (submit!(runtime, ping()), submit!(runtime, ping()));
    assert!(is_overloaded(&cheap_ping(&database)));
    drop(first);
    // The queue is searched at most once in 20 ms.
    thread::sleep(Duration::from_millis(50));
    let third = submit!(runtime, ping());
    assert!(is_overloaded(&cheap_ping(&database)));
    release(blocked);
    assert!(runtime.block_on(second).is_ok());
    assert!(runtime.block_on(third).is_ok());
    assert_eq!(database.statistics().reads.abandoned, 1);
}

fn classes_do_not_block_each_other(fresh: &FreshDatabase) {
    let database = fresh.open_with(options(LONG));
    let [reads, expensive, writes] = threads(fresh);
    let write = || run(database.request_write(Connection::ping));
    let expensive_ping = || run(database.request_read(Cost::SCAN, Connection::ping));
    let blocked = block_all(&database, writes, hold_writer);
    cheap_ping(&database).unwrap();
    expensive_ping().unwrap();
    release(blocked);
    let blocked = block_all(&database, expensive, hold_expensive);
    cheap_ping(&database).unwrap();
    write().unwrap();
    release(blocked);
    let blocked = block_all(&database, reads, hold_reader);
    expensive_ping().unwrap();
    write().unwrap();
    release(blocked);
}

fn late_expensive_read_is_refused(fresh: &FreshDatabase) {
    let timeout = Duration::from_secs(4);
    let (database, runtime) = (fresh.open_with(options(timeout)), runtime());
    let blocked = block_all(&database, threads(fresh)[1], hold_expensive);
    let waiting = submit!(runtime, database.request_read(Cost::SCAN, Connection::ping));
    thread::sleep(timeout * 5 / 8);
    release(blocked);
    let refused = runtime.block_on(waiting);
    assert!(is_overloaded(&refused), "{refused:?}");
    assert_eq!(database.statistics().expensive_reads.refused, 1);
}

fn slow_cheap_read_becomes_expensive(fresh: &FreshDatabase) {
    let tag = Catalogue::empty().new_tag("for the statement to find");
    fresh.connection().insert(tag).unwrap();
    let database = fresh.open_with(options(LONG));
    let mut runs = 0;
    let read = database.request_read(Cost::default(), move |conn| {
        runs += 1;
        if runs == 1 {
            delete_for_minutes(conn)?;
        }
        Ok::<_, Error>(runs)
    });
    assert_eq!(run(read).unwrap(), 2);
    let statistics = database.statistics();
    assert_eq!([statistics.reads.started, statistics.expensive_reads.started], [1, 1]);
    assert_eq!([statistics.reads.timed_out, statistics.expensive_reads.timed_out], [0, 0]);
}

fn slow_write_fails_no_other(fresh: &FreshDatabase) {
    let (c, database) = (Catalogue::empty(), fresh.open_with(options(Duration::from_secs(3))));
    let runs = Arc::new(AtomicU32::new(0));
    let insert = |name: &str, then: fn(&mut Connection) -> Result<(), Error>| {
        let (tag, runs, database) = (c.new_tag(name), Arc::clone(&runs), database.clone());
        thread::spawn(move || {
            run(database.request_write(move |conn| {
                runs.fetch_add(1, Ordering::Relaxed);
                conn.insert(tag.clone())?;
                then(conn)
            }))
        })
    };
    // While the writer is blocked the others queue, and on SQLite they form a group.
    let blocked = block_all(&database, threads(fresh)[2], hold_writer);
    let stuck = insert("stuck", delete_for_minutes);
    let slow = insert("slow", |conn| {
        thread::sleep(Duration::from_millis(200));
        conn.ping()
    });
    let quick: Vec<_> = (0..6).map(|n| insert(&format!("quick {n}"), Connection::ping)).collect();
    thread::sleep(Duration::from_millis(200));
    release(blocked);
    for write in quick {
        write.join().unwrap().unwrap();
    }
    slow.join().unwrap().unwrap();
    let stuck = stuck.join().unwrap();
    assert!(is_timeout(&stuck), "{stuck:?}");
    assert!(database.close(LONG));
    let names = tag_names(&mut fresh.connection());
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(!names.contains(&"stuck".to_owned()));
    if fresh.engine() == Engine::Sqlite {
        assert!(runs.load(Ordering::Relaxed) > 8, "some have left a group to run alone");
    }
}

fn background_work_has_no_deadline(fresh: &FreshDatabase) {
    let database = fresh.open_with(options(SHORT));
    let beyond = |conn: &mut Connection| {
        thread::sleep(SHORT * 2);
        conn.ping()
    };
    database.read_blocking(beyond).unwrap();
    database.write_blocking(beyond).unwrap();
    // The engine's own timeouts are those of background work, and then of a request again.
    if fresh.engine() == Engine::Postgres {
        database.write_blocking(|conn| conn.execute_batch("SELECT pg_sleep(0.5)")).unwrap();
        let late = run(database.request_write(|conn| conn.execute_batch("SELECT pg_sleep(600)")));
        assert!(is_timeout(&late), "{late:?}");
    }
}

fn statistics_count_each_class(fresh: &FreshDatabase) {
    let database = fresh.open_with(options(LONG));
    cheap_ping(&database).unwrap();
    run(database.request_read(Cost::SCAN, |conn| {
        conn.ping()?;
        conn.ping()
    }))
    .unwrap();
    run(database.request_write(Connection::ping)).unwrap();
    let statistics = database.statistics();
    assert_eq!(statistics.reads.statements, 1);
    assert_eq!(statistics.expensive_reads.statements, 2);
    assert_eq!(statistics.writes.statements, 1);
    assert_eq!(statistics.writes.started, 1);
    assert_eq!((statistics.writes.queued, statistics.writes.running), (0, 0));
}
