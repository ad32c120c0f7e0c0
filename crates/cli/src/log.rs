//! The log on standard error, as text or as JSON lines.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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

/// Starts logging to standard error.
///
/// # Panics
/// If it is called twice.
pub(crate) fn start(filter: &LogFilter, format: LogFormat) {
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter.directives()).with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(colours()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
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

/// Returns whether to use colours: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
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
