//! Running `recto` in its own directory, without the developer's environment variables.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use recto_testkit::database::FreshDatabase;

/// The timeout for a process, on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The program with its working directory and environment.
pub(crate) struct Program {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

pub(crate) struct RunResult {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running server, killed when it is dropped.
pub(crate) struct RunningServer {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    errors: Option<JoinHandle<String>>,
}

impl Program {
    /// Creates a program with the default database, a file in its directory.
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("recto-cli-").tempdir().unwrap();
        Self { directory, variables: Vec::new() }
    }

    /// Creates a program with this database.
    pub(crate) fn on(database: &FreshDatabase) -> Self {
        Self::new().with("RECTO_DATABASE_URL", &database.url().to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Returns the path of a file in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the names of the files in the working directory, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> RunResult {
        self.run_with_input(arguments, "")
    }

    /// Runs the program with standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> RunResult {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        RunResult::from(child.wait_with_output().unwrap())
    }

    /// Runs a shell script in the same directory and environment, with `recto` on the `PATH`.
    pub(crate) fn shell(&self, script: &str) -> Output {
        self.shell_command(script).output().unwrap()
    }

    /// Starts a server by a shell script.
    pub(crate) fn serve_by_shell(&self, script: &str) -> RunningServer {
        let mut command = self.shell_command(script);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        RunningServer { child, output, errors: None }
    }

    fn shell_command(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_recto")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        self.configure(&mut command)
            .args(["-eu", "-c", script])
            .env("PATH", format!("{}:{path}", program.display()))
            .env("no_proxy", "*");
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdin(Stdio::null()).spawn().unwrap()
    }

    /// Starts a server on a free port that logs to this output, which [`RunningServer::wait`] does
    /// not read.
    pub(crate) fn serve_logging_to(&self, log: Stdio, arguments: &[&str]) -> RunningServer {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = self.command(&arguments).stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        RunningServer { child, output, errors: None }
    }

    /// Starts a server, on a free port unless the arguments have another.
    pub(crate) fn serve(&self, arguments: &[&str]) -> RunningServer {
        let local = &["serve", "--listen", "127.0.0.1:0"];
        let given = arguments.contains(&"--listen");
        let arguments = [if given { &local[..1] } else { local }, arguments].concat();
        let mut child = self.start(&arguments);
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let errors = Some(thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        }));
        RunningServer { child, output, errors }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recto"));
        self.configure(&mut command).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Sets the directory and the environment of a command.
    fn configure<'c>(&self, command: &'c mut Command) -> &'c mut Command {
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

impl RunResult {
    /// Asserts success and returns the standard output.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Asserts this exit code and no standard output, and returns the standard error.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr
    }
}

impl From<Output> for RunResult {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl RunningServer {
    /// Returns the next line of its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let errors = self.errors.take().map(|errors| errors.join().unwrap());
            panic!("the server ended: {errors:?}");
        }
        line.trim_end().to_owned()
    }

    /// Reads the printed address.
    pub(crate) fn address(&mut self) -> String {
        let line = self.line();
        let address = line.strip_prefix("listening on ");
        address.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> RunResult {
        let started = Instant::now();
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None => thread::sleep(Duration::from_millis(20)),
            }
            assert!(started.elapsed() < TIMEOUT, "the server did not end");
        };
        let mut stdout = String::new();
        self.output.read_to_string(&mut stdout).unwrap();
        let stderr = self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default();
        RunResult { code, stdout, stderr }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the directory of the small data set.
pub(crate) fn small_data_set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/goodbooks-small")
}
