//! Running `recto`, in a directory of its own and with nothing in its
//! environment that a developer has set for themselves.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use recto_testkit::database::Fresh;

/// How long a process may take to do what is asked, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A place to run the program in.
pub(crate) struct Program {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a run came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A server, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    errors: Option<JoinHandle<String>>,
}

impl Program {
    /// With the default database, a file in the directory.
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("recto-cli-").tempdir().unwrap();
        Self { directory, variables: Vec::new() }
    }

    /// With that database.
    pub(crate) fn on(database: &Fresh) -> Self {
        Self::new().with("RECTO_DATABASE_URL", &database.url().to_string())
    }

    /// With a variable in its environment.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// A file in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the working directory holds, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "")
    }

    /// Runs it to its end, with something on standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ended::from(child.wait_with_output().unwrap())
    }

    /// Runs a script in its place and with its environment, where it is known as `recto`.
    pub(crate) fn shell(&self, script: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_recto")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        self.place(&mut Command::new("sh"))
            .args(["-eu", "-c", script])
            .env("PATH", format!("{}:{path}", program.display()))
            .env("no_proxy", "*")
            .output()
            .unwrap()
    }

    /// Starts it and does not wait.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdin(Stdio::null()).spawn().unwrap()
    }

    /// Starts a server on a free port.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = self.start(&arguments);
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let errors = Some(thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        }));
        Server { child, output, errors }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recto"));
        self.place(&mut command).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Gives a command the directory and the environment.
    fn place<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RECTO_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.directory.path())
            .env("NO_COLOR", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}

impl Ended {
    /// Its standard output, after a success.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Its standard error, after it failed with that code and printed nothing else.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Server {
    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let errors = self.errors.take().unwrap().join().unwrap();
            panic!("the server ended: {errors}");
        }
        line.trim_end().to_owned()
    }

    /// The address that it listens on, from the line that says so.
    pub(crate) fn address(&mut self) -> String {
        let line = self.line();
        let address = line.strip_prefix("listening on ");
        address.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// Sends a signal, `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end: its code, what else it printed, and its log.
    pub(crate) fn wait(mut self) -> Ended {
        let began = Instant::now();
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None => thread::sleep(Duration::from_millis(20)),
            }
            assert!(began.elapsed() < PATIENCE, "the server does not end");
        };
        let mut stdout = String::new();
        self.output.read_to_string(&mut stdout).unwrap();
        let stderr = self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The data set that comes with the tests.
pub(crate) fn small() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/goodbooks-small")
}
