//! Power failures: whatever was not synced may be lost.
//!
//! One server runs with a library that records its writes and syncs. Then the disk is rebuilt as it
//! may be after a power failure at many points of the recording, and compared with the responses
//! that clients had received by then. `just power-loss` tries more points.

mod disk;
mod recording;

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::panic::catch_unwind;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use recto_persistence::migrations;
use recto_testkit::database::FreshDatabase;

use crate::support::consistency::{damage, differences};
use crate::support::program::Program;
use crate::support::random::{number_from_environment, seed};
use crate::support::writers::{Attempt, Writers};
use disk::after_power_loss;
use recording::{Event, Recording};

/// The length at which a recording has several checkpoints.
const ENOUGH: u64 = 48 << 20;

/// The prefix of the names of all rows that clients write.
const PREFIX: &str = "power";

/// A recorded server with its clients.
struct Run {
    recording: Recording,
    attempts: Vec<Attempt>,
    /// The inode of the directory.
    directory: u64,
    /// The moment at which the server was ready.
    ready: u64,
}

/// Runs a server on a new database while clients write. Returns `None` without a C compiler.
fn record(random: &mut fastrand::Rng) -> Option<Run> {
    let temporary = tempfile::tempdir().unwrap();
    let Some(library) = recording::compile(temporary.path()) else {
        let _ = writeln!(std::io::stderr(), "skipped: power loss: there is no C compiler");
        return None;
    };
    let (file, data) = (temporary.path().join("recording"), temporary.path().join("data"));
    std::fs::create_dir(&data).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let program = Program::new()
        .with("RECTO_DATABASE_URL", &format!("sqlite:{}", text(&data.join("recto.db"))))
        .with("RECTO_SECRET", "a secret of more than thirty-two bytes")
        .with("RECTO_THROTTLE", "off")
        .with("RECTO_QUOTAS", "off")
        .with("RECTO_MAIL_DIR", &text(&temporary.path().join("mail")))
        .with("LD_PRELOAD", &text(&library))
        .with("RECORDED_DIRECTORY", &text(&data))
        .with("RECORD_FILE", &text(&file));
    let mut server = program.serve(&["--log", "error"]);
    let address = server.address();
    let moment = || std::fs::metadata(&file).unwrap().len();
    let ready = moment();
    let writers = Writers::new(&program, &address);
    let since = Instant::now();
    let attempts = writers.write(PREFIX, random, moment, |_| {
        while moment() < ENOUGH && since.elapsed() < Duration::from_secs(20) {
            sleep(Duration::from_millis(5));
        }
    });
    server.signal("KILL");
    assert_eq!(server.wait().code, None);
    let directory = std::fs::metadata(&data).unwrap().ino();
    Some(Run { recording: Recording::read(&file), attempts, directory, ready })
}

impl Run {
    /// Returns how often the database file was synced while clients wrote.
    fn checkpoints(&self) -> usize {
        let database = self.recording.file("recto.db");
        let events = &self.recording.events[self.recording.events_before(self.ready)..];
        let synced =
            |event: &&Event| matches!(event, Event::Sync { file, .. } if Some(*file) == database);
        events.iter().filter(synced).count()
    }

    /// Returns the database as it may be after a power failure after this many events.
    fn image(
        &self,
        recording: &Recording,
        events: usize,
        random: &mut fastrand::Rng,
    ) -> FreshDatabase {
        let target = tempfile::tempdir().unwrap();
        after_power_loss(&recording.events[..events], self.directory, random, target.path());
        FreshDatabase::in_directory(target)
    }

    /// Returns a random number of events after the server was ready. Every other one is right after
    /// a response arrived.
    fn point(&self, random: &mut fastrand::Rng) -> usize {
        let first = self.recording.events_before(self.ready);
        let acknowledged = self.attempts[random.usize(..self.attempts.len())].acknowledged;
        match acknowledged.filter(|_| random.bool()) {
            Some(moment) => self.recording.events_before(moment),
            None => random.usize(first..=self.recording.events.len()),
        }
    }

    /// Returns what is lost or damaged in one of many power failures.
    fn losses(
        &self,
        recording: &Recording,
        points: u64,
        random: &mut fastrand::Rng,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        for _ in 0..points {
            let events = self.point(random);
            let database = self.image(recording, events, random);
            let until = recording.moment(events);
            let compare = || differences(&database, PREFIX, &self.attempts, until);
            wrong.extend(catch_unwind(compare).unwrap_or_else(|_| {
                // A database that has lost even its tables is whole.
                let is_whole = catch_unwind(|| damage(&database).is_empty()).unwrap_or(false);
                let what = if is_whole { "the tables: lost" } else { "damaged: it cannot be read" };
                vec![what.to_owned()]
            }));
        }
        wrong
    }
}

#[test]
fn acknowledged_writes_survive_power_loss() {
    let seed = seed("RECTO_CRASH_SEED");
    let mut random = fastrand::Rng::with_seed(seed);
    println!("RECTO_CRASH_SEED={seed}");
    let Some(run) = record(&mut random) else { return };
    let points = number_from_environment("RECTO_POWER_LOSSES").unwrap_or(60);
    let acknowledged = run.attempts.iter().filter(|attempt| attempt.acknowledged.is_some()).count();
    let checkpoints = run.checkpoints();
    println!(
        "{} events, {acknowledged} writes, {checkpoints} checkpoints",
        run.recording.events.len()
    );
    assert!(checkpoints > 0);

    let wrong = run.losses(&run.recording, points, &mut random);
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(10)]);
    starts_after_power_loss(&run, &mut random);

    // The test notices missing syncs: with `OFF` the database is damaged, with `NORMAL` it is whole
    // but lacks the last writes. Not each failure shows it.
    let off = run.losses(&run.recording.without_syncs(), 50, &mut random);
    assert!(off.iter().any(|line| line.contains("damaged")), "{off:?}");
    let normal = run.losses(&run.recording.with_syncs_at_checkpoints(), 50, &mut random);
    assert!(!normal.iter().any(|line| line.contains("damaged")), "{normal:?}");
    assert!(normal.iter().any(|line| line.contains(": lost")), "{normal:?}");
}

/// A power failure during the first start leaves nothing that prevents the next one.
fn starts_after_power_loss(run: &Run, random: &mut fastrand::Rng) {
    let ready = run.recording.events_before(run.ready);
    for _ in 0..10 {
        let events = random.usize(..ready);
        let database = run.image(&run.recording, events, random);
        migrations::apply(&mut database.connection()).unwrap();
        assert_eq!(damage(&database), [""; 0]);
    }
    let database = run.image(&run.recording, ready, random);
    let program =
        Program::on(&database).with("RECTO_SECRET", "a secret of more than thirty-two bytes");
    let mut server = program.serve(&[]);
    server.address();
    server.signal("TERM");
    server.wait().succeeded();
}
