//! Errors in settings.

use std::fmt;
use std::process::ExitCode;

/// The exit code for wrong usage.
const USAGE: u8 = 2;

/// An invalid variable or file key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSetting {
    /// The variable, or the file with line and key.
    pub(crate) location: String,
    pub(crate) reason: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The arguments are invalid, or request help or the version.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// Variables or file keys are invalid. Never empty.
    #[error("{}", lines(.0))]
    Invalid(Vec<InvalidSetting>),
}

impl InvalidSetting {
    /// Creates an error at a location.
    pub(crate) fn new(location: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { location: location.into(), reason: reason.into() }
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.reason)
    }
}

impl SettingsError {
    /// Prints the error and returns the exit code: 0 if help was requested, and 2 otherwise.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Arguments(error) => {
                // If this fails, no output is possible.
                let _ = error.print();
                u8::try_from(error.exit_code()).map_or(ExitCode::from(USAGE), ExitCode::from)
            }
            Self::Invalid(_) => {
                eprintln!("{self}");
                ExitCode::from(USAGE)
            }
        }
    }
}

fn lines(settings: &[InvalidSetting]) -> String {
    let lines: Vec<String> = settings.iter().map(|setting| format!("error: {setting}")).collect();
    lines.join("\n")
}
