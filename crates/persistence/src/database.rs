//! The database as the crates above use it: reads and writes on its own threads.

mod connect;
mod job;
mod threads;
mod url;
mod worker;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, TrySendError};
use tokio::sync::oneshot;

pub use url::{DatabaseUrl, DatabaseUrlError};

use crate::{Connection, Error, Failure, WorkError};
use job::{Job, Work};
use threads::Threads;

/// Settings of a [`Database`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The number of connections, each with its own thread: at least four on PostgreSQL, and one
    /// more for writes on SQLite.
    pub connections: NonZeroUsize,
    /// The maximum number of waiting jobs; further ones are refused.
    pub queue: usize,
    /// The time to wait for a locked SQLite database.
    pub busy_timeout: Duration,
}

impl Default for Options {
    /// One connection for each processor.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { connections: processors, queue: 1024, busy_timeout: Duration::from_secs(10) }
    }
}

/// A database on one of the two engines.
///
/// Clones are cheap and share the connections. Work runs on the database's own threads, one for
/// each connection, so that it does not block threads that serve requests.
///
/// Dropping the last clone blocks until running work has ended and the connections are closed,
/// except within the database's own work.
#[derive(Debug, Clone)]
pub struct Database(Arc<OpenDatabase>);

/// The state that clones share. Fields are dropped in this order: the threads end when their
/// queues have no senders.
#[derive(Debug)]
struct OpenDatabase {
    url: DatabaseUrl,
    readers: Sender<Job>,
    writer: Sender<Job>,
    threads: Threads,
}

impl Database {
    /// Opens a database. An embedded one is created if it does not exist. The schema is not
    /// checked.
    ///
    /// # Errors
    /// [`Unavailable`](Failure::Unavailable) if the first connection fails.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use recto_persistence::{Database, DatabaseUrl, Options};
    ///
    /// let url = DatabaseUrl::file(dir.path().join("recto.db"));
    /// let database = Database::open(&url, Options::default())?;
    /// database.read_blocking(|conn| conn.ping())?;
    /// # Ok::<(), recto_persistence::Error>(())
    /// ```
    pub fn open(url: &DatabaseUrl, options: Options) -> Result<Self, Error> {
        // An unreachable database fails here, not at the first request.
        connect::connect(url, options)?;
        let connections = if url.is_embedded() {
            options.connections.get()
        } else {
            // These threads spend their time waiting for the server.
            options.connections.get().max(4)
        };
        let mut threads = Threads::new();
        let readers = worker::spawn_pool(&mut threads, url, options, connections);
        let writer = if url.is_embedded() {
            worker::spawn_writer(&mut threads, url, options)
        } else {
            readers.clone()
        };
        Ok(Self(Arc::new(OpenDatabase { url: url.clone(), readers, writer, threads })))
    }

    /// Drops this clone, waits at most `timeout` for others to be dropped, and returns whether all
    /// connections are closed. An embedded database is a single file then.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use recto_persistence::{Database, DatabaseUrl, Options};
    /// use std::time::Duration;
    ///
    /// let url = DatabaseUrl::file(dir.path().join("recto.db"));
    /// let database = Database::open(&url, Options::default())?;
    /// let another = database.clone();
    /// assert!(!database.close(Duration::ZERO));
    /// assert!(another.close(Duration::from_secs(10)));
    /// # Ok::<(), recto_persistence::Error>(())
    /// ```
    pub fn close(self, timeout: Duration) -> bool {
        let ended = self.0.threads.ended();
        drop(self);
        matches!(ended.recv_timeout(timeout), Err(RecvTimeoutError::Disconnected))
    }

    /// Opens a separate connection, for migrations.
    ///
    /// # Errors
    /// [`Unavailable`](Failure::Unavailable).
    pub fn connect(url: &DatabaseUrl) -> Result<Connection, Error> {
        connect::connect(url, Options::default())
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.0.url
    }

    /// Runs work that only reads. It runs again after a transient failure or on a broken
    /// connection.
    ///
    /// # Errors
    /// The error of `work`, or [`Overloaded`](Failure::Overloaded) or
    /// [`Unavailable`](Failure::Unavailable) without running it.
    pub async fn read<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let answer = submit(&self.0.readers, Work::read(work))?;
        answer.await.map_err(|_| lost())?
    }

    /// Runs work in a transaction, which is committed if the work succeeds and rolled back
    /// otherwise. The work may run several times because of concurrent transactions; only the last
    /// run can be committed.
    ///
    /// SQLite has one writer and waits for the disk at each commit, so waiting writes share a
    /// commit.
    ///
    /// # Errors
    /// The error of `work`, or [`Overloaded`](Failure::Overloaded) or
    /// [`Unavailable`](Failure::Unavailable) without running it.
    pub async fn write<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let answer = submit(&self.0.writer, Work::write(work))?;
        answer.await.map_err(|_| lost())?
    }

    /// [`read`](Self::read), for programs without an async runtime.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_blocking<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let answer = submit(&self.0.readers, Work::read(work))?;
        answer.blocking_recv().map_err(|_| lost())?
    }

    /// [`write`](Self::write), for programs without an async runtime.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_blocking<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let answer = submit(&self.0.writer, Work::write(work))?;
        answer.blocking_recv().map_err(|_| lost())?
    }
}

type Answer<T, E> = oneshot::Receiver<Result<T, E>>;

fn submit<T, E>(queue: &Sender<Job>, (job, answer): (Job, Answer<T, E>)) -> Result<Answer<T, E>, E>
where
    E: WorkError,
{
    match queue.try_send(job) {
        Ok(()) => Ok(answer),
        Err(TrySendError::Full(_)) => Err(Error::from(Failure::Overloaded).into()),
        Err(TrySendError::Disconnected(_)) => {
            Err(Error::from(Failure::Unavailable("its threads have ended".to_owned())).into())
        }
    }
}

/// Returns the error for a thread that ended without a result.
fn lost() -> Error {
    Failure::Unavailable("its thread ended before the work was done".to_owned()).into()
}
