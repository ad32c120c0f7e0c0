//! The log on standard error, as text or as JSON lines.

mod line;
mod queue;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, PanicHookInfo};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use queue::LogQueue;

/// The time to write the last lines when the program ends.
const LAST_LINES: Duration = Duration::from_secs(2);
/// The time to write the line of a panic before the thread continues.
const PANIC_LINE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line per event, coloured on a terminal
    Text,
    /// One JSON object per line
    Json,
}

/// The events to log: a level (`info`), or levels by target (`warn,recto_api=debug`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter(String);

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidLogFilter {
    #[error(
        "must be a level (off, error, warn, info, debug, trace) or levels by target such as info,recto_api=debug"
    )]
    Syntax,
    /// A word without a level. The filter syntax would accept a misspelt level as a target, and log
    /// nothing else.
    #[error(
        "`{0}` is not a level (off, error, warn, info, debug, trace); a target needs a level, such as {0}=debug"
    )]
    BareTarget(String),
}

/// The lines on their way to standard error, once the log has started.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Starts logging to standard error.
///
/// # Errors
/// If no thread can be started.
///
/// # Panics
/// If it is called twice.
pub(crate) fn start(filter: &LogFilter, format: LogFormat) -> io::Result<()> {
    let queue = QUEUE.get_or_init(|| LogQueue::new(format));
    queue.write_to(output()?)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter.directives())
        .log_internal_errors(false)
        .with_writer(queue);
    match format {
        LogFormat::Text => lines.with_ansi(colours()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    // The default hook writes to standard error itself, where a pipe that nobody reads stops it.
    panic::set_hook(Box::new(|info| {
        log_panic(info);
        queue.flush(PANIC_LINE);
    }));
    Ok(())
}

/// Writes a line to standard error, after the log lines so far. A line that cannot be written is
/// lost.
pub(crate) fn print(line: impl Display) {
    let line = format!("{line}\n").into_bytes();
    match QUEUE.get() {
        Some(queue) => {
            queue.add(line);
            queue.flush(LAST_LINES);
        }
        None => {
            let _ = io::stderr().write_all(&line);
        }
    }
}

/// Waits until all lines are written, for a short time.
pub(crate) fn finish() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(LAST_LINES);
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(tracing::field::display);
    let thread = std::thread::current();
    let thread = thread.name();
    let message = info.payload_as_str().unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    let captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
    let backtrace = captured.then(|| tracing::field::display(&backtrace));
    tracing::error!(location, thread, panic = message, backtrace, "a thread panicked");
}

/// Returns standard error without the lock of [`io::stderr`], which would be held while a pipe that
/// nobody reads is full.
#[cfg(unix)]
fn output() -> io::Result<impl Write + Send + 'static> {
    use std::os::fd::AsFd as _;

    io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from)
}

#[cfg(not(unix))]
fn output() -> io::Result<impl Write + Send + 'static> {
    Ok(io::stderr())
}

impl LogFilter {
    fn directives(&self) -> EnvFilter {
        EnvFilter::builder().parse(&self.0).expect("the text was checked when it was parsed")
    }
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<Self, InvalidLogFilter> {
        for directive in text.split(',').map(str::trim) {
            if directive.is_empty() {
                return Err(InvalidLogFilter::Syntax);
            }
            let bare = !directive.contains(['=', '[', ']', '{', '}', '"', '/']);
            if bare && directive.parse::<LevelFilter>().is_err() {
                return Err(InvalidLogFilter::BareTarget(directive.to_owned()));
            }
        }
        EnvFilter::builder()
            .parse(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|_| InvalidLogFilter::Syntax)
    }
}

/// Returns whether to use colours: on a terminal, unless `NO_COLOR` is set
/// (<https://no-color.org>).
fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_filters_are_accepted() {
        for text in [
            "info",
            "OFF",
            "warn,recto_api=debug",
            "info,recto_persistence::sqlite=trace",
            "recto_api[request{method=GET}]=debug",
        ] {
            assert!(text.parse::<LogFilter>().is_ok(), "{text:?} was refused");
        }
    }

    #[test]
    fn misspelt_level_is_refused() {
        let error = "inof".parse::<LogFilter>().unwrap_err();
        assert!(error.to_string().starts_with("`inof` is not a level"));
        for text in ["", "info,", "recto_api=loud", "a=b=c"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text:?} was accepted");
        }
    }
}
