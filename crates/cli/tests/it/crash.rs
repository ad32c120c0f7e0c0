//! Servers killed at random moments while 16 clients write.
//!
//! `just crash` runs more rounds. A failure names the seed, which repeats the requests and the
//! delays, though not the scheduling of threads.

use std::sync::atomic::AtomicU64;
use std::thread::sleep;
use std::time::Duration;

use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, fresh, fresh_on};
use recto_testkit::postgres::Cluster;

use crate::support::consistency::differences;
use crate::support::program::{Program, RunningServer};
use crate::support::random::{number_from_environment, seed};
use crate::support::writers::{Writers, wait_for};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// The number of rounds on one database.
const ROUNDS_PER_DATABASE: u64 = 50;

fn program(database: &FreshDatabase) -> Program {
    let program = Program::on(database).with("RECTO_SECRET", SECRET);
    program.with("RECTO_THROTTLE", "off").with("RECTO_QUOTAS", "off").with("RECTO_LOG", "error")
}

/// Kills servers in rounds, on databases from `create`. After each, the acknowledged writes must be
/// there, exactly once, and no write partial. `crash_database` is called in some rounds instead of
/// killing the server.
fn rounds(create: impl Fn() -> FreshDatabase, crash_database: Option<&dyn Fn()>) {
    let rounds = number_from_environment("RECTO_CRASH_ROUNDS").unwrap_or(6);
    let seed = seed("RECTO_CRASH_SEED");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut acknowledged = 0;
    for first in (0..rounds).step_by(usize::try_from(ROUNDS_PER_DATABASE).unwrap()) {
        let database = create();
        let program = program(&database);
        let mut server = program.serve(&[]);
        let mut writers = Writers::new(&program, &server.address());
        for round in first..rounds.min(first + ROUNDS_PER_DATABASE) {
            let prefix = format!("round{round}");
            let (wanted, delay) = (random.u64(..100), Duration::from_micros(random.u64(..5000)));
            let crash = crash_database.filter(|_| random.u32(..3) == 0);
            let disturb = |acknowledged: &AtomicU64| {
                wait_for(wanted, acknowledged);
                sleep(delay);
                match crash {
                    Some(crash) => crash(),
                    None => server.signal("KILL"),
                }
            };
            let attempts = writers.write(&prefix, &mut random.fork(), || 0, disturb);
            if crash.is_none() {
                server = restart(&program, server, &mut random);
                writers.move_to(&server.address());
            }
            writers.wait_until_ready();
            let wrong = differences(&database, &prefix, &attempts, 0);
            let wrong = &wrong[..wrong.len().min(10)];
            assert!(wrong.is_empty(), "round {round}, RECTO_CRASH_SEED={seed}: {wrong:#?}");
            acknowledged += attempts.iter().filter(|one| one.acknowledged.is_some()).count();
        }
    }
    println!("{rounds} rounds, {acknowledged} acknowledged writes, RECTO_CRASH_SEED={seed}");
    assert!(acknowledged > 0);
}

/// Starts the server again; sometimes the first start is killed too.
fn restart(program: &Program, killed: RunningServer, random: &mut fastrand::Rng) -> RunningServer {
    assert_eq!(killed.wait().code, None);
    if random.u32(..4) == 0 {
        let starting = program.serve(&[]);
        sleep(Duration::from_millis(random.u64(..60)));
        starting.signal("KILL");
        assert_eq!(starting.wait().code, None);
    }
    program.serve(&[])
}

#[test]
fn killed_server_loses_nothing_on_sqlite() {
    rounds(|| fresh(Engine::Sqlite).unwrap(), None);
}

#[test]
fn killed_servers_lose_nothing_on_postgres() {
    let Some(cluster) = Cluster::dedicated() else { return };
    rounds(|| fresh_on(&cluster), Some(&|| cluster.crash()));
}

/// The comparison notices each kind of damage.
fn lost_and_partial_writes_are_noticed(database: &FreshDatabase) {
    let program = program(database);
    let mut server = program.serve(&[]);
    let attempts = Writers::new(&program, &server.address()).write_each_kind("each");
    server.signal("TERM");
    server.wait().succeeded();
    let mut known = Vec::new();
    for (damage, expected) in [
        ("SELECT 1", None),
        ("DELETE FROM reviews", Some("Review each-0-4")),
        ("UPDATE books SET page_count = 3 WHERE page_count = 4", Some("Change(4) each-0-4")),
        ("UPDATE books SET publisher = '2' WHERE page_count = 3", Some("Book each-0-4")),
        (
            "DELETE FROM book_tags WHERE tag_id IN (SELECT uid FROM tags WHERE name = 'each-0-0')",
            Some("Book each-0-0"),
        ),
        ("DELETE FROM books WHERE title = 'each-0-1-3'", Some("Batch each-0-1")),
        ("DELETE FROM audit WHERE action = 'key.created'", Some("Key each-0-2")),
        ("DELETE FROM mails", Some("SignUp each-0-3")),
        ("UPDATE books SET title = 'each-twice' WHERE title = 'each-0-0'", Some("each-twice")),
    ] {
        database.execute(damage).unwrap();
        let mut wrong = differences(database, "each", &attempts, 0);
        let all = format!("{damage}: {wrong:#?}");
        wrong.retain(|line| !known.contains(line));
        match expected {
            None => assert!(wrong.is_empty(), "{all}"),
            Some(expected) => assert!(wrong.iter().any(|line| line.contains(expected)), "{all}"),
        }
        known.extend(wrong);
    }
}

both_engines!(lost_and_partial_writes_are_noticed);
