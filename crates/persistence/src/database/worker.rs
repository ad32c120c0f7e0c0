//! Threads that own a connection each and work off a queue.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::job::{Job, Kind, Outcome};
use super::threads::Threads;
use super::{DatabaseUrl, Options, connect};
use crate::{Connection, Error, Failure, WorkError as _};

/// How often work is run at the most that another transaction gets in the way of.
const ATTEMPTS: u32 = 8;

/// How much work shares one commit on SQLite.
const GROUP: usize = 128;

/// Threads that read, and write too where the engine lets several write.
pub(super) fn spawn_pool(
    threads: &mut Threads,
    url: &DatabaseUrl,
    options: Options,
    connections: usize,
) -> Sender<Job> {
    let (sender, receiver) = bounded(options.queue);
    for number in 0..connections {
        let line = Line::new(url, options, receiver.clone());
        threads.spawn(format!("recto-db-{number}"), line, |line| {
            while let Some(job) = line.next() {
                line.run(job);
            }
        });
    }
    sender
}

/// The one thread that writes to an embedded database.
pub(super) fn spawn_writer(
    threads: &mut Threads,
    url: &DatabaseUrl,
    options: Options,
) -> Sender<Job> {
    let (sender, receiver) = bounded(options.queue);
    let line = Line::new(url, options, receiver);
    threads.spawn("recto-db-writer".to_owned(), line, |line| {
        while let Some(first) = line.next() {
            let mut group = vec![first];
            group.extend(line.queue.try_iter().take(GROUP - 1).filter(|job| !job.is_abandoned()));
            line.run_group(group);
        }
    });
    sender
}

/// A connection and the queue it works off.
struct Line {
    url: DatabaseUrl,
    options: Options,
    queue: Receiver<Job>,
    connection: Option<Connection>,
}

impl Line {
    fn new(url: &DatabaseUrl, options: Options, queue: Receiver<Job>) -> Self {
        Self { url: url.clone(), options, queue, connection: None }
    }

    /// The next work that somebody still waits for.
    fn next(&mut self) -> Option<Job> {
        loop {
            let job = self.queue.recv().ok()?;
            if !job.is_abandoned() {
                return Some(job);
            }
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect::connect(&self.url, self.options)?,
        };
        Ok(self.connection.insert(connection))
    }

    fn run(&mut self, mut job: Job) {
        let since = Instant::now();
        for attempt in 1..=ATTEMPTS {
            let connection = match self.connection() {
                Ok(connection) => connection,
                Err(error) => {
                    job.fail(error);
                    break;
                }
            };
            let outcome = match job.kind() {
                Kind::Read => job.run(connection),
                Kind::Write => in_transaction(connection, &mut job),
            };
            let again = match outcome {
                Outcome::Done | Outcome::Failed => false,
                Outcome::Again => self.has_time(since),
                // Reading again does no harm; writing might happen twice.
                Outcome::Suspect => self.is_broken() && job.kind() == Kind::Read && attempt == 1,
                // A server that was restarted has left every connection broken.
                Outcome::NotBegun => self.is_broken() && attempt == 1,
            };
            if !again {
                break;
            }
            std::thread::sleep(pause(attempt));
        }
        job.answer();
    }

    /// Runs a group in one transaction, each in a savepoint, and answers when
    /// the commit is on disk.
    fn run_group(&mut self, mut group: Vec<Job>) {
        if let [_] = group[..] {
            if let Some(job) = group.pop() {
                self.run(job);
            }
            return;
        }
        let begun = self.begin_group();
        if let Err(error) = &begun
            && is_transient(error)
        {
            // Another program holds the database: each job alone would wait in vain, too.
            for mut job in group {
                job.fail(Failure::Busy.into());
                job.answer();
            }
            return;
        }
        match begun.and_then(|connection| commit_group(connection, &mut group)) {
            Ok(true) => {
                for job in group {
                    job.answer();
                }
                return;
            }
            Ok(false) => tracing::debug!(jobs = group.len(), "a group of writes is run one by one"),
            Err(error) => {
                tracing::warn!(%error, jobs = group.len(), "a group of writes is run one by one");
            }
        }
        // Nothing of the group is stored. Run alone, each job has its own attempts and its own
        // error.
        self.reset();
        for job in group {
            self.run(job);
        }
    }

    /// Begins the transaction of a group, waiting as long as for a single write.
    fn begin_group(&mut self) -> Result<&mut Connection, Error> {
        let since = Instant::now();
        loop {
            match self.connection()?.begin_write() {
                Err(error) if is_transient(&error) && self.has_time(since) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.connection(),
            }
        }
    }

    /// Whether there is time to try again. SQLite waits by itself each time, so
    /// that after a second wait somebody has been kept for twice the time; a
    /// server settles its transactions' quarrels at once.
    fn has_time(&self, since: Instant) -> bool {
        !self.url.is_embedded() || since.elapsed() < self.options.busy_timeout * 3 / 2
    }

    /// Whether the connection gives no sign of life; such a one is dropped.
    fn is_broken(&mut self) -> bool {
        let broken = match &mut self.connection {
            Some(connection) => connection.transaction_depth() > 0 || connection.ping().is_err(),
            None => true,
        };
        if broken {
            self.connection = None;
        }
        broken
    }

    /// Leaves whatever transaction is open.
    fn reset(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if connection.transaction_depth() > 0 && connection.roll_back().is_err() {
            self.connection = None;
        }
    }
}

fn in_transaction(connection: &mut Connection, job: &mut Job) -> Outcome {
    let begun = connection.begin_write();
    let outcome = match begun {
        Ok(()) => job.run(connection),
        Err(error) => {
            return match refuse(job, error) {
                Outcome::Again => Outcome::Again,
                _ => Outcome::NotBegun,
            };
        }
    };
    let ended = match outcome {
        Outcome::Done => connection.commit(),
        _ => connection.roll_back(),
    };
    match ended {
        Ok(()) => outcome,
        Err(error) => refuse(job, error),
    }
}

/// The transaction could not begin or end, whatever the work itself came to.
fn refuse(job: &mut Job, error: Error) -> Outcome {
    let again = is_transient(&error);
    job.fail(error);
    if again { Outcome::Again } else { Outcome::Suspect }
}

/// Runs the jobs of a group and commits them. Returns `false` if one of them needs to run again,
/// alone and on a connection that works; then nothing was committed.
fn commit_group(connection: &mut Connection, group: &mut [Job]) -> Result<bool, Error> {
    for job in group {
        connection.begin_savepoint()?;
        match job.run(connection) {
            Outcome::Done => connection.commit()?,
            Outcome::Failed => connection.roll_back()?,
            Outcome::Again | Outcome::Suspect | Outcome::NotBegun => return Ok(false),
        }
    }
    connection.commit()?;
    Ok(true)
}

fn is_transient(error: &Error) -> bool {
    error.failure().is_some_and(Failure::is_transient)
}

/// A little longer each time, and not the same for all who wait.
fn pause(attempt: u32) -> Duration {
    let spread = std::thread::current().name().map_or(0, str::len) as u64 % 5;
    Duration::from_millis((1 << attempt.min(6)) + spread)
}
