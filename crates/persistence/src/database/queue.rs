//! The queues of the database's threads, one for each class of jobs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::job::Job;
use super::statistics::{ClassStatistics, Counters, FailureCounters, count};
use crate::DatabaseFailure;

/// The time between two searches of a full queue for abandoned jobs.
const CLEANUP_INTERVAL: Duration = Duration::from_millis(20);

/// The sending end of a bounded queue.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Sender<Job>,
    receiver: Receiver<Job>,
    max_wait: Duration,
    failures: Arc<FailureCounters>,
    /// The counters of each thread.
    counters: Mutex<Vec<Arc<Counters>>>,
    /// When the queue was last searched for abandoned jobs.
    cleaned: Mutex<Instant>,
}

/// The receiving end, for one thread.
#[derive(Debug)]
pub(super) struct Jobs {
    receiver: Receiver<Job>,
    /// The maximum time that a job with a deadline waits.
    max_wait: Duration,
    failures: Arc<FailureCounters>,
    pub(super) counters: Arc<Counters>,
}

/// A sender for jobs that move to this queue.
#[derive(Debug)]
pub(super) struct Mover {
    sender: Sender<Job>,
    max_wait: Duration,
    failures: Arc<FailureCounters>,
}

impl Queue {
    /// Returns a queue of at most `capacity` jobs.
    pub(super) fn new(capacity: usize, max_wait: Duration) -> Self {
        let (sender, receiver) = bounded(capacity);
        let (failures, counters) = (Arc::default(), Mutex::default());
        let cleaned = Mutex::new(Instant::now());
        Self { sender, receiver, max_wait, failures, counters, cleaned }
    }

    /// Returns the receiving end for one more thread.
    pub(super) fn jobs(&self) -> Jobs {
        let counters = Arc::<Counters>::default();
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        Jobs {
            receiver: self.receiver.clone(),
            max_wait: self.max_wait,
            failures: Arc::clone(&self.failures),
            counters,
        }
    }

    /// Returns a sender for jobs that move to this queue.
    pub(super) fn mover(&self) -> Mover {
        let (sender, failures) = (self.sender.clone(), Arc::clone(&self.failures));
        Mover { sender, max_wait: self.max_wait, failures }
    }

    /// Returns the counters of jobs that did not run to their end.
    pub(super) fn failures(&self) -> &FailureCounters {
        &self.failures
    }

    /// Adds a job.
    ///
    /// # Errors
    /// [`Overloaded`](DatabaseFailure::Overloaded) if the queue is full, and
    /// [`Unavailable`](DatabaseFailure::Unavailable) if its threads have ended.
    pub(super) fn push(&self, job: Job) -> Result<(), DatabaseFailure> {
        let pushed = match self.sender.try_send(job) {
            Err(TrySendError::Full(job)) if self.remove_abandoned() => self.sender.try_send(job),
            pushed => pushed,
        };
        pushed.map_err(|error| match error {
            TrySendError::Full(_) => {
                count(&self.failures.refused);
                DatabaseFailure::Overloaded
            }
            TrySendError::Disconnected(_) => {
                DatabaseFailure::Unavailable("its threads have ended".to_owned())
            }
        })
    }

    /// Removes jobs whose callers no longer wait: while the threads are blocked, they would keep
    /// the queue full. Returns whether it has looked for them.
    fn remove_abandoned(&self) -> bool {
        let Ok(mut cleaned) = self.cleaned.try_lock() else { return false };
        if cleaned.elapsed() < CLEANUP_INTERVAL {
            return false;
        }
        let waiting: Vec<Job> = self.receiver.try_iter().take(self.receiver.len()).collect();
        for job in waiting {
            if job.is_abandoned() {
                count(&self.failures.abandoned);
            } else {
                // Others may have been added meanwhile.
                self.mover().push(job);
            }
        }
        *cleaned = Instant::now();
        true
    }

    /// Returns the statistics.
    pub(super) fn statistics(&self) -> ClassStatistics {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = ClassStatistics::new(self.receiver.len(), &self.failures);
        counters.iter().fold(failed, |sum, counters| sum.with(counters))
    }
}

impl Mover {
    /// Returns whether there is time for a job that was stopped before its own limits.
    pub(super) fn has_time(&self, job: &Job) -> bool {
        job.limits().check().is_ok() && job.submitted().elapsed() < self.max_wait
    }

    /// Adds a job, or refuses it if the queue is full.
    pub(super) fn push(&self, job: Job) {
        if let Err(error) = self.sender.try_send(job) {
            count(&self.failures.refused);
            refuse(error.into_inner());
        }
    }
}

impl Jobs {
    /// Waits for the next job that should run. Returns `None` if the database is being closed.
    pub(super) fn next(&self) -> Option<Job> {
        loop {
            if let Some(job) = self.admit(self.receiver.recv().ok()?) {
                return Some(job);
            }
        }
    }

    /// Returns the jobs that wait now and should run.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Job> {
        self.receiver.try_iter().filter_map(|job| self.admit(job))
    }

    /// Returns the job if its caller waits and it has time to run.
    fn admit(&self, job: Job) -> Option<Job> {
        if job.is_abandoned() {
            count(&self.failures.abandoned);
            return None;
        }
        let waited = job.submitted().elapsed();
        self.counters.started(waited);
        if job.limits().deadline.is_none() {
            return Some(job);
        }
        if waited > self.max_wait {
            count(&self.failures.refused);
            refuse(job);
            return None;
        }
        Some(job)
    }
}

fn refuse(mut job: Job) {
    job.fail(DatabaseFailure::Overloaded.into());
    job.send_result();
}
