//! A throw-away PostgreSQL cluster, one a test process, with a database of its own for each test.
//!
//! [`cluster`] finds the server programs that are installed, makes a cluster in a temporary
//! directory and starts it on a free port of `127.0.0.1`. The cluster never outlives the process:
//! a small watcher, started before the server, holds the other end of a pipe, and when the process
//! ends — by return, panic, Ctrl-C or `SIGKILL` — the pipe closes and the watcher stops the server
//! and removes its files.
//!
//! Durability is switched off throughout, so nothing measured here says how fast a real server is
//! at commits. Unix only.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, ConnectionResult, PgConnection, QueryResult, RunQueryDsl};
use tempfile::TempDir;

mod programs;

/// The variable that turns a missing PostgreSQL from a skipped test into a failed one: set it to
/// anything but the empty string or `0`. `.ci/run` sets it.
pub const REQUIRE: &str = "RECTO_REQUIRE_POSTGRES";

/// A PostgreSQL server that lives as long as this process and has no data but the tests'.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    directory: PathBuf,
    made: AtomicU32,
    /// Its standard input is the pipe whose closing ends the cluster; it is never written to.
    _watcher: Child,
}

/// A database that nothing else uses, dropped together with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    maintenance_url: String,
}

/// The cluster of this process, started at the first call; `None` when no PostgreSQL is installed,
/// which the first call says on standard error, so that the test can return early.
///
/// The server programs are looked for on `PATH`, then in `/usr/lib/postgresql/*/bin` (the newest
/// first), then where `pg_config --bindir` points. Since PostgreSQL refuses to run as root, root
/// starts it as the user `postgres`, or `nobody` where that does not exist.
///
/// # Panics
///
/// When PostgreSQL is installed but does not start, and when it is not installed although
/// [`REQUIRE`] is set.
///
/// # Examples
///
/// ```
/// let Some(cluster) = recto_testkit::postgres::cluster() else {
///     return; // skipped: there is no PostgreSQL on this machine
/// };
/// let database = cluster.create_database();
/// assert!(database.url().starts_with("postgres://postgres@127.0.0.1:"));
/// ```
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            let programs = programs::installed().or_else(skip_or_fail)?;
            match Cluster::start(&programs) {
                Ok(cluster) => Some(cluster),
                Err(reason) => panic!("PostgreSQL in {} {reason}", programs.display()),
            }
        })
        .as_ref()
}

impl Cluster {
    /// The port of `127.0.0.1` the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's log, for when a test wonders what the server thought of it.
    pub fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// A new, empty database (25 ms or so).
    ///
    /// # Panics
    ///
    /// When the server does not make it: the message has the server's reason.
    pub fn create_database(&self) -> TestDatabase {
        self.create_from_template("template1")
    }

    /// A new database that is a copy of the database `template`, its tables and rows included:
    /// the way to migrate once and hand each test a migrated database for the price of an empty
    /// one. Nobody may be connected to `template` meanwhile.
    ///
    /// # Panics
    ///
    /// When the server does not make it: the message has the server's reason.
    pub fn create_from_template(&self, template: &str) -> TestDatabase {
        let name = format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let maintenance_url = self.url_of("postgres");
        // The default strategy, since PostgreSQL 15 a copy through the log, is the faster one for
        // small databases: 27 ms against 39 ms for a copy of files.
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

    fn start(programs: &Path) -> Result<Self, String> {
        let broken = |error: io::Error| {
            format!("could not be started in {}: {error}", env::temp_dir().display())
        };
        let directory =
            tempfile::Builder::new().prefix("recto-postgres-").tempdir().map_err(broken)?;
        let mut watcher = watch(programs, &directory).map_err(broken)?;
        // From here on the watcher removes the directory.
        let directory = directory.keep();
        let answer = first_line_of(&mut watcher).map_err(broken)?;
        if let Ok(port) = answer.trim().parse() {
            return Ok(Self { port, directory, made: AtomicU32::new(0), _watcher: watcher });
        }
        let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
        drop(watcher.stdin.take());
        watcher.wait().map_err(broken)?;
        Err(format!("did not start; its log:\n{log}"))
    }
}

impl TestDatabase {
    /// The database's name in its cluster, for [`Cluster::create_from_template`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL that connects to the database as its superuser:
    /// `postgres://postgres@127.0.0.1:PORT/NAME`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // What cannot be dropped goes with the cluster. `FORCE` ends the sessions of pools that
        // are closed after the database, or not at all.
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&self.name));
        let _ = execute(&self.maintenance_url, &statement);
    }
}

