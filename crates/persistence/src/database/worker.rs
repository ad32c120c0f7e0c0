//! Threads that own a connection and run the jobs of a queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use recto_relations_diesel::WorkLimits;

use super::files::DatabaseFiles;
use super::group::Group;
use super::job::{AnyWork, Job, JobKind, JobOutcome};
use super::queue::{Jobs, Mover, Queue};
use super::threads::Threads;
use super::{DatabaseUrl, Options, connect};
use crate::{Connection, DatabaseFailure, Error, WorkError as _};

/// The maximum number of runs of a job that fails transiently.
const ATTEMPTS: u32 = 8;

/// The maximum number of jobs that share a commit on SQLite.
const GROUP_SIZE: usize = 128;

/// The maximum time of a cheap read of a request. One that takes longer is more expensive than
/// its computed cost.
const CHEAP_TIME: Duration = Duration::from_millis(500);

/// The maximum time that a statement of a cheap read waits for a lock on PostgreSQL.
const CHEAP_LOCK: Duration = Duration::from_millis(25);

/// Starts a thread for each of `connections`, which run the jobs of a queue one by one. If
/// `expensive` is given, jobs that take long are moved there, so that they do not delay others.
pub(super) fn spawn_pool(
    threads: &mut Threads,
    source: ConnectionSource<'_>,
    (name, connections): (&str, usize),
    queue: &Queue,
    expensive: Option<&Queue>,
) {
    for number in 0..connections {
        let mut worker = Worker::new(source, queue.jobs(), number);
        worker.expensive = expensive.map(Queue::mover);
        threads.spawn(format!("recto-{name}-{number}"), worker, |worker| {
            while let Some(job) = worker.jobs.next() {
                worker.run(job);
            }
        });
    }
}

/// Starts the thread that writes to an embedded database.
pub(super) fn spawn_writer(threads: &mut Threads, source: ConnectionSource<'_>, queue: &Queue) {
    let worker = Worker::new(source, queue.jobs(), 0);
    threads.spawn("recto-write".to_owned(), worker, |worker| {
        while let Some(first) = worker.jobs.next() {
            let mut group = VecDeque::from([first]);
            group.extend(worker.jobs.waiting().take(GROUP_SIZE - 1));
            while group.len() > 1 {
                worker.run_group(&mut group);
            }
            if let Some(last) = group.pop_front() {
                worker.run(last);
            }
        }
    });
}

/// A database to open connections to.
#[derive(Clone, Copy)]
pub(super) struct ConnectionSource<'t> {
    pub(super) url: &'t DatabaseUrl,
    pub(super) options: Options,
    pub(super) files: &'t Arc<DatabaseFiles>,
}

/// A connection and its queue.
struct Worker {
    url: DatabaseUrl,
    options: Options,
    files: Arc<DatabaseFiles>,
    jobs: Jobs,
    /// Its number among those of the same queue.
    number: usize,
    /// The queue for requests that take longer than [`CHEAP_TIME`], if they have one.
    expensive: Option<Mover>,
    connection: Option<Connection>,
}

impl Worker {
    fn new(
        ConnectionSource { url, options, files }: ConnectionSource<'_>,
        jobs: Jobs,
        number: usize,
    ) -> Self {
        let (url, files) = (url.clone(), Arc::clone(files));
        Self { url, options, files, jobs, number, expensive: None, connection: None }
    }

