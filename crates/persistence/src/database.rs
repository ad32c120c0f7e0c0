//! The database as the crates above use it: reads and writes on its own threads.

mod connect;
mod files;
mod group;
mod health;
mod interrupt;
mod job;
mod queue;
mod request;
mod statistics;
mod threads;
mod url;
mod worker;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use recto_relations_diesel::{Timeouts, WorkLimits};

pub use health::Unhealthy;
pub use request::is_expensive;
pub use statistics::{ClassStatistics, Statistics};
pub use url::{DatabaseUrl, DatabaseUrlError};

use crate::{Connection, DatabaseFailure, Error, WorkError};
use files::DatabaseFiles;
use health::Health;
use job::{JobKind, ResultReceiver, Work};
use queue::Queue;
use threads::Threads;
use worker::ConnectionSource;

/// Settings of a [`Database`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The number of connections for reads of a low cost, each with its own thread: at least four
    /// on PostgreSQL. Expensive reads have as many more. Writes have one more on SQLite, and as
    /// many more on PostgreSQL.
    pub connections: NonZeroUsize,
    /// The maximum number of waiting jobs of each class; further ones are refused. At most
    /// 256 expensive reads wait.
    pub queue: usize,
    /// The time to wait for a locked SQLite database.
    pub busy_timeout: Duration,
    /// The time in which the work of a request must end, including waiting.
    pub request_timeout: Duration,
}

impl Default for Options {
    /// One connection for each processor.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            connections: processors,
            queue: 1024,
            busy_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
        }
    }
}

/// The maximum number of waiting expensive reads: about what can be done within a request's time.
const EXPENSIVE_QUEUE: usize = 256;

/// The maximum time of a statement on PostgreSQL that is not part of a request.
const BACKGROUND_STATEMENT: Duration = Duration::from_secs(30);

/// A database on one of the two engines.
///
/// Clones are cheap and share the connections. Work runs on the database's own threads, one for
/// each connection, so that it does not block threads that serve requests.
///
/// Dropping the last clone blocks until running work has ended and the connections are closed,
/// except within the database's own work and after [`close`](Self::close).
#[derive(Debug, Clone)]
pub struct Database(Arc<OpenDatabase>);

/// The state that clones share. Fields are dropped in this order: the threads end when their
/// queues have no senders.
#[derive(Debug)]
struct OpenDatabase {
    url: DatabaseUrl,
    options: Options,
    reads: Queue,
    expensive_reads: Queue,
    writes: Queue,
    health: Health,
    threads: Threads,
}