/// The server's settings: nothing durable, no socket file (a temporary directory's path may be too
/// long for one), and room for many small pools.
const SETTINGS: &str = "-F -h 127.0.0.1 -N 200 -c unix_socket_directories= \
    -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0";

/// How many free ports the watcher is offered; each may be taken between the choice and the start.
const PORTS: usize = 5;

/// What the watcher runs. It makes and starts the cluster itself, so that there is no moment at
/// which this process can die and leave one behind; it answers with the port or `failed` on its
/// standard output, then waits for its standard input to close.
const WATCHER: &str = r#"
programs=$1 directory=$2 settings=$3
shift 3
exec 2>>"$directory/log"
initialise() {
    "$programs/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 \
        --locale="$1" --pgdata="$directory/data" >&2
}
start() {
    "$programs/pg_ctl" start -w -t 60 -D "$directory/data" -l "$directory/log" \
        -o "-p $1 $settings" >&2
}
answer=failed
if initialise C.UTF-8 || initialise C; then
    for port in "$@"; do
        if start "$port"; then
            answer=$port
            break
        fi
    done
fi
trap '' HUP INT PIPE TERM
echo "$answer"
cat >/dev/null
cd /
"$programs/pg_ctl" stop -m immediate -D "$directory/data" >&2
rm -rf "$directory"
"#;

