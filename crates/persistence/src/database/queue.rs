//! The queues of the database's threads, one for each class of work.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::job::Job;
use super::statistics::{ClassStatistics, Counters, count};
use crate::Failure;

/// The time between two searches of a full queue for abandoned jobs.
const CLEANUP_INTERVAL: Duration = Duration::from_millis(20);

/// A bounded queue, as those that submit work see it.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Sender<Job>,
    jobs: Jobs,
    /// When the queue was last searched for abandoned jobs.
    cleaned: Mutex<Instant>,
}

/// A bounded queue, as the threads that run its jobs see it.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    receiver: Receiver<Job>,
    /// The maximum time that a job with a deadline waits.
    max_wait: Duration,
    pub(super) counters: Arc<Counters>,
}

impl Queue {
    /// Returns a queue of at most `capacity` jobs.
    pub(super) fn new(capacity: usize, max_wait: Duration) -> Self {
        let (sender, receiver) = bounded(capacity);
        let jobs = Jobs { receiver, max_wait, counters: Arc::default() };
        Self { sender, jobs, cleaned: Mutex::new(Instant::now()) }
    }

    /// Returns the end of the queue that its threads take jobs from.
    pub(super) fn jobs(&self) -> Jobs {
        self.jobs.clone()
    }

    /// Returns the counters.
    pub(super) fn counters(&self) -> &Counters {
        &self.jobs.counters
    }

    /// Adds a job.
    ///
    /// # Errors
    /// [`Overloaded`](Failure::Overloaded) if the queue is full, and
    /// [`Unavailable`](Failure::Unavailable) if its threads have ended.
    pub(super) fn push(&self, job: Job) -> Result<(), Failure> {
        let pushed = match self.sender.try_send(job) {
            Err(TrySendError::Full(job)) if self.remove_abandoned() => self.sender.try_send(job),
            pushed => pushed,
        };
        pushed.map_err(|error| match error {
            TrySendError::Full(_) => {
                count(&self.counters().refused);
                Failure::Overloaded
            }
            TrySendError::Disconnected(_) => {
                Failure::Unavailable("its threads have ended".to_owned())
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
        let waiting: Vec<Job> =
            self.jobs.receiver.try_iter().take(self.jobs.receiver.len()).collect();
        for job in waiting {
            if job.is_abandoned() {
                count(&self.counters().abandoned);
            } else if let Err(error) = self.sender.try_send(job) {
                // Others were added meanwhile.
                self.jobs.refuse(error.into_inner(), Failure::Overloaded);
            }
        }
        *cleaned = Instant::now();
        true
    }

    /// Returns the statistics.
    pub(super) fn statistics(&self) -> ClassStatistics {
        self.counters().read(self.jobs.receiver.len())
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
            count(&self.counters.abandoned);
            return None;
        }
        let waited = job.submitted().elapsed();
        self.counters.started(waited);
        if job.limits().deadline.is_none() {
            return Some(job);
        }
        if waited > self.max_wait {
            count(&self.counters.refused);
            self.refuse(job, Failure::Overloaded);
            return None;
        }
        Some(job)
    }

    fn refuse(&self, mut job: Job, failure: Failure) {
        job.fail(failure.into());
        job.answer();
    }
}
