//! Progress bars on a terminal, and lines in other output.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::log;

use super::problem::{ImportProblem, Reporter};

/// Reports bars and problems on standard error, and a line per file on standard output.
pub(crate) struct Progress {
    file: &'static str,
    bar: Option<ProgressBar>,
    bars: bool,
    lines: bool,
}

impl Progress {
    /// Returns a reporter. It shows bars if standard error is a terminal, and prints lines unless
    /// both outputs are terminals.
    pub(crate) fn new() -> Self {
        let bars = io::stderr().is_terminal();
        Self { file: "", bar: None, bars, lines: !(bars && io::stdout().is_terminal()) }
    }
}

impl Reporter for Progress {
    fn begin(&mut self, file: &'static str, size: u64) {
        self.file = file;
        self.bar = self.bars.then(|| {
            let style = ProgressStyle::with_template(
                "{prefix:>13} {wide_bar} {bytes:>9}/{total_bytes:9} {msg}",
            )
            .expect("the template is constant and valid");
            ProgressBar::new(size).with_style(style).with_prefix(file)
        });
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    fn problem(&mut self, problem: &ImportProblem) {
        match &self.bar {
            Some(bar) => bar.suspend(|| log::print(problem)),
            None => log::print(problem),
        }
    }

    fn end(&mut self, counts: &dyn fmt::Display) {
        let line = format!("{}: {counts}", self.file);
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            log::print(&line);
        }
        if self.lines {
            // A closed pipe does not stop the import.
            let _ = writeln!(io::stdout(), "{line}");
        }
    }
}
