//! A piece of work, on its way to a connection and back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::Answer;
use crate::{Connection, Error, Failure, WorkError};

/// Work whose types have been forgotten.
pub(super) type Job = Box<dyn AnyWork>;

/// Whether work changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// What running work once came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It succeeded, and what it wrote is to be kept.
    Done,
    /// It failed for good.
    Failed,
    /// It may succeed if it is run again.
    Again,
    /// The connection may be broken.
    Suspect,
    /// It has not been run, and the connection may be broken.
    NotBegun,
}

/// Work that can be run, run again, and answered.
pub(super) trait AnyWork: Send {
    fn kind(&self) -> Kind;
    /// Runs it and keeps the result.
    fn run(&mut self, conn: &mut Connection) -> Outcome;
    /// Replaces the result by a failure.
    fn fail(&mut self, error: Error);
    /// Sends the result to whoever waits for it.
    fn answer(self: Box<Self>);
    /// Whether nobody waits any more.
    fn is_abandoned(&self) -> bool;
}

/// A closure, its result and who waits for it.
pub(super) struct Work<W, T, E> {
    kind: Kind,
    closure: W,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<W, T, E> Work<W, T, E>
where
    W: FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: WorkError,
{
    pub(super) fn read(work: W) -> (Job, Answer<T, E>) {
        Self::job(Kind::Read, work)
    }

    pub(super) fn write(work: W) -> (Job, Answer<T, E>) {
        Self::job(Kind::Write, work)
    }

    fn job(kind: Kind, work: W) -> (Job, Answer<T, E>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { kind, closure: work, result: None, reply }), answer)
    }
}

impl<W, T, E> AnyWork for Work<W, T, E>
where
    W: FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: WorkError,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, conn: &mut Connection) -> Outcome {
        // The connection is checked or rolled back whatever happened to it.
        let result = catch_unwind(AssertUnwindSafe(|| (self.closure)(conn)))
            .unwrap_or_else(|panic| Err(Error::from(Failure::Panicked(message(&*panic))).into()));
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(error) => match error.failure() {
                Some(failure) if failure.is_transient() => Outcome::Again,
                Some(failure) if failure.suspects_connection() => Outcome::Suspect,
                Some(_) | None => Outcome::Failed,
            },
        };
        self.result = Some(result);
        outcome
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        let Self { closure, result, reply, .. } = *self;
        // First, since it may hold the database: whoever has the answer may count on it that
        // nothing is held for them any more.
        drop(closure);
        if let Some(result) = result {
            // Whoever asked may have gone away; then nobody needs the answer.
            let _ = reply.send(result);
        }
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Returns the message that a panic was raised with.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
