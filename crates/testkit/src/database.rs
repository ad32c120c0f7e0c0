//! A migrated database for each test, on both engines.
//!
//! A test is a function of a [`FreshDatabase`], and [`both_engines!`] runs it on each
//! engine. The PostgreSQL server is the process's [`cluster`]. If PostgreSQL is not installed, its
//! tests are skipped, which is reported on standard error.
//!
//! [`both_engines!`]: crate::both_engines

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl as _, SqliteConnection};
use recto_persistence::{Connection, Database, DatabaseUrl, Options, migrations};
use serde_json::Value;
use tempfile::TempDir;

pub use recto_relations_diesel::Engine;

use crate::postgres::{Cluster, TestDatabase, cluster};

/// A database of its own, deleted with this value.
#[derive(Debug)]
pub struct FreshDatabase {
    url: DatabaseUrl,
    storage: TestStorage,
}

#[derive(Debug)]
enum TestStorage {
    Sqlite { file: PathBuf, _directory: TempDir },
    Postgres(TestDatabase),
}

/// Creates a migrated, empty database. Returns `None` if the engine is not installed.
///
/// # Panics
/// If the database cannot be created, or PostgreSQL is missing although
/// [`REQUIRE`](crate::postgres::REQUIRE) is set.
///
/// ```
/// use recto_testkit::database::{Engine, fresh};
///
/// let database = fresh(Engine::Sqlite).unwrap();
/// database.connection().ping()?;
/// # Ok::<(), recto_persistence::Error>(())
/// ```
pub fn fresh(engine: Engine) -> Option<FreshDatabase> {
    Some(match engine {
        Engine::Sqlite => {
            let database = FreshDatabase::sqlite();
            if let TestStorage::Sqlite { file, .. } = &database.storage {
                write_private(file, migrated_file()).expect("a new file can be written");
            }
            database
        }
        Engine::Postgres => {
            FreshDatabase::postgres(cluster()?.create_from_template(migrated_template()?.name()))
        }
    })
}

/// Creates a database without a schema. Returns `None` if the engine is not installed.
///
/// # Panics
/// Like [`fresh`].
///
/// ```
/// use recto_persistence::migrations::{self, SchemaState};
/// use recto_testkit::database::{Engine, bare};
///
/// let database = bare(Engine::Sqlite).unwrap();
/// let state = migrations::state(&mut database.connection())?;
/// assert!(matches!(state, SchemaState::Behind(_)));
/// # Ok::<(), migrations::MigrationError>(())
/// ```
pub fn bare(engine: Engine) -> Option<FreshDatabase> {
    Some(match engine {
        Engine::Sqlite => FreshDatabase::sqlite(),
        Engine::Postgres => FreshDatabase::postgres(cluster()?.create_database()),
    })
}

/// Creates a migrated, empty database on this cluster.
///
/// # Panics
/// If the database cannot be created.
///
/// ```
/// use recto_testkit::database::fresh_on;
/// use recto_testkit::postgres::Cluster;
///
/// let Some(cluster) = Cluster::dedicated() else { return };
/// fresh_on(&cluster).connection().ping().unwrap();
/// ```
pub fn fresh_on(cluster: &Cluster) -> FreshDatabase {
    let database = FreshDatabase::postgres(cluster.create_database());
    migrations::apply(&mut database.connection()).expect("the migrations apply");
    database
}

/// Runs a test on a [`fresh`] database, or reports that it was skipped.
///
/// # Panics
/// Like the test and [`fresh`].
///
/// ```
/// use recto_testkit::database::{Engine, run};
///
/// run(Engine::Sqlite, "ping", |database| database.connection().ping().unwrap());
/// ```
pub fn run(engine: Engine, name: &str, test: impl FnOnce(&FreshDatabase)) {
    match fresh(engine) {
        Some(database) => test(&database),
        None => {
            // The test harness hides the output of `eprintln!` unless a test fails.
            let _ = writeln!(io::stderr(), "skipped: {name}: {engine} is not installed");
        }
    }
}

/// Declares two tests for each function: `name::sqlite` and `name::postgres`.
///
/// ```
/// use recto_testkit::{both_engines, database::FreshDatabase};
///
/// fn ping_succeeds(database: &FreshDatabase) {
///     database.connection().ping().unwrap();
/// }
///
/// both_engines!(ping_succeeds);
/// ```
#[macro_export]
macro_rules! both_engines {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                $crate::database::run(
                    $crate::database::Engine::Sqlite, stringify!($name), super::$name,
                );
            }

            #[test]
            fn postgres() {
                $crate::database::run(
                    $crate::database::Engine::Postgres, stringify!($name), super::$name,
                );
            }
        }
    )+};
}

impl FreshDatabase {
    /// Returns its engine.
    pub fn engine(&self) -> Engine {
        match self.storage {
            TestStorage::Sqlite { .. } => Engine::Sqlite,
            TestStorage::Postgres(_) => Engine::Postgres,
        }
    }

