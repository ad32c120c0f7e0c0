//! The server under attack.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use recto_testkit::database::Engine;
use serde_json::{Value, json};

use crate::client::{self, BYSTANDER, connect, exchange};
use crate::report::Measured;
use crate::support::workspace::{PASSWORD, Process, Workspace};

/// The soft limit of open files that most systems start programs with.
const OPEN_FILES: usize = 1024;

/// A database with the catalogue.
pub(crate) struct Target {
    pub(crate) engine: Engine,
    pub(crate) workspace: Workspace,
    /// The address of a book.
    pub(crate) book: String,
    /// The address of the tag of this book that is on most books.
    pub(crate) tag: String,
}

/// A running server.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Target {
    /// Imports the catalogue. Returns `None` if the engine is not installed.
    pub(crate) fn new(engine: Engine, catalogue: &Path) -> Option<Self> {
        let workspace = Workspace::new(engine)?;
        workspace.import(catalogue);
        let (book, tag) = (String::new(), String::new());
        let mut target = Self { engine, workspace, book, tag };
        let server = target.start(&[]);
        let books = server.get("/api/v1/books?limit=1&some=tags").json();
        let address = |collection: &str, item: &Value| {
            let uid = item["uid"].as_str().expect("the catalogue has books with tags");
            format!("/api/v1/{collection}/{uid}")
        };
        target.book = address("books", &books["items"][0]);
        let tags = server.get(&format!("{}/tags?limit=100&count=books", target.book)).json();
        let tags = tags["items"].as_array().into_iter().flatten();
        let tag = tags.max_by_key(|tag| tag["books_count"].as_u64());
        target.tag = address("tags", tag.unwrap_or(&Value::Null));
        Some(target)
    }

    /// Starts a server.
    pub(crate) fn start(&self, options: &[&str]) -> Server {
        Server::start(&self.workspace, options, Stdio::null())
    }

    /// Returns a request for a single book.
    pub(crate) fn cheap(&self) -> String {
        client::get(&self.book)
    }
}

impl Server {
    /// Starts a server with the usual limit of open files.
    pub(crate) fn start(workspace: &Workspace, options: &[&str], log: Stdio) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -Sn {OPEN_FILES} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_recto")]);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(options).stderr(log);
        workspace.configure(&mut command);
        let process = Process::start(command);
        let address = process.address.trim_start_matches("http://").parse();
        Self { process, address: address.expect("it prints an address") }
    }

    /// Sends a GET request.
    pub(crate) fn get(&self, path: &str) -> client::Response {
        self.send(&client::get(path))
    }

    /// Sends JSON.
    pub(crate) fn send_json(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> client::Response {
        self.send(&format!("{}{body}", client::head(method, path, token, body.len())))
    }

    /// Signs in, and returns the access token.
    pub(crate) fn sign_in(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        let response = self.send_json("POST", "/api/v1/auth/login", "", &body);
        response.json()["access_token"].as_str().expect("signed in").to_owned()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill is installed").success());
    }

    /// Waits for its end. Returns the exit code and the time it took, or `None` after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<(Option<i32>, Duration)> {
        let since = Instant::now();
        while since.elapsed() < limit {
            if let Some(status) = self.process.child.try_wait().expect("it is a child") {
                return Some((status.code(), since.elapsed()));
            }
            sleep(Duration::from_millis(20));
        }
        None
    }

    /// Returns its memory: heap and stacks, without files mapped by SQLite.
    pub(crate) fn memory(&self) -> Measured {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.child.id()));
        let status = status.expect("the server runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        Measured::Megabytes(kilobytes.unwrap_or(f64::MAX) / 1000.0)
    }

    /// Returns the most memory within a time.
    pub(crate) fn most_memory(&self, time: Duration) -> Measured {
        let since = Instant::now();
        let mut most = self.memory();
        while since.elapsed() < time {
            sleep(Duration::from_millis(100));
            let now = self.memory();
            if now > most {
                most = now;
            }
        }
        most
    }

    /// Returns the number of its open sockets.
    pub(crate) fn sockets(&self) -> usize {
        let files = fs::read_dir(format!("/proc/{}/fd", self.process.child.id()));
        let links = files.expect("the server runs, on Linux").flatten();
        let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    fn send(&self, request: &str) -> client::Response {
        let stream = connect(self.address, BYSTANDER);
        stream.and_then(|mut stream| exchange(&mut stream, request)).expect("it responds")
    }
}