impl Database {
    /// Opens a database. An embedded one is created if it does not exist. The schema is not
    /// checked.
    ///
    /// # Errors
    /// [`Unavailable`](DatabaseFailure::Unavailable) if the first connection fails.
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
        files::make_private(url);
        // An unreachable database fails here, not at the first request.
        let mut connection = connect::connect(url, options)?;
        // SQLite has opened all its files once it has read them.
        connection.execute_batch("SELECT 1")?;
        let files = Arc::new(DatabaseFiles::of(url)?);
        let connections = if url.is_embedded() {
            options.connections.get()
        } else {
            // These threads spend their time waiting for the server.
            options.connections.get().max(4)
        };
        let timeout = options.request_timeout;
        let reads = Queue::new(options.queue, timeout);
        // Late ones would not end in time.
        let expensive_reads = Queue::new(options.queue.min(EXPENSIVE_QUEUE), timeout / 2);
        let writes = Queue::new(options.queue, timeout);
        let mut threads = Threads::new();
        let to = ConnectionSource { url, options, files: &files };
        worker::spawn_pool(&mut threads, to, ("read", connections), &reads, Some(&expensive_reads));
        worker::spawn_pool(&mut threads, to, ("expensive", connections), &expensive_reads, None);
        if url.is_embedded() {
            worker::spawn_writer(&mut threads, to, &writes);
        } else {
            worker::spawn_pool(&mut threads, to, ("write", connections), &writes, None);
        }
        let health = Health::start(&mut threads, url, options, files, connection);
        let url = url.clone();
        Ok(Self(Arc::new(OpenDatabase {
            url,
            options,
            reads,
            expensive_reads,
            writes,
            health,
            threads,
        })))
    }

    /// Drops this clone, waits at most `timeout` for others to be dropped and for running work, and
    /// returns whether all connections are closed. An embedded database is a single file then.
    ///
    /// Clones that are dropped later do not wait.
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
        let ended = self.0.threads.detach();
        drop(self);
        matches!(ended.recv_timeout(timeout), Err(RecvTimeoutError::Disconnected))
    }

    /// Opens a separate connection, for migrations.
    ///
    /// # Errors
    /// [`Unavailable`](DatabaseFailure::Unavailable).
    pub fn connect(url: &DatabaseUrl) -> Result<Connection, Error> {
        files::make_private(url);
        connect::connect(url, Options::default())
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.0.url
    }

    /// Returns statistics of the threads.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use recto_persistence::{Database, DatabaseUrl, Options};
    ///
    /// let url = DatabaseUrl::file(dir.path().join("recto.db"));
    /// let database = Database::open(&url, Options::default())?;
    /// database.read_blocking(|conn| conn.ping())?;
    /// assert_eq!(database.statistics().reads.statements, 1);
    /// # Ok::<(), recto_persistence::Error>(())
    /// ```
    pub fn statistics(&self) -> Statistics {
        let OpenDatabase { reads, expensive_reads, writes, .. } = &*self.0;
        Statistics {
            reads: reads.statistics(),
            expensive_reads: expensive_reads.statistics(),
            writes: writes.statistics(),
        }
    }

    /// Checks that the database can be read and written, on a thread and a connection of its own.
    /// A result is used again for a second.
    ///
    /// The caller limits the time: a database that hangs does not respond.
    ///
    /// # Errors
    /// [`Unhealthy`], with the reason.
    pub async fn check_health(&self) -> Result<(), Unhealthy> {
        self.0.health.check().await
    }

    /// Runs work that only reads, without a deadline: for background work. It runs again after a
    /// transient failure or on a broken connection.
    ///
    /// # Errors
    /// The error of `work`, or [`Overloaded`](DatabaseFailure::Overloaded) or
    /// [`Unavailable`](DatabaseFailure::Unavailable) without running it.
    pub async fn read<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        self.submit(JobKind::Read, work)?.await.map_err(|_| lost())?
    }

    /// Runs work in a transaction, which is committed if the work succeeds and rolled back
    /// otherwise, without a deadline: for background work. The work may run several times because
    /// of concurrent transactions; only the last run can be committed.
    ///
    /// SQLite has one writer and waits for the disk at each commit, so waiting writes share a
    /// commit.
    ///
    /// # Errors
    /// The error of `work`, or [`Overloaded`](DatabaseFailure::Overloaded) or
    /// [`Unavailable`](DatabaseFailure::Unavailable) without running it.
    pub async fn write<T, E>(
        &self,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        self.submit(JobKind::Write, work)?.await.map_err(|_| lost())?
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
        self.submit(JobKind::Read, work)?.blocking_recv().map_err(|_| lost())?
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
        self.submit(JobKind::Write, work)?.blocking_recv().map_err(|_| lost())?
    }

    /// Adds a background job to its queue.
    fn submit<T, E>(
        &self,
        kind: JobKind,
        work: impl FnMut(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<ResultReceiver<T, E>, E>
    where
        T: Send + 'static,
        E: WorkError,
    {
        let busy_timeout = self.0.options.busy_timeout;
        let timeouts = Timeouts { statement: BACKGROUND_STATEMENT, lock: busy_timeout };
        let limits = WorkLimits { timeouts: Some(timeouts), ..WorkLimits::default() };
        let (job, receiver) = Work::job(kind, Instant::now(), limits, work);
        let queue = match kind {
            JobKind::Read => &self.0.reads,
            JobKind::Write => &self.0.writes,
        };
        queue.push(job).map_err(Error::from)?;
        Ok(receiver)
    }
}

/// Returns the error for a thread that ended without a result.
fn lost() -> Error {
    DatabaseFailure::Unavailable("its thread ended before the work was done".to_owned()).into()
}
