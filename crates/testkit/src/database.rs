//! A migrated database for each test, on either engine.
//!
//! A test is an ordinary function of a [`Fresh`] database; [`both_engines!`]
//! makes two of it, so that what holds on one engine is known to hold on the
//! other. PostgreSQL comes from a [`cluster`] of this process. Where it is not
//! installed its half is skipped, and says so.
//!
//! [`both_engines!`]: crate::both_engines

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl as _, SqliteConnection};
use recto_persistence::{Connection, Database, DatabaseUrl, Options, migrations};
use serde_json::Value;
use tempfile::TempDir;

use crate::postgres::{TestDatabase, cluster};

/// One of the two engines that Recto runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// The server.
    Postgres,
}

impl Engine {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A database that nothing else uses and that goes away with this value.
#[derive(Debug)]
pub struct Fresh {
    url: DatabaseUrl,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Sqlite { file: PathBuf, _directory: TempDir },
    Postgres(TestDatabase),
}

/// A migrated, empty database. `None` where the engine is not installed.
///
/// # Panics
/// When the database cannot be made, and when PostgreSQL is missing although
/// [`REQUIRE`](crate::postgres::REQUIRE) is set.
///
/// ```
/// use recto_testkit::database::{Engine, fresh};
///
/// let database = fresh(Engine::Sqlite).unwrap();
/// database.connection().ping()?;
/// # Ok::<(), recto_persistence::Error>(())
/// ```
pub fn fresh(engine: Engine) -> Option<Fresh> {
    Some(match engine {
        Engine::Sqlite => {
            let database = Fresh::in_a_file();
            if let Place::Sqlite { file, .. } = &database.place {
                std::fs::write(file, migrated_file()).expect("a new file can be written");
            }
            database
        }
        Engine::Postgres => {
            Fresh::on_the_server(cluster()?.create_from_template(migrated_template()?.name()))
        }
    })
}

/// A database without a schema. `None` where the engine is not installed.
///
/// # Panics
/// As [`fresh`] does.
///
/// ```
/// use recto_persistence::migrations::{self, State};
/// use recto_testkit::database::{Engine, bare};
///
/// let database = bare(Engine::Sqlite).unwrap();
/// let state = migrations::state(&mut database.connection())?;
/// assert!(matches!(state, State::Behind(_)));
/// # Ok::<(), migrations::MigrationError>(())
/// ```
pub fn bare(engine: Engine) -> Option<Fresh> {
    Some(match engine {
        Engine::Sqlite => Fresh::in_a_file(),
        Engine::Postgres => Fresh::on_the_server(cluster()?.create_database()),
    })
}

/// Runs a test on a [`fresh`] database, or says loudly that it was skipped.
///
/// # Panics
/// When the test does, and as [`fresh`] does.
///
/// ```
/// use recto_testkit::database::{Engine, run};
///
/// run(Engine::Sqlite, "it answers", |database| database.connection().ping().unwrap());
/// ```
pub fn run(engine: Engine, name: &str, test: impl FnOnce(&Fresh)) {
    match fresh(engine) {
        Some(database) => test(&database),
        None => {
            // Not `eprintln!`, which the test harness shows for failed tests only.
            let _ = writeln!(io::stderr(), "skipped: {name}: {engine} is not installed");
        }
    }
}

/// Makes two tests of each function: `name::sqlite` and `name::postgres`.
///
/// ```
/// use recto_testkit::{both_engines, database::Fresh};
///
/// fn a_database_answers(database: &Fresh) {
///     database.connection().ping().unwrap();
/// }
///
/// both_engines!(a_database_answers);
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

impl Fresh {
    /// On which engine it is.
    pub fn engine(&self) -> Engine {
        match self.place {
            Place::Sqlite { .. } => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
        }
    }

    /// Where it is.
    pub fn url(&self) -> DatabaseUrl {
        self.url.clone()
    }

    /// The database as a server uses it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open(&self) -> Database {
        self.open_with(Options::default())
    }

    /// The database as a server with these options uses it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open_with(&self, options: Options) -> Database {
        Database::open(&self.url, options).expect("a fresh database can be opened")
    }

    /// A connection of one's own.
    ///
    /// # Panics
    /// When there is none to be had.
    pub fn connection(&self) -> Connection {
        Database::connect(&self.url).expect("a fresh database can be connected to")
    }

    /// A connection for other tables in the same database, mapped by `M`.
    ///
    /// # Panics
    /// When there is none to be had.
    pub fn connection_of<M>(&self) -> recto_relations_diesel::Connection<M> {
        match &self.place {
            Place::Sqlite { file, .. } => direct_sqlite(file).into(),
            Place::Postgres(database) => direct_postgres(database).into(),
        }
    }

    /// Runs statements as they are, past everything that Recto makes sure of:
    /// SQLite does not even look at foreign keys here.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// When there is no connection to be had.
    pub fn execute(&self, statements: &str) -> QueryResult<()> {
        match &self.place {
            Place::Sqlite { file, .. } => direct_sqlite(file).batch_execute(statements),
            Place::Postgres(database) => direct_postgres(database).batch_execute(statements),
        }
    }

    /// The rows of a query whose one column is called `line` and holds JSON.
    ///
    /// # Panics
    /// When the query fails, and when a line is not JSON.
    pub fn rows(&self, query: &str) -> Vec<Value> {
        let query = diesel::sql_query(query);
        let lines = match &self.place {
            Place::Sqlite { file, .. } => query.load::<Line>(&mut direct_sqlite(file)),
            Place::Postgres(database) => query.load::<Line>(&mut direct_postgres(database)),
        };
        let lines = lines.unwrap_or_else(|error| panic!("{error}"));
        lines.iter().map(|Line { line }| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn in_a_file() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("recto-sqlite-")
            .tempdir()
            .expect("temporary directories can be made");
        let file = directory.path().join("recto.db");
        Self { url: DatabaseUrl::file(&file), place: Place::Sqlite { file, _directory: directory } }
    }

    fn on_the_server(database: TestDatabase) -> Self {
        let url = database.url().parse().expect("a cluster's URLs are well formed");
        Self { url, place: Place::Postgres(database) }
    }
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The bytes of a migrated database: a copy costs less than migrating.
fn migrated_file() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let database = Fresh::in_a_file();
        // The last connection that closes moves all of the log into the file.
        migrations::apply(&mut database.connection()).expect("the migrations apply");
        let Place::Sqlite { file, .. } = &database.place else { return Vec::new() };
        std::fs::read(file).expect("a file that was written can be read")
    })
}

/// A migrated database to copy. It stays until the cluster ends with the process.
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
    // A server may be at work on it, or on its way out.
    connection.batch_execute("PRAGMA busy_timeout = 10000").expect("there is that pragma");
    connection
}

fn direct_postgres(database: &TestDatabase) -> PgConnection {
    PgConnection::establish(database.url()).expect("the cluster takes connections")
}