    /// Returns its URL.
    pub fn url(&self) -> DatabaseUrl {
        self.url.clone()
    }

    /// Opens the database with the default options.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn open(&self) -> Database {
        self.open_with(Options::default())
    }

    /// Opens the database with these options.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn open_with(&self, options: Options) -> Database {
        Database::open(&self.url, options).expect("a fresh database can be opened")
    }

    /// Opens a connection.
    ///
    /// # Panics
    /// If the connection fails.
    pub fn connection(&self) -> Connection {
        Database::connect(&self.url).expect("a fresh database can be connected to")
    }

    /// Opens a connection for other tables in the same database, mapped by `M`.
    ///
    /// # Panics
    /// If the connection fails.
    pub fn connection_of<M>(&self) -> recto_relations_diesel::Connection<M> {
        match &self.storage {
            TestStorage::Sqlite { file, .. } => direct_sqlite(file).into(),
            TestStorage::Postgres(database) => direct_postgres(database).into(),
        }
    }

    /// Runs SQL statements without any of Recto's checks. On SQLite, foreign keys are not checked.
    ///
    /// # Errors
    /// Returns the engine's error.
    ///
    /// # Panics
    /// If the connection fails.
    pub fn execute(&self, statements: &str) -> QueryResult<()> {
        match &self.storage {
            TestStorage::Sqlite { file, .. } => direct_sqlite(file).batch_execute(statements),
            TestStorage::Postgres(database) => direct_postgres(database).batch_execute(statements),
        }
    }

    /// Returns the rows of a query with one column, which is called `line` and contains JSON.
    ///
    /// # Panics
    /// If the query fails, or a row is not JSON.
    pub fn rows(&self, query: &str) -> Vec<Value> {
        let query = diesel::sql_query(query);
        let rows = match &self.storage {
            TestStorage::Sqlite { file, .. } => query.load::<JsonRow>(&mut direct_sqlite(file)),
            TestStorage::Postgres(database) => {
                query.load::<JsonRow>(&mut direct_postgres(database))
            }
        };
        let rows = rows.unwrap_or_else(|error| panic!("{error}"));
        rows.iter().map(|JsonRow { line }| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Returns a part of its URL that no other database's URL contains.
    pub(crate) fn part_of_url(&self) -> String {
        match &self.storage {
            TestStorage::Sqlite { file, .. } => file.display().to_string(),
            TestStorage::Postgres(database) => database.name().to_owned(),
        }
    }

    /// Returns the SQLite database `recto.db` of a directory, which is deleted with the value. The
    /// file need not exist.
    pub fn in_directory(directory: TempDir) -> Self {
        let file = directory.path().join("recto.db");
        let url = DatabaseUrl::file(&file);
        Self { url, storage: TestStorage::Sqlite { file, _directory: directory } }
    }

    fn sqlite() -> Self {
        let directory = tempfile::Builder::new().prefix("recto-sqlite-").tempdir();
        Self::in_directory(directory.expect("a temporary directory can be created"))
    }

    fn postgres(database: TestDatabase) -> Self {
        let url = database.url().parse().expect("a cluster's URLs are well formed");
        Self { url, storage: TestStorage::Postgres(database) }
    }
}

#[derive(diesel::QueryableByName)]
struct JsonRow {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Returns the content of a migrated database file. Copying it is faster than migrating.
fn migrated_file() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let database = FreshDatabase::sqlite();
        // Closing the last connection moves the write-ahead log into the file.
        migrations::apply(&mut database.connection()).expect("the migrations apply");
        let TestStorage::Sqlite { file, .. } = &database.storage else { return Vec::new() };
        std::fs::read(file).expect("a written file can be read")
    })
}

/// Writes a new file that only its owner can read, like those of the program.
fn write_private(file: &std::path::Path, content: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(content)
}

/// Returns a migrated database to copy, which exists until the process ends.
fn migrated_template() -> Option<&'static TestDatabase> {
    static TEMPLATE: OnceLock<Option<TestDatabase>> = OnceLock::new();
    TEMPLATE
        .get_or_init(|| {
            let database = cluster()?.create_database();
            let url = database.url().parse().expect("a cluster's URLs are well formed");
            let mut connection = Database::connect(&url).expect("a new database takes connections");
            migrations::apply(&mut connection).expect("the migrations apply");
            Some(database)
        })
        .as_ref()
}

fn direct_sqlite(file: &std::path::Path) -> SqliteConnection {
    let file = file.to_str().expect("temporary paths are UTF-8");
    let mut connection = SqliteConnection::establish(file).expect("the file is a database");
    // A running or stopping server may hold a lock.
    connection.batch_execute("PRAGMA busy_timeout = 10000").expect("the pragma is valid");
    connection
}

fn direct_postgres(database: &TestDatabase) -> PgConnection {
    PgConnection::establish(database.url()).expect("the cluster takes connections")
}