    fn connection(&mut self) -> Result<&mut Connection, Error> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            // A connection to other files than those of the other connections would read nonsense
            // and write over it.
            self.files.check()?;
            let connection = connect::connect(&self.url, self.options)?;
            self.files.check()?;
            connection
        };
        Ok(self.connection.insert(connection))
    }

    /// Runs a job and sends its result, or moves it. A job without time left starts, too: its first
    /// statement fails.
    fn run(&mut self, mut job: Job) {
        let counters = Arc::clone(&self.jobs.counters);
        counters.running.store(1, Ordering::Relaxed);
        let outcome = self.attempt(&mut job);
        counters.running.store(0, Ordering::Relaxed);
        match &self.expensive {
            Some(expensive) if outcome == JobOutcome::TimedOut && expensive.has_time(&job) => {
                expensive.push(job);
            }
            _ => job.send_result(),
        }
    }

    /// Returns the limits of a run of a job.
    fn limits(&self, job: &Job) -> WorkLimits {
        let mut limits = job.limits().clone();
        if self.expensive.is_some()
            && let Some(deadline) = &mut limits.deadline
        {
            *deadline = (*deadline).min(Instant::now() + CHEAP_TIME);
            if let Some(timeouts) = &mut limits.timeouts
                && !self.url.is_embedded()
            {
                timeouts.statement = timeouts.statement.min(CHEAP_TIME);
                timeouts.lock = timeouts.lock.min(CHEAP_LOCK);
            }
        }
        limits
    }

    /// Runs a job until it has a result that is final, and returns the last outcome.
    fn attempt(&mut self, job: &mut Job) -> JobOutcome {
        let since = Instant::now();
        let files = Arc::clone(&self.files);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let limits = self.limits(job);
            let connection = match self.connection() {
                Ok(connection) => connection,
                Err(error) => {
                    job.fail(error);
                    return JobOutcome::Failed;
                }
            };
            let sent = connection.statements();
            connection.set_limits(limits);
            let outcome = match job.kind() {
                JobKind::Read => job.run(connection),
                JobKind::Write => in_transaction(connection, &files, job),
            };
            connection.set_limits(WorkLimits::default());
            let sent = connection.statements() - sent;
            self.jobs.counters.sent(sent);
            let again = match outcome {
                JobOutcome::Done | JobOutcome::Failed | JobOutcome::TimedOut => false,
                JobOutcome::Retry => self.has_time(since) && job.limits().check().is_ok(),
                // A read runs again. A write does not: it may have been committed.
                JobOutcome::Suspect => {
                    self.drop_if_broken() && job.kind() == JobKind::Read && attempt == 1
                }
                // A restart of the server breaks all connections.
                JobOutcome::NotStarted => self.drop_if_broken() && attempt == 1,
            };
            if !again || attempt == ATTEMPTS {
                return outcome;
            }
            std::thread::sleep(retry_delay(attempt, self.number));
        }
    }

    /// Runs jobs in one transaction, each in a savepoint, and sends their results after the commit.
    /// Jobs that were not started stay in `jobs`.
    fn run_group(&mut self, jobs: &mut VecDeque<Job>) {
        let mut group = Group::default();
        let counters = Arc::clone(&self.jobs.counters);
        if let Err(replaced) = self.files.check() {
            fail_all(jobs.drain(..), || replaced.clone().into());
            return;
        }
        let begun = self.begin_group(jobs);
        if let Err(error) = &begun
            && is_transient(error)
        {
            // Another program has locked the database; each job alone would fail too.
            fail_all(jobs.drain(..), || DatabaseFailure::Busy.into());
            return;
        }
        let running = jobs.len() as u64;
        counters.running.store(running, Ordering::Relaxed);
        let committed = begun.and_then(|connection| {
            let sent = connection.statements();
            let committed = group.run(connection, jobs);
            connection.set_limits(WorkLimits::default());
            counters.sent(connection.statements() - sent);
            committed
        });
        counters.running.store(0, Ordering::Relaxed);
        match committed {
            Ok(true) => {
                match self.files.committed() {
                    Ok(()) => group.ran.into_iter().for_each(AnyWork::send_result),
                    Err(replaced) => fail_all(group.ran, || replaced.clone().into()),
                }
                for job in group.slow {
                    self.run(job);
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
        for job in group.ran.into_iter().chain(jobs.drain(..)).chain(group.slow) {
            self.run(job);
        }
    }

    /// Begins the transaction of a group, waiting as long as for a single write.
    fn begin_group(&mut self, jobs: &VecDeque<Job>) -> Result<&mut Connection, Error> {
        let since = Instant::now();
        // The limits of the job with the latest deadline, or with none.
        let last = jobs
            .iter()
            .map(|job| job.limits())
            .max_by_key(|limits| (limits.deadline.is_none(), limits.deadline));
        let limits = last.cloned().unwrap_or_default();
        loop {
            let connection = self.connection()?;
            connection.set_limits(limits.clone());
            match connection.begin_write() {
                Err(error)
                    if is_transient(&error) && self.has_time(since) && limits.check().is_ok() => {}
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
    fn drop_if_broken(&mut self) -> bool {
        let broken = match &mut self.connection {
            Some(connection) => connection.has_open_transaction() || connection.ping().is_err(),
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
        if connection.has_open_transaction() && connection.roll_back().is_err() {
            self.connection = None;
        }
    }
}

fn in_transaction(connection: &mut Connection, files: &DatabaseFiles, job: &mut Job) -> JobOutcome {
    let begun = files.check().map_err(Error::from).and_then(|()| connection.begin_write());
    let outcome = match begun {
        Ok(()) => job.run(connection),
        Err(error) => {
            return match fail_transaction(job, error) {
                JobOutcome::Suspect => JobOutcome::NotStarted,
                outcome => outcome,
            };
        }
    };
    if outcome != JobOutcome::Done {
        // The job's own error is returned even if the rollback fails, as after SQLite has
        // interrupted a statement. `drop_if_broken` finds the open transaction then.
        let rolled_back = connection.roll_back();
        return if rolled_back.is_ok() { outcome } else { JobOutcome::Suspect };
    }
    if job.limits().check().is_err() {
        job.fail(DatabaseFailure::TimedOut.into());
        return connection.roll_back().map_or(JobOutcome::Suspect, |()| JobOutcome::TimedOut);
    }
    match connection.commit().and_then(|()| Ok(files.committed()?)) {
        Ok(()) => outcome,
        Err(error) => fail_transaction(job, error),
    }
}

/// Fails all jobs with an error.
fn fail_all(jobs: impl IntoIterator<Item = Job>, error: impl Fn() -> Error) {
    for mut job in jobs {
        job.fail(error());
        job.send_result();
    }
}

/// Stores the error of a transaction that could not begin or end.
fn fail_transaction(job: &mut Job, error: Error) -> JobOutcome {
    let outcome = match error.failure() {
        Some(failure) if failure.is_transient() => JobOutcome::Retry,
        Some(DatabaseFailure::TimedOut | DatabaseFailure::LockTimedOut) => JobOutcome::TimedOut,
        Some(_) | None => JobOutcome::Suspect,
    };
    job.fail(error);
    outcome
}

fn is_transient(error: &Error) -> bool {
    error.failure().is_some_and(DatabaseFailure::is_transient)
}

/// Returns the delay before the next run: longer each time, and different between the threads of a
/// queue, so that two that have blocked each other do not meet again.
fn retry_delay(attempt: u32, thread: usize) -> Duration {
    let spread = thread as u64 % 16;
    Duration::from_millis((1 << attempt.min(6)) + spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delays_differ_between_threads() {
        for attempt in 1..ATTEMPTS {
            let mut delays: Vec<_> = (0..4).map(|thread| retry_delay(attempt, thread)).collect();
            delays.dedup();
            assert_eq!(delays.len(), 4, "{delays:?}");
        }
    }
}
