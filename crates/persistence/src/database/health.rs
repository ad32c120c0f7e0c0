//! The health of a database, checked on a thread and a connection of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use diesel::RunQueryDsl as _;
use diesel::sql_types::Integer;
use recto_domain::IdGenerator as _;
use recto_relations_diesel::RawConnection;
use tokio::sync::oneshot;

use super::files::DatabaseFiles;
use super::threads::Threads;
use super::{DatabaseUrl, Options, connect};
use crate::identity::lease;
use crate::{Connection, DatabaseFailure, Error, SystemIds};

/// The time for which a result is cached and a commit shows that the database is writable.
const FRESH: Duration = Duration::from_secs(1);
/// The interval at which the files of an idle embedded database are checked.
const WATCH: Duration = Duration::from_secs(1);
/// The time to wait for a locked SQLite database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of waiting callers; further ones get the error that the check takes too
/// long.
const WAITING: usize = 256;
/// The name of the lease whose row is written.
const NAME: &str = "health";

/// The reason why a database cannot be read and written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unhealthy(Arc<str>);

type Reply = oneshot::Sender<Result<(), Unhealthy>>;

/// A handle to the thread that checks the health of a database.
#[derive(Debug)]
pub(super) struct Health(Sender<Reply>);

impl Health {
    /// Starts the thread. Its connection stays open as long as the database, so that SQLite does
    /// not delete the write-ahead log in between.
    pub(super) fn start(
        threads: &mut Threads,
        url: &DatabaseUrl,
        options: Options,
        files: Arc<DatabaseFiles>,
        connection: Connection,
    ) -> Self {
        let (sender, receiver) = bounded(WAITING);
        let options = Options { busy_timeout: BUSY_TIMEOUT, ..options };
        let checker =
            Checker { url: url.clone(), options, files, connection, last: None, rescued: false };
        threads.spawn("recto-db-health".to_owned(), checker, move |checker| checker.run(&receiver));
        Self(sender)
    }

    /// Returns whether the database can be read and written. This waits as long as the database
    /// takes.
    pub(super) async fn check(&self) -> Result<(), Unhealthy> {
        let (reply, result) = oneshot::channel();
        if self.0.try_send(reply).is_err() {
            return Err(Unhealthy("the check of the database takes too long".into()));
        }
        result.await.unwrap_or_else(|_| Err(Unhealthy("the database is closed".into())))
    }
}

struct Checker {
    url: DatabaseUrl,
    options: Options,
    files: Arc<DatabaseFiles>,
    connection: Connection,
    last: Option<(Instant, Result<(), Unhealthy>)>,
    /// Whether the content of a lost write-ahead log was copied, or cannot be.
    rescued: bool,
}

impl Checker {
    fn run(&mut self, requests: &Receiver<Reply>) {
        if self.url.is_embedded() {
            let busy = self.options.busy_timeout.as_millis();
            // A failure shows in the checks.
            let _ = self.connection.execute_batch(&format!("PRAGMA busy_timeout = {busy}"));
        }
        loop {
            match requests.recv_timeout(WATCH) {
                // The caller may have stopped waiting.
                Ok(reply) if reply.is_closed() => {}
                Ok(reply) => {
                    let _ = reply.send(self.result());
                }
                Err(RecvTimeoutError::Timeout) => self.watch(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.watch();
                    return;
                }
            }
        }
    }

    /// Returns the last result if it is fresh, and a new one otherwise.
    fn result(&mut self) -> Result<(), Unhealthy> {
        if let Some((at, result)) = &self.last
            && at.elapsed() < FRESH
        {
            return result.clone();
        }
        self.watch();
        let result = self.check().map_err(|error| Unhealthy(error.to_string().into()));
        self.last = Some((Instant::now(), result.clone()));
        result
    }

    fn check(&mut self) -> Result<(), Error> {
        let mut checked = self.read_and_write();
        if checked.as_ref().is_err_and(suspects_connection) && self.is_broken() {
            // A restart of the server breaks all connections.
            self.connection = connect::connect(&self.url, self.options)?;
            checked = self.read_and_write();
        }
        match checked {
            // The check did not get the lock, but others wrote lately: the database works.
            Err(Error::Failure(DatabaseFailure::Busy)) if self.files.was_written_within(FRESH) => {
                Ok(())
            }
            checked => checked,
        }
    }

    /// Reads a row and, unless a write was committed just now, writes one durably.
    fn read_and_write(&mut self) -> Result<(), Error> {
        self.files.check()?;
        if self.files.was_written_within(FRESH) {
            return lease::read(&mut self.connection, NAME);
        }
        // Another value each time, since SQLite does not write equal ones.
        let value = SystemIds.new_id().uid();
        let expired = DateTime::UNIX_EPOCH;
        lease::acquire(&mut self.connection, NAME, value, expired, expired)?;
        Ok(self.files.check()?)
    }

    fn is_broken(&mut self) -> bool {
        self.connection.has_open_transaction() || self.connection.ping().is_err()
    }

    /// Checks the files, and saves the content of a write-ahead log that was deleted: committed
    /// writes that are not yet in the database. The connection still has the deleted file open.
    fn watch(&mut self) {
        if self.files.check().is_ok() || self.rescued || !self.files.has_lost_only_its_log() {
            return;
        }
        match self.checkpoint() {
            Ok(false) => {} // A reader needs the log. The rest is copied at the next check.
            Ok(true) => {
                self.rescued = true;
                tracing::warn!("copied the deleted write-ahead log to the database");
            }
            Err(error) => {
                self.rescued = true;
                tracing::error!(%error, "the deleted write-ahead log was not copied");
            }
        }
    }

    /// Copies the write-ahead log to the database, and returns whether all of it was copied.
    fn checkpoint(&mut self) -> Result<bool, Error> {
        match self.connection.raw() {
            RawConnection::Sqlite(connection) => {
                let Checkpoint { log, checkpointed } =
                    diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(connection)?;
                Ok(log == checkpointed)
            }
            RawConnection::Postgres(_) => Ok(true),
        }
    }
}

/// The number of pages in the write-ahead log, and how many of them were copied.
#[derive(diesel::QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

fn suspects_connection(error: &Error) -> bool {
    matches!(error, Error::Failure(failure) if failure.suspects_connection())
}
