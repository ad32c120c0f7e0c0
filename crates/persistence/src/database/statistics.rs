//! Statistics of the threads of a database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Statistics of the threads of a [`Database`](super::Database), for each class of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Reads of a low cost.
    pub reads: ClassStatistics,
    /// Reads of a high cost.
    pub expensive_reads: ClassStatistics,
    /// Writes.
    pub writes: ClassStatistics,
}

/// Statistics of the threads of one class. All but the first three count since the database was
/// opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassStatistics {
    /// The threads, each with its connection.
    pub threads: u64,
    /// The jobs that wait now, including abandoned ones.
    pub queued: usize,
    /// The jobs that run now.
    pub running: u64,
    /// The jobs that were dequeued.
    pub started: u64,
    /// The time that these jobs have waited.
    pub waited: Duration,
    /// The jobs that were refused, because the queue was full or they waited too long.
    pub refused: u64,
    /// The jobs that did not end in time.
    pub timed_out: u64,
    /// The jobs that were skipped because their callers no longer waited.
    pub abandoned: u64,
    /// The statements that were sent, except transaction control.
    pub statements: u64,
}

/// The counters of one thread, which alone changes them, so that threads do not share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) running: AtomicU64,
    started: AtomicU64,
    waited_micros: AtomicU64,
    statements: AtomicU64,
}

/// The counters of jobs that did not run to their end, which is rare.
#[derive(Debug, Default)]
pub(super) struct FailureCounters {
    pub(super) refused: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) abandoned: AtomicU64,
}

impl Counters {
    /// Counts a dequeued job.
    pub(super) fn started(&self, waited: Duration) {
        add(&self.started, 1);
        add(&self.waited_micros, u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts statements.
    pub(super) fn sent(&self, statements: u64) {
        add(&self.statements, statements);
    }
}

impl ClassStatistics {
    pub(super) fn new(queued: usize, failures: &FailureCounters) -> Self {
        Self {
            queued,
            refused: value(&failures.refused),
            timed_out: value(&failures.timed_out),
            abandoned: value(&failures.abandoned),
            ..Self::default()
        }
    }

    /// Adds what one thread has counted.
    pub(super) fn with(self, counters: &Counters) -> Self {
        Self {
            threads: self.threads + 1,
            running: self.running + value(&counters.running),
            started: self.started + value(&counters.started),
            waited: self.waited + Duration::from_micros(value(&counters.waited_micros)),
            statements: self.statements + value(&counters.statements),
            ..self
        }
    }
}

/// Adds to a counter that one thread changes.
fn add(counter: &AtomicU64, number: u64) {
    counter.store(value(counter).wrapping_add(number), Ordering::Relaxed);
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Adds one to a counter that several threads change.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
