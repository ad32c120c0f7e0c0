//! Requests' work, and threads that are blocked.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use recto_persistence::{Connection, Database, DatabaseFailure, Error, Options};
use recto_relations::Cost;

use super::blocked::{Held, block};

/// Enough for any work here, however slow the machine is.
pub(crate) const LONG: Duration = Duration::from_mins(1);
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

pub(crate) fn options(request_timeout: Duration) -> Options {
    Options { connections: NonZeroUsize::MIN, request_timeout, ..Options::default() }
}

pub(crate) type Blocked = Vec<(thread::JoinHandle<Result<(), Error>>, Arc<Held>)>;

pub(crate) fn block_all(
    database: &Database,
    number: usize,
    kind: fn(&Database, Arc<Held>) -> Result<(), Error>,
) -> Blocked {
    (0..number).map(|_| block(database, kind)).collect()
}

pub(crate) fn release(blocked: Blocked) {
    for (thread, held) in blocked {
        held.release();
        thread.join().unwrap().unwrap();
    }
}

pub(crate) fn cheap_ping(database: &Database) -> Result<(), Error> {
    run(database.request_read(Cost::default(), Connection::ping))
}

pub(crate) fn is_timeout<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Failure(DatabaseFailure::TimedOut | DatabaseFailure::LockTimedOut)))
}

pub(crate) fn is_overloaded<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Failure(DatabaseFailure::Overloaded)))
}
