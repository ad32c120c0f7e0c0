//! A PostgreSQL server that does not respond.

use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use recto_domain::{Book, Review};
use recto_persistence::{Connection, Error, Options};
use recto_relations::{Cost, Include};
use recto_testkit::database::{Engine, FreshDatabase};

use crate::support::blocked::{hold_reader, hold_writer};
use crate::support::catalogue::Catalogue;
use crate::support::requests::{
    LONG, SHORT, block_all, cheap_ping, is_overloaded, is_timeout, options, release, run,
};

fn postgres() -> Option<FreshDatabase> {
    recto_testkit::database::fresh(Engine::Postgres)
}

#[test]
fn locked_table_blocks_only_its_writers() {
    let Some(fresh) = postgres() else { return };
    let c = Catalogue::small();
    c.store(&mut fresh.connection());
    let timeout = Duration::from_secs(2);
    let database = fresh.open_with(options(timeout));
    let lock = Lock::of(&fresh, "reviews");
    let review = c.reviews[0].uid;
    thread::scope(|scope| {
        let blocked: Vec<_> = (0..12)
            .map(|_| {
                let database = database.clone();
                scope.spawn(move || {
                    run(database.request_write(move |conn| conn.delete::<Review>(review)))
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(100));
        let book = c.books[0].uid;
        let read = run(database.request_read(Cost::default(), move |conn| {
            conn.find::<Book>(book, &Include::nothing()).map(|_| ())
        }));
        assert!(read.is_ok(), "{read:?}");
        // Twelve need three quarters of a second on four connections, since each waits a quarter.
        let tag = c.new_tag("meanwhile");
        run(database.request_write(move |conn| conn.insert(tag.clone()))).unwrap();
        for blocked in blocked {
            let blocked = blocked.join().unwrap();
            assert!(is_timeout(&blocked) || is_overloaded(&blocked), "{blocked:?}");
        }
    });
    drop(lock);
    assert!(run(database.request_write(move |conn| conn.delete::<Review>(review))).unwrap());
}

#[test]
fn locked_table_blocks_only_its_readers() {
    let Some(fresh) = postgres() else { return };
    let c = Catalogue::small();
    c.store(&mut fresh.connection());
    let database = fresh.open_with(options(Duration::from_secs(4)));
    let lock = Lock::of(&fresh, "reviews");
    let (review, book) = (c.reviews[0].uid, c.books[0].uid);
    thread::scope(|scope| {
        // If each blocked one of the four threads for a quarter of its time, others would wait for
        // six seconds.
        let blocked: Vec<_> = (0..24)
            .map(|_| {
                let database = database.clone();
                scope.spawn(move || {
                    run(database.request_read(Cost::default(), move |conn| {
                        conn.find::<Review>(review, &Include::nothing()).map(|_| ())
                    }))
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(100));
        run(database.request_read(Cost::default(), move |conn| {
            conn.find::<Book>(book, &Include::nothing()).map(|_| ())
        }))
        .unwrap();
        for blocked in blocked {
            let blocked = blocked.join().unwrap();
            assert!(is_timeout(&blocked) || is_overloaded(&blocked), "{blocked:?}");
        }
    });
    drop(lock);
}

/// A locked table, until this is dropped.
struct Lock {
    unlock: Option<Sender<()>>,
    holder: Option<JoinHandle<Result<(), Error>>>,
}

impl Lock {
    fn of(fresh: &FreshDatabase, table: &str) -> Self {
        let (locked, is_locked) = channel();
        let (unlock, unlocked) = channel();
        let mut connection = fresh.connection();
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        let holder = thread::spawn(move || {
            connection.transaction(|conn| {
                conn.execute_batch(&lock)?;
                let _ = locked.send(());
                let _ = unlocked.recv();
                Ok::<_, Error>(())
            })
        });
        is_locked.recv_timeout(LONG).unwrap();
        Self { unlock: Some(unlock), holder: Some(holder) }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.unlock = None;
        if let Some(holder) = self.holder.take() {
            holder.join().unwrap().unwrap();
        }
    }
}

/// The processes of a server that are stopped, and continued when this is dropped.
struct Frozen(Vec<String>);

impl Frozen {
    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).args(&self.0).status().unwrap().success());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

#[test]
fn frozen_server_times_out_and_recovers() {
    let Some(fresh) = postgres() else { return };
    let database = fresh.open_with(Options { queue: 8, ..options(SHORT) });
    // Every thread connects.
    let warm = || {
        for blocked in [block_all(&database, 4, hold_reader), block_all(&database, 4, hold_writer)]
        {
            release(blocked);
        }
        cheap_ping(&database).unwrap();
        run(database.request_write(Connection::ping)).unwrap();
    };
    warm();
    let pids = fresh.rows(
        "SELECT to_json(pid::text) AS line FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND backend_type = 'client backend'",
    );
    let frozen = Frozen(pids.iter().map(|pid| pid.as_str().unwrap().to_owned()).collect());
    frozen.signal("-STOP");
    let failed = || {
        let read = cheap_ping(&database);
        assert!(is_timeout(&read) || is_overloaded(&read), "{read:?}");
        let write = run(database.request_write(Connection::ping));
        assert!(is_timeout(&write) || is_overloaded(&write), "{write:?}");
    };
    // More than the queues have place for.
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(failed);
        }
    });
    failed();
    drop(frozen);
    // The abandoned work is not done first.
    let since = Instant::now();
    while cheap_ping(&database).is_err() || run(database.request_write(Connection::ping)).is_err() {
        assert!(since.elapsed() < LONG, "it recovers");
    }
    warm();
}