/// Starts the watcher in a process group of its own, out of reach of a Ctrl-C and of a test runner
/// that kills the group of a test which takes too long.
fn watch(programs: &Path, directory: &TempDir) -> io::Result<Child> {
    let path = directory.path();
    let mut command = Command::new("sh");
    command.arg("-c").arg(WATCHER).arg("recto-postgres-watcher");
    command.arg(programs).arg(path).arg(SETTINGS);
    command.args(free_ports()?.iter().map(u16::to_string));
    command.current_dir(path).process_group(0);
    // A developer's own PGPORT, PGDATA or locale must not reach the server.
    command.env_clear().env("LC_ALL", "C");
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some((uid, gid)) = unprivileged_account(path)? {
        chown(path, Some(uid), Some(gid))?;
        command.uid(uid).gid(gid);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// The watcher's answer; empty when it died without one.
fn first_line_of(watcher: &mut Child) -> io::Result<String> {
    let mut line = String::new();
    if let Some(answers) = watcher.stdout.take() {
        BufReader::new(answers).read_line(&mut line)?;
    }
    Ok(line)
}

/// Different ports that were free a moment ago.
fn free_ports() -> io::Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..PORTS)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whom to run the server as, `(uid, gid)`, if this process is root; who it is shows in the owner
/// of `fresh`, a directory it has just made.
fn unprivileged_account(fresh: &Path) -> io::Result<Option<(u32, u32)>> {
    if fs::metadata(fresh)?.uid() != 0 {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|user| Some((id("-u", user)?, id("-g", user)?)))
        .map(Some)
        .ok_or_else(|| io::Error::other("root may not run it, and there is no other user for it"))
}

fn id(flag: &str, user: &str) -> Option<u32> {
    programs::standard_output(Command::new("id").args([flag, user]))?.parse().ok()
}

/// Says why there is no cluster, in a place where it is read.
fn skip_or_fail() -> Option<PathBuf> {
    let required = env::var_os(REQUIRE).is_some_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{REQUIRE} is set, but PostgreSQL is not installed (initdb not found)");
    // Not `eprintln!`, which the test harness captures and shows for failed tests only.
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
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    fn run(database: &TestDatabase, statement: &str) -> usize {
        execute(database.url(), statement).unwrap().unwrap()
    }

    fn is_gone(database: &str, cluster: &Cluster) -> bool {
        execute(&cluster.url_of(database), "SELECT 1").is_err()
    }

    #[test]
    fn databases_do_not_see_each_other() {
        let Some(cluster) = cluster() else { return };
        let (one, other) = (cluster.create_database(), cluster.create_database());
        run(&one, "CREATE TABLE leaf (number int)");
        run(&other, "CREATE TABLE leaf (number int)");
        assert_eq!(run(&one, "INSERT INTO leaf VALUES (1), (2)"), 2);
        assert_eq!(run(&other, "DELETE FROM leaf"), 0);
    }

    #[test]
    fn a_template_is_copied_with_its_rows() {
        let Some(cluster) = cluster() else { return };
        let template = cluster.create_database();
        run(&template, "CREATE TABLE leaf AS SELECT 1 AS number");
        let copy = cluster.create_from_template(template.name());
        assert_eq!(run(&copy, "DELETE FROM leaf"), 1);
        assert_eq!(run(&template, "DELETE FROM leaf"), 1);
    }

    #[test]
    fn a_database_is_dropped_under_its_last_connection() {
        let Some(cluster) = cluster() else { return };
        let database = cluster.create_database();
        let name = database.name().to_owned();
        let _connection = PgConnection::establish(database.url()).unwrap();
        drop(database);
        assert!(is_gone(&name, cluster));
    }

    #[test]
    fn text_is_utf_8() {
        let Some(cluster) = cluster() else { return };
        let database = cluster.create_database();
        run(&database, "CREATE TABLE leaf (title text CHECK (char_length(title) = 1))");
        assert_eq!(run(&database, "INSERT INTO leaf VALUES ('書')"), 1);
    }

    /// Plays both parts: run by the harness it starts itself once more, as a process that starts a
    /// cluster, has a child of its own, and is killed.
    #[test]
    fn the_cluster_dies_with_a_killed_process() {
        const VICTIM: &str = "RECTO_TESTKIT_VICTIM";
        if cluster().is_none() {
            return;
        }
        if env::var_os(VICTIM).is_some() {
            let cluster = cluster().unwrap();
            let null = Stdio::null;
            let mut sleeper = Command::new("sleep");
            let sleeper = sleeper.arg("10").stdin(null()).stdout(null()).stderr(null());
            let mut child = sleeper.spawn().unwrap();
            println!("\nvictim {} {}", cluster.port(), cluster.log_file().display());
            child.wait().unwrap();
            return;
        }
        let this = format!("{}::the_cluster_dies_with_a_killed_process", module_path!());
        let (_, this) = this.split_once("::").unwrap();
        let mut victim = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture", this])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(victim.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("victim ").map(str::to_owned))
            .unwrap();
        let (port, log_file) = said.split_once(' ').unwrap();
        let address = format!("127.0.0.1:{port}");
        assert!(TcpStream::connect(&address).is_ok());

        victim.kill().unwrap();
        victim.wait().unwrap();
        let killed = Instant::now();
        while Path::new(log_file).exists() || TcpStream::connect(&address).is_ok() {
            assert!(killed.elapsed() < Duration::from_secs(8), "the cluster is still there");
            sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_process_killed_while_the_cluster_starts_leaves_nothing() {
        let Some(programs) = programs::installed() else { return };
        let directory = tempfile::tempdir().unwrap();
        let mut watcher = watch(&programs, &directory).unwrap();
        // What the end of the process does to both pipes.
        drop((watcher.stdin.take(), watcher.stdout.take()));
        watcher.wait().unwrap();
        assert!(!directory.path().exists());
    }

    #[test]
    fn identifiers_are_quoted() {
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }
}
