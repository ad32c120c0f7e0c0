//! What the threads of a database do, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the threads of a [`Database`](super::Database) do, for each class of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Reads of a low cost.
    pub reads: ClassStatistics,
    /// Reads of a high cost.
    pub expensive_reads: ClassStatistics,
    /// Writes.
    pub writes: ClassStatistics,
}

/// What the threads of one class do. All but the first two count since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassStatistics {
    /// The work that waits now, including abandoned work.
    pub queued: usize,
    /// The work that runs now.
    pub running: u64,
    /// The work whose turn has come.
    pub started: u64,
    /// The time that all this work has waited.
    pub waited: Duration,
    /// The work that was refused, because the queue was full or its turn came too late.
    pub refused: u64,
    /// The work that did not end in time.
    pub timed_out: u64,
    /// The work that was not begun because its caller no longer waited.
    pub abandoned: u64,
    /// The statements that were sent, except transaction control.
    pub statements: u64,
}

/// The counters behind [`ClassStatistics`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) running: AtomicU64,
    started: AtomicU64,
    waited_micros: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) abandoned: AtomicU64,
    pub(super) statements: AtomicU64,
}

impl Counters {
    /// Counts work whose turn has come.
    pub(super) fn started(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.started.fetch_add(1, Ordering::Relaxed);
        self.waited_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn read(&self, queued: usize) -> ClassStatistics {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClassStatistics {
            queued,
            running: value(&self.running),
            started: value(&self.started),
            waited: Duration::from_micros(value(&self.waited_micros)),
            refused: value(&self.refused),
            timed_out: value(&self.timed_out),
            abandoned: value(&self.abandoned),
            statements: value(&self.statements),
        }
    }
}

/// Adds one to a counter.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
