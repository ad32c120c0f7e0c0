//! Work for requests: it has a deadline, and reads have a class.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use recto_relations::Cost;
use recto_relations_diesel::{Timeouts, WorkLimits};
use tokio::time::timeout_at;

use super::job::{Job, JobKind, ResultReceiver, Work};
use super::queue::Queue;
use super::statistics::count;
use super::{Database, lost};
use crate::{Connection, DatabaseFailure, Error, WorkError};

/// The cost above which a read is expensive: more than a page of 100 books, or a book with all its
/// relations.
const MAX_CHEAP: Cost = Cost::of_entities(125);

/// Returns whether a read of this cost has the threads of expensive reads.
///
/// ```
/// use recto_persistence::is_expensive;
/// use recto_relations::Cost;
///
/// assert!(!is_expensive(Cost::of_entities(100)));
/// assert!(is_expensive(Cost::of_entities(10_000)));
/// ```
pub fn is_expensive(cost: Cost) -> bool {
    cost > MAX_CHEAP
}

impl Database {
    /// Runs the read of a request, on the threads for its cost. It must end within
    /// [`request_timeout`](super::Options::request_timeout), and stops before the next statement
    /// when the future is dropped.
    ///
    /// # Errors
    /// The error of `work`; [`Overloaded`](DatabaseFailure::Overloaded) or
    /// [`Unavailable`](DatabaseFailure::Unavailable) without running it;
    /// [`TimedOut`](DatabaseFailure::TimedOut).
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn request_read<T, E>(
        &self,
        cost: Cost,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let queue = if is_expensive(cost) { &self.0.expensive_reads } else { &self.0.reads };
        let cancelled = Arc::new(AtomicBool::new(false));
        let cancel = CancelOnDrop(Arc::clone(&cancelled));
        let submitted = Instant::now();
        let limits = WorkLimits { cancelled: Some(cancelled), ..self.request_limits(submitted) };
        let (job, receiver) = Work::job(JobKind::Read, submitted, limits, work);
        let result = self.within_timeout(queue, submitted, job, receiver).await;
        drop(cancel);
        result
    }

    /// Runs the write of a request in a transaction, as [`write`](Self::write) does. It must end
    /// within [`request_timeout`](super::Options::request_timeout): if the time is over before the
    /// commit, the transaction is rolled back. It is not run if the future is dropped before it
    /// begins.
    ///
    /// # Errors
    /// The error of `work`; [`Overloaded`](DatabaseFailure::Overloaded) or
    /// [`Unavailable`](DatabaseFailure::Unavailable) without running it;
    /// [`TimedOut`](DatabaseFailure::TimedOut).
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn request_write<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let submitted = Instant::now();
        let limits = self.request_limits(submitted);
        let (job, receiver) = Work::job(JobKind::Write, submitted, limits, work);
        self.within_timeout(&self.0.writes, submitted, job, receiver).await
    }

    async fn within_timeout<T, E: WorkError>(
        &self,
        queue: &Queue,
        submitted: Instant,
        job: Job,
        receiver: ResultReceiver<T, E>,
    ) -> Result<T, E> {
        queue.push(job).map_err(Error::from)?;
        let until = submitted + self.0.options.request_timeout;
        let result = match timeout_at(until.into(), receiver).await {
            Ok(sent) => sent.map_err(|_| lost())?,
            Err(_) => Err(Error::from(DatabaseFailure::TimedOut).into()),
        };
        if let Err(error) = &result
            && matches!(
                error.failure(),
                Some(DatabaseFailure::TimedOut | DatabaseFailure::LockTimedOut)
            )
        {
            count(&queue.failures().timed_out);
        }
        result
    }

    fn request_limits(&self, submitted: Instant) -> WorkLimits {
        let timeout = self.0.options.request_timeout;
        // The work ends a little before the caller stops waiting, which then gets its result.
        let deadline = submitted + timeout * 49 / 50;
        // A blocked statement releases its connection while there is time for others. On SQLite
        // the database is locked as a whole.
        let lock = if self.0.url.is_embedded() {
            self.0.options.busy_timeout.min(timeout * 4 / 5)
        } else {
            timeout / 4
        };
        let timeouts = Timeouts { statement: timeout, lock };
        WorkLimits { deadline: Some(deadline), cancelled: None, timeouts: Some(timeouts) }
    }
}

/// Cancels work when it is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
