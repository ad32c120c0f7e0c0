//! Threads that own a connection and run the jobs of a queue.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::job::{Job, JobKind, Outcome};
use super::threads::Threads;
use super::{DatabaseUrl, Options, connect};
use crate::{Connection, Error, Failure, WorkError as _};

/// The maximum number of runs of a job that fails transiently.
const ATTEMPTS: u32 = 8;

/// The maximum number of jobs that share a commit on SQLite.
const GROUP_SIZE: usize = 128;

/// Starts threads that read and, on PostgreSQL, write.
pub(super) fn spawn_pool(
    threads: &mut Threads,
    url: &DatabaseUrl,
    options: Options,
    connections: usize,
) -> Sender<Job> {
    let (sender, receiver) = bounded(options.queue);
    for number in 0..connections {
        let worker = Worker::new(url, options, receiver.clone());
        threads.spawn(format!("recto-db-{number}"), worker, |worker| {
            while let Some(job) = worker.next() {
                worker.run(job);
            }
        });
    }
    sender
}

/// Starts the thread that writes to an embedded database.
pub(super) fn spawn_writer(
    threads: &mut Threads,
    url: &DatabaseUrl,
    options: Options,
) -> Sender<Job> {
    let (sender, receiver) = bounded(options.queue);
    let worker = Worker::new(url, options, receiver);
    threads.spawn("recto-db-writer".to_owned(), worker, |worker| {
        while let Some(first) = worker.next() {
            let mut group = vec![first];
            group.extend(
                worker.queue.try_iter().take(GROUP_SIZE - 1).filter(|job| !job.is_abandoned()),
            );
            worker.run_group(group);
        }
    });
    sender
}

/// A connection and its queue.
struct Worker {
    url: DatabaseUrl,
    options: Options,
    queue: Receiver<Job>,
    connection: Option<Connection>,
}

impl Worker {
    fn new(url: &DatabaseUrl, options: Options, queue: Receiver<Job>) -> Self {
        Self { url: url.clone(), options, queue, connection: None }
    }

    /// Returns the next job whose caller still waits.
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
                JobKind::Read => job.run(connection),
                JobKind::Write => in_transaction(connection, &mut job),
            };
            let again = match outcome {
                Outcome::Done | Outcome::Failed => false,
                Outcome::Retry => self.has_time(since),
                // Only reads: a write may have been committed.
                Outcome::Suspect => self.is_broken() && job.kind() == JobKind::Read && attempt == 1,
                // A restart of the server breaks all connections.
                Outcome::NotStarted => self.is_broken() && attempt == 1,
            };
            if !again {
                break;
            }
            std::thread::sleep(retry_delay(attempt));
        }
        job.answer();
    }

    /// Runs jobs in one transaction, each in a savepoint, and answers them after the commit.
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
            // Another program has locked the database; each job alone would fail too.
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
            Ok(false) => tracing::debug!(jobs = group.len(), "grouped writes run one by one"),
            Err(error) => {
                tracing::warn!(%error, jobs = group.len(), "grouped writes run one by one");
            }
        }
        // Nothing was committed. Alone, each job has its own attempts and its own error.
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

    /// Returns whether there is time for another run. Each run waits up to `busy_timeout` on
    /// SQLite, so that only a second one is allowed; PostgreSQL reports conflicts at once.
    fn has_time(&self, since: Instant) -> bool {
        !self.url.is_embedded() || since.elapsed() < self.options.busy_timeout * 3 / 2
    }

    /// Returns whether the connection is broken; if so, drops it.
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

    /// Rolls back the open transaction, if any.
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
            return match fail_transaction(job, error) {
                Outcome::Retry => Outcome::Retry,
                _ => Outcome::NotStarted,
            };
        }
    };
    let ended = match outcome {
        Outcome::Done => connection.commit(),
        _ => connection.roll_back(),
    };
    match ended {
        Ok(()) => outcome,
        Err(error) => fail_transaction(job, error),
    }
}

/// Stores the error of a transaction that could not begin or end.
fn fail_transaction(job: &mut Job, error: Error) -> Outcome {
    let again = is_transient(&error);
    job.fail(error);
    if again { Outcome::Retry } else { Outcome::Suspect }
}

/// Runs the jobs of a group and commits them. Returns `false`, without a commit, if one of them
/// must run again alone.
fn commit_group(connection: &mut Connection, group: &mut [Job]) -> Result<bool, Error> {
    for job in group {
        connection.begin_savepoint()?;
        match job.run(connection) {
            Outcome::Done => connection.commit()?,
            Outcome::Failed => connection.roll_back()?,
            Outcome::Retry | Outcome::Suspect | Outcome::NotStarted => return Ok(false),
        }
    }
    connection.commit()?;
    Ok(true)
}

fn is_transient(error: &Error) -> bool {
    error.failure().is_some_and(Failure::is_transient)
}

/// Returns the delay before the next run: longer each time, and different between threads.
fn retry_delay(attempt: u32) -> Duration {
    let spread = std::thread::current().name().map_or(0, str::len) as u64 % 5;
    Duration::from_millis((1 << attempt.min(6)) + spread)
}
