//! A PostgreSQL server that does not answer.

use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use recto_domain::{Book, Review};
use recto_persistence::{Connection, Error, Options};
use recto_relations::{Cost, Include};
use recto_testkit::database::{Engine, Fresh};

use crate::support::blocked::{hold_reader, hold_writer};
use crate::support::catalogue::Catalogue;
use crate::support::requests::{
    LONG, SHORT, block_all, cheap_ping, is_overloaded, is_timeout, options, release, run,
};

fn postgres() -> Option<Fresh> {
    recto_testkit::database::fresh(Engine::Postgres)
}

#[test]
fn locked_table_blocks_only_its_writers() {
    let Some(fresh) = postgres() else { return };
    let c = Catalogue::small();
    c.store(&mut fresh.connection());
    let timeout = Duration::from_secs(2);
    let database = fresh.open_with(options(timeout));
    let (locked, is_locked) = channel();
    let (unlock, unlocked) = channel::<()>();
    let mut other = fresh.connection();
    let holder = thread::spawn(move || {
        other.transaction(|conn| {
            conn.execute_batch("LOCK TABLE reviews IN ACCESS EXCLUSIVE MODE")?;
            let _ = locked.send(());
            let _ = unlocked.recv();
            Ok::<_, Error>(())
        })
    });
    is_locked.recv_timeout(LONG).unwrap();

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
    drop(unlock);
    holder.join().unwrap().unwrap();
    assert!(run(database.request_write(move |conn| conn.delete::<Review>(review))).unwrap());
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
