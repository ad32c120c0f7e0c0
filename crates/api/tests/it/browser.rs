//! A real browser, where one is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The variable that turns a missing browser from a skipped test into a failed
/// one: set it to anything but the empty string or `0`. `.ci/run` sets it.
const REQUIRE: &str = "RECTO_REQUIRE_CHROMIUM";

/// The names that Chromium goes by.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How long a page may take, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A Chromium without a window.
pub(crate) struct Browser {
    program: &'static str,
}

impl Browser {
    /// The browser that is installed; `None` if there is none, which is said
    /// loudly.
    ///
    /// # Panics
    /// If there is none and there has to be.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let runs = |name: &&str| {
            let asked = Command::new(name).arg("--version").stdin(Stdio::null()).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let program = NAMES.into_iter().find(runs);
        let required =
            std::env::var_os(REQUIRE).is_some_and(|value| !value.is_empty() && value != "0");
        assert!(program.is_some() || !required, "{REQUIRE} is set, and Chromium is not installed");
        if program.is_none() {
            // Not `eprintln!`, which the test harness shows for failed tests only.
            let _ = writeln!(std::io::stderr(), "skipped: {test}: Chromium is not installed");
        }
        program.map(|program| Self { program })
    }

    /// The document of a page after its scripts have run.
    ///
    /// # Panics
    /// If the browser fails, or does not come to an end.
    pub(crate) fn dom(&self, url: &str) -> String {
        self.dom_and_console(url).0
    }

    /// The document of a page after its scripts have run, and what the browser has logged
    /// meanwhile, its console included.
    ///
    /// # Panics
    /// As [`dom`](Self::dom).
    pub(crate) fn dom_and_console(&self, url: &str) -> (String, String) {
        let profile = tempfile::Builder::new().prefix("recto-browser-").tempdir().unwrap();
        let output = tempfile::NamedTempFile::new().unwrap();
        let console = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new(self.program)
            // Tests may run as root in a container, where the sandbox cannot.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("--enable-logging=stderr")
            .args(["--virtual-time-budget=20000", "--dump-dom", url])
            .stdin(Stdio::null())
            .stdout(output.reopen().unwrap())
            .stderr(console.reopen().unwrap())
            .spawn()
            .unwrap();
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("{url} did not come to an end in the browser");
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        assert!(status.success(), "{url}: {status}");
        let console = std::fs::read(console.path()).unwrap();
        (std::fs::read_to_string(output.path()).unwrap(), String::from_utf8_lossy(&console).into())
    }
}
