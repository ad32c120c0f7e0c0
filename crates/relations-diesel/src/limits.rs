//! Limits of the work on a connection: a deadline, cancellation, and the engine's own timeouts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::result::Error as DieselError;

use crate::engine::Engine;

/// The limits of the work on a [`Connection`](crate::Connection), checked before each statement.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
/// # fn main() {
/// # let mut conn = connection();
/// use std::time::{Duration, Instant};
/// use recto_relations_diesel::WorkLimits;
///
/// let deadline = Instant::now() + Duration::from_secs(5);
/// conn.set_limits(WorkLimits { deadline: Some(deadline), ..WorkLimits::default() });
/// assert!(conn.ping().is_ok());
/// conn.set_limits(WorkLimits { deadline: Some(Instant::now()), ..WorkLimits::default() });
/// assert!(conn.ping().is_err());
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct WorkLimits {
    /// The time by which the work must have ended.
    pub deadline: Option<Instant>,
    /// Whether the work is cancelled.
    pub cancelled: Option<Arc<AtomicBool>>,
    /// The engine's timeouts; `None` to leave them as they are.
    pub timeouts: Option<Timeouts>,
}

/// The timeouts of an engine. Near the deadline of the work they are shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The maximum time of a statement. SQLite has no such timeout.
    pub statement: Duration,
    /// The maximum time to wait for a lock.
    pub lock: Duration,
}

/// The reason why a statement was not sent. It is the cause of a
/// [`QueryBuilderError`](DieselError::QueryBuilderError).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The work was cancelled.
    #[error("the work was cancelled")]
    Cancelled,
    /// The deadline has passed.
    #[error("the work did not end in time")]
    TimedOut,
}

impl From<Interrupted> for DieselError {
    fn from(interrupted: Interrupted) -> Self {
        Self::QueryBuilderError(Box::new(interrupted))
    }
}

impl Interrupted {
    /// Returns the reason in a Diesel error, if that is what the error is about.
    pub fn of(error: &DieselError) -> Option<Self> {
        match error {
            DieselError::QueryBuilderError(cause) => cause.downcast_ref().copied(),
            _ => None,
        }
    }
}

impl WorkLimits {
    /// Returns the time that remains, or `None` without a deadline.
    ///
    /// # Errors
    /// [`Interrupted`] if the work must stop.
    pub fn check(&self) -> Result<Option<Duration>, Interrupted> {
        if self.cancelled.as_ref().is_some_and(|cancelled| cancelled.load(Ordering::Relaxed)) {
            return Err(Interrupted::Cancelled);
        }
        let Some(deadline) = self.deadline else { return Ok(None) };
        match deadline.checked_duration_since(Instant::now()) {
            None | Some(Duration::ZERO) => Err(Interrupted::TimedOut),
            remaining => Ok(remaining),
        }
    }

    /// Returns the timeouts to set before a statement, or `None` if `current` may stay, so that
    /// usual work needs no statement to set them.
    pub(crate) fn timeouts_to_set(
        &self,
        engine: Engine,
        current: Option<Timeouts>,
        remaining: Option<Duration>,
    ) -> Option<Timeouts> {
        let longest = self.timeouts?;
        let within = |timeout: Duration| remaining.map_or(timeout, |left| left.min(timeout));
        let wanted = match engine {
            Engine::Sqlite => Timeouts { lock: within(longest.lock), ..longest },
            Engine::Postgres => Timeouts { statement: within(longest.statement), ..longest },
        };
        let may_stay = current.is_some_and(|current| {
            is_close(current.statement, wanted.statement) && is_close(current.lock, wanted.lock)
        });
        if may_stay { None } else { Some(wanted) }
    }
}

/// Returns whether two timeouts differ by at most an eighth.
fn is_close(current: Duration, wanted: Duration) -> bool {
    current.abs_diff(wanted) <= wanted / 8
}

impl Timeouts {
    /// Returns the statements that set the timeouts, in a PostgreSQL transaction until its end.
    pub(crate) fn sql(self, engine: Engine, in_transaction: bool) -> String {
        // Zero would disable the timeout.
        let millis = |timeout: Duration| timeout.as_millis().clamp(1, 1 << 30);
        let (statement, lock) = (millis(self.statement), millis(self.lock));
        match engine {
            Engine::Sqlite => format!("PRAGMA busy_timeout = {lock}"),
            Engine::Postgres => {
                let local = if in_transaction { "LOCAL " } else { "" };
                format!(
                    "SET {local}statement_timeout = {statement}; SET {local}lock_timeout = {lock}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Timeouts =
        Timeouts { statement: Duration::from_secs(5), lock: Duration::from_secs(1) };

    fn to_set(
        engine: Engine,
        current: Option<Timeouts>,
        remaining: Option<u64>,
    ) -> Option<Timeouts> {
        let limits = WorkLimits { timeouts: Some(LONGEST), ..WorkLimits::default() };
        limits.timeouts_to_set(engine, current, remaining.map(Duration::from_millis))
    }

    #[test]
    fn timeouts_are_set_once() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            assert_eq!(to_set(engine, None, None), Some(LONGEST));
            assert_eq!(to_set(engine, Some(LONGEST), None), None);
            assert_eq!(to_set(engine, Some(LONGEST), Some(4_800)), None);
            assert_eq!(WorkLimits::default().timeouts_to_set(engine, None, None), None);
        }
    }

    #[test]
    fn timeouts_end_with_the_deadline() {
        let late = to_set(Engine::Postgres, Some(LONGEST), Some(2_000)).unwrap();
        assert_eq!(late, Timeouts { statement: Duration::from_secs(2), ..LONGEST });
        assert_eq!(to_set(Engine::Postgres, Some(late), Some(5_000)), Some(LONGEST));
        let late = to_set(Engine::Sqlite, Some(LONGEST), Some(500)).unwrap();
        assert_eq!(late, Timeouts { lock: Duration::from_millis(500), ..LONGEST });
    }

    #[test]
    fn cancellation_and_deadline_stop_work() {
        let cancelled = Arc::new(AtomicBool::new(false));
        let limits =
            WorkLimits { cancelled: Some(Arc::clone(&cancelled)), ..WorkLimits::default() };
        assert_eq!(limits.check(), Ok(None));
        cancelled.store(true, Ordering::Relaxed);
        assert_eq!(limits.check(), Err(Interrupted::Cancelled));
        let error = DieselError::from(Interrupted::Cancelled);
        assert_eq!(Interrupted::of(&error), Some(Interrupted::Cancelled));
        let limits = WorkLimits { deadline: Some(Instant::now()), ..WorkLimits::default() };
        assert_eq!(limits.check(), Err(Interrupted::TimedOut));
    }
}
