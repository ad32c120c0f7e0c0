//! The database, as upper floors see it: somewhere to read and to write.

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

/// How a [`Database`] is used.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many connections there are, besides SQLite's one for writing.
    /// Each has a thread of its own.
    pub connections: NonZeroUsize,
    /// How much work may wait before more is refused.
    pub queue: usize,
    /// How long a locked database is waited for.
    pub busy_timeout: Duration,
}

impl Default for Options {
    /// As many connections as there are processors, and four at least where
    /// they spend their time waiting for a server.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { connections: processors, queue: 1024, busy_timeout: Duration::from_secs(10) }
    }
}

/// A database on one of the two engines.
///
/// Cheap to clone. Work runs on threads of the database's own, one for each
/// connection, so that nothing waits for a disk or a server on a thread that
/// serves requests.
///
/// Whoever drops the last clone waits until what has begun is done and the connections are
/// closed; only the database's own work, which may hold a clone, cannot.
#[derive(Debug, Clone)]
pub struct Database(Arc<Shared>);

/// What all clones share. Members are dropped in this order: threads end when nobody is left to
/// send them anything.
#[derive(Debug)]
struct Shared {
    url: DatabaseUrl,
    readers: Sender<Job>,
    writer: Sender<Job>,
    threads: Threads,
}

impl Database {
    /// Opens a database. An embedded one is made if it does not exist; its
    /// schema is not looked at.
    ///
    /// # Errors
    /// [`Unavailable`](Failure::Unavailable) when the first connection fails.
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
        // Fails here rather than at the first request.
        connect::connect(url, options)?;
        let connections = if url.is_embedded() {
            options.connections.get()
        } else {
            options.connections.get().max(4)
        };
        let mut threads = Threads::new();
        let readers = worker::spawn_pool(&mut threads, url, options, connections);
        let writer = if url.is_embedded() {
            worker::spawn_writer(&mut threads, url, options)
        } else {
            readers.clone()
        };
        Ok(Self(Arc::new(Shared { url: url.clone(), readers, writer, threads })))
    }

    /// Lets go of the database and waits until the connections are closed, which they are once
    /// nobody else holds it: an embedded one is a single file from then on. `patience` is for the
    /// others; tells whether they were in time.
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
    pub fn close(self, patience: Duration) -> bool {
        let ended = self.0.threads.ended();
        drop(self);
        matches!(ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }

    /// A connection that is nobody else's, for migrating.
    ///
    /// # Errors
    /// [`Unavailable`](Failure::Unavailable).
    pub fn connect(url: &DatabaseUrl) -> Result<Connection, Error> {
        connect::connect(url, Options::default())
    }

    /// Where it is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.0.url
    }

    /// Runs work that changes nothing. It may run a second time, should the
    /// connection turn out to be broken.
    ///
    /// # Errors
    /// What `work` returns; [`Overloaded`](Failure::Overloaded) and
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

    /// Runs work in a transaction: kept when it succeeds, undone when it
    /// fails. It may run several times, where another transaction got in the
    /// way; only the last run counts.
    ///
    /// On SQLite, which has one writer and waits for the disk at each commit,
    /// all work that is waiting shares a commit.
    ///
    /// # Errors
    /// What `work` returns; [`Overloaded`](Failure::Overloaded) and
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
    /// As there.
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
    /// As there.
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

/// The error when a thread ended without a result.
fn lost() -> Error {
    Failure::Unavailable("its thread ended before the work was done".to_owned()).into()
}
