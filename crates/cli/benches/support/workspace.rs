//! The release binary with a database and a working directory.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use recto_testkit::database::{Engine, FreshDatabase, fresh, fresh_on};
use recto_testkit::postgres::Cluster;

/// The password of the accounts that [`Workspace::create_user`] creates.
pub(crate) const PASSWORD: &str = "only while it is timed";

/// A database and the working directory of the program.
pub(crate) struct Workspace {
    url: String,
    directory: tempfile::TempDir,
    database: FreshDatabase,
    /// Dropped after the database.
    cluster: Option<Cluster>,
}

/// A running `recto serve`, killed when it is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// `http://HOST:PORT`
    pub(crate) address: String,
}

impl Workspace {
    /// Creates a working directory, and a database that commits durably. Returns `None` if the
    /// engine is not installed.
    pub(crate) fn new(engine: Engine) -> Option<Self> {
        let (database, cluster) = match engine {
            Engine::Sqlite => (fresh(engine)?, None),
            Engine::Postgres => {
                let cluster = Cluster::dedicated()?;
                (fresh_on(&cluster), Some(cluster))
            }
        };
        let url = match database.url().path() {
            Some(path) => format!("sqlite:{}", path.display()),
            None => database.url().to_string(),
        };
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        Some(Self { url, directory, database, cluster })
    }

    /// Imports a catalogue in goodbooks' format.
    pub(crate) fn import(&self, catalogue: &Path) {
        let catalogue = std::path::absolute(catalogue).expect("it is a path");
        let imported = self.recto().args(["import", "goodbooks"]).arg(catalogue).output();
        let imported = imported.expect("the program starts");
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        if self.database.url().path().is_none() {
            self.database.execute("VACUUM ANALYZE").expect("superuser");
        }
    }

    /// Returns a command that runs the program here.
    pub(crate) fn recto(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recto"));
        self.configure(&mut command);
        command
    }

    /// Sets the directory and the environment of a command.
    pub(crate) fn configure(&self, command: &mut Command) {
        command
            .env("RECTO_DATABASE_URL", &self.url)
            .env("RECTO_SECRET", "a secret for measuring, nothing else")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
    }

    /// Returns the PostgreSQL server.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Returns the database.
    pub(crate) fn database(&self) -> &FreshDatabase {
        &self.database
    }

    /// Creates a verified account.
    pub(crate) fn create_user(&self, username: &str, email: &str) {
        let mut created = self
            .recto()
            .args(["user", "create", "--password-stdin", "--username", username])
            .args(["--email", email])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut input = created.stdin.take().expect("it is piped");
        writeln!(input, "{PASSWORD}").expect("it reads the password");
        drop(input);
        assert!(created.wait().expect("it ends").success(), "{username} was not created");
    }
}

impl Process {
    /// Starts a command that serves, and reads the address that it prints.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .expect("it prints its address");
        Self { child, address }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
