//! Jobs in the queue of a connection.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use recto_relations_diesel::{Engine, WorkLimits};
use tokio::sync::oneshot;

use super::interrupt;
use crate::{Connection, DatabaseFailure, Error, WorkError};

/// A job with its types erased.
pub(super) type Job = Box<dyn AnyWork>;

/// The receiver of the result of a job.
pub(super) type ResultReceiver<T, E> = oneshot::Receiver<Result<T, E>>;

/// Whether a job reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobKind {
    Read,
    Write,
}

/// The result of one run of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobOutcome {
    /// It succeeded, and its writes can be committed.
    Done,
    /// It failed permanently.
    Failed,
    /// It was stopped by its limits.
    TimedOut,
    /// It may succeed if it runs again.
    Retry,
    /// The connection may be broken.
    Suspect,
    /// It did not run, and the connection may be broken.
    NotStarted,
}

/// A job that can be run repeatedly, and whose result is sent to its caller.
pub(super) trait AnyWork: Send {
    fn kind(&self) -> JobKind;
    fn submitted(&self) -> Instant;
    fn limits(&self) -> &WorkLimits;
    /// Runs it and stores the result. The caller has set the limits of the connection.
    fn run(&mut self, conn: &mut Connection) -> JobOutcome;
    /// Replaces the result with an error.
    fn fail(&mut self, error: Error);
    /// Sends the result to the caller.
    fn send_result(self: Box<Self>);
    /// Returns whether the caller no longer waits.
    fn is_abandoned(&self) -> bool;
}

/// A closure, its limits, its result, and the channel to its caller.
pub(super) struct Work<W, T, E> {
    kind: JobKind,
    submitted: Instant,
    limits: WorkLimits,
    closure: W,
    result: Option<Result<T, E>>,
    sender: oneshot::Sender<Result<T, E>>,
}

impl<W, T, E> Work<W, T, E>
where
    W: FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: WorkError,
{
    pub(super) fn job(
        kind: JobKind,
        submitted: Instant,
        limits: WorkLimits,
        closure: W,
    ) -> (Job, ResultReceiver<T, E>) {
        let (sender, receiver) = oneshot::channel();
        (Box::new(Self { kind, submitted, limits, closure, result: None, sender }), receiver)
    }
}

impl<W, T, E> AnyWork for Work<W, T, E>
where
    W: FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: WorkError,
{
    fn kind(&self) -> JobKind {
        self.kind
    }

    fn submitted(&self) -> Instant {
        self.submitted
    }

    fn limits(&self) -> &WorkLimits {
        &self.limits
    }

    fn run(&mut self, conn: &mut Connection) -> JobOutcome {
        let limits = match conn.engine() {
            Engine::Sqlite => Some(conn.limits().clone()),
            Engine::Postgres => None,
        };
        // The connection is checked or rolled back afterwards.
        let mut run = || catch_unwind(AssertUnwindSafe(|| (self.closure)(conn)));
        let ended = match limits {
            Some(limits) => interrupt::with_limits(limits, run),
            None => run(),
        };
        let result = ended.unwrap_or_else(|panic| {
            Err(Error::from(DatabaseFailure::Panicked(message(&*panic))).into())
        });
        let outcome = match &result {
            Ok(_) => JobOutcome::Done,
            Err(error) => match error.failure() {
                Some(failure) if failure.is_transient() => JobOutcome::Retry,
                Some(failure) if failure.suspects_connection() => JobOutcome::Suspect,
                Some(
                    DatabaseFailure::TimedOut
                    | DatabaseFailure::LockTimedOut
                    | DatabaseFailure::Cancelled,
                ) => JobOutcome::TimedOut,
                Some(_) | None => JobOutcome::Failed,
            },
        };
        self.result = Some(result);
        outcome
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error.into()));
    }

    fn send_result(self: Box<Self>) {
        let Self { closure, result, sender, .. } = *self;
        // The closure may own a clone of the database; callers rely on its being dropped first.
        drop(closure);
        if let Some(result) = result {
            // The caller may have stopped waiting.
            let _ = sender.send(result);
        }
    }

    fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
