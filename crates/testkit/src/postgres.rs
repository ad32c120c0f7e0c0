//! A disposable PostgreSQL cluster for each test process, with a database for each test.
//!
//! [`cluster`] finds the installed server programs, creates a cluster in a temporary directory and
//! starts it on a free port of `127.0.0.1`. The cluster never outlives the process, even if that is
//! killed: a watcher process stops the server and removes its files.
//!
//! Durability is off, so commits are faster than on a real server. [`Cluster::dedicated`] starts
//! another cluster, durable and for one test alone, that may be crashed and paused. Unix only.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, ConnectionResult, PgConnection, QueryResult, RunQueryDsl};

mod faults;
mod programs;
mod watcher;

pub use faults::Paused;
use watcher::Durability;

/// The variable that makes a missing PostgreSQL fail tests instead of skipping them, unless it is
/// empty or `0`.
pub const REQUIRE: &str = "RECTO_REQUIRE_POSTGRES";

/// A PostgreSQL server for the tests of this process.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    programs: PathBuf,
    directory: PathBuf,
    /// The number of databases created so far.
    created: AtomicU32,
    /// Stops the cluster when its standard input is closed, which is never written to.
    watcher: Child,
}

/// A database of its own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    maintenance_url: String,
}

/// Returns the cluster of this process, started by the first call, or `None` if PostgreSQL is not
/// installed, which the first call reports on standard error.
///
/// The server programs are searched on `PATH`, then in `/usr/lib/postgresql/*/bin` (highest version
/// first), then where `pg_config --bindir` points. PostgreSQL refuses to run as root, so root
/// starts it as the user `postgres`, or else `nobody`.
///
/// # Panics
/// If PostgreSQL does not start, or is not installed although [`REQUIRE`] is set.
///
/// ```
/// let Some(cluster) = recto_testkit::postgres::cluster() else {
///     return; // skipped: PostgreSQL is not installed
/// };
/// let database = cluster.create_database();
/// assert!(database.url().starts_with("postgres://postgres@127.0.0.1:"));
/// ```
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            let programs = programs::installed().or_else(skip_or_fail)?;
            Some(Cluster::start_or_panic(&programs, Durability::Off))
        })
        .as_ref()
}

impl Cluster {
    /// Starts a cluster of its own, which commits durably and is removed with the value. Returns
    /// `None` if PostgreSQL is not installed.
    ///
    /// # Panics
    /// Like [`cluster`].
    ///
    /// ```
    /// use recto_testkit::postgres::Cluster;
    ///
    /// let Some(cluster) = Cluster::dedicated() else { return };
    /// let database = cluster.create_database();
    /// cluster.crash();
    /// let another = cluster.create_database();
    /// assert_ne!(database.url(), another.url());
    /// ```
    pub fn dedicated() -> Option<Self> {
        let programs = programs::installed().or_else(skip_or_fail)?;
        Some(Self::start_or_panic(&programs, Durability::On))
    }

    /// Returns the server's port on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path of the server's log.
    pub fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Creates an empty database, in about 25 ms.
    ///
    /// # Panics
    /// With the server's error, if the database cannot be created.
    pub fn create_database(&self) -> TestDatabase {
        self.create_from_template("template1")
    }

    /// Creates a copy of the database `template` with its tables and rows, about as fast as an
    /// empty one. Nothing else may be connected to `template` meanwhile.
    ///
    /// # Panics
    /// With the server's error, if the database cannot be created.
    pub fn create_from_template(&self, template: &str) -> TestDatabase {
        let name = format!("test_{}", self.created.fetch_add(1, Ordering::Relaxed));
        let maintenance_url = self.url_of("postgres");
        // The default strategy (WAL_LOG) is faster for small databases: 27 ms against 39 ms.
        let statement = format!("CREATE DATABASE {} TEMPLATE {}", quoted(&name), quoted(template));
        match execute(&maintenance_url, &statement) {
            Ok(Ok(_)) => TestDatabase { url: self.url_of(&name), name, maintenance_url },
            Ok(Err(error)) => panic!("{statement}: {error}"),
            Err(error) => panic!("no connection to {maintenance_url}: {error}"),
        }
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@{}:{}/{database}", Ipv4Addr::LOCALHOST, self.port)
    }

    fn start_or_panic(programs: &Path, durability: Durability) -> Self {
        match Self::start(programs, durability) {
            Ok(cluster) => cluster,
            Err(reason) => panic!("PostgreSQL in {} {reason}", programs.display()),
        }
    }

    fn start(programs: &Path, durability: Durability) -> Result<Self, String> {
        let failed = |error: io::Error| {
            format!("could not be started in {}: {error}", env::temp_dir().display())
        };
        let directory =
            tempfile::Builder::new().prefix("recto-postgres-").tempdir().map_err(failed)?;
        let mut watcher = watcher::spawn(programs, &directory, durability).map_err(failed)?;
        // From here on, the watcher removes the directory.
        let directory = directory.keep();
        let reply = watcher::read_reply(&mut watcher).map_err(failed)?;
        if let Ok(port) = reply.trim().parse() {
            let programs = programs.to_owned();
            return Ok(Self { port, programs, directory, created: AtomicU32::new(0), watcher });
        }
        let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
        drop(watcher.stdin.take());
        watcher.wait().map_err(failed)?;
        Err(format!("did not start; its log:\n{log}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

impl TestDatabase {
    /// Returns the database's name, for [`Cluster::create_from_template`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the database's URL, with the superuser: `postgres://postgres@127.0.0.1:PORT/NAME`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // `FORCE` disconnects pools that are still open. After an error, the database remains until
        // the cluster is removed.
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&self.name));
        let _ = execute(&self.maintenance_url, &statement);
    }
}

/// Reports a missing PostgreSQL.
fn skip_or_fail() -> Option<PathBuf> {
    let required = env::var_os(REQUIRE).is_some_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{REQUIRE} is set, but PostgreSQL is not installed (initdb not found)");
    // The test harness hides the output of `eprintln!` unless a test fails.
    let _ = writeln!(io::stderr(), "skipped: PostgreSQL is not installed (initdb not found)");
    None
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn execute(url: &str, statement: &str) -> ConnectionResult<QueryResult<usize>> {
    let mut connection = PgConnection::establish(url)?;
    Ok(diesel::sql_query(statement).execute(&mut connection))
}

#[cfg(test)]
mod tests;
