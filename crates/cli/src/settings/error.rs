//! Why the program does not start.

use std::fmt;
use std::process::ExitCode;

/// The exit code of a program that was called wrongly.
const USAGE: u8 = 2;

/// A setting that cannot be used, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSetting {
    /// The variable, or the file with its line and key.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) why: String,
}

/// Why the settings give nothing to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The arguments are wrong, or ask for help or the version.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// Variables or file keys are wrong; never empty.
    #[error("{}", lines(.0))]
    Settings(Vec<InvalidSetting>),
}

impl InvalidSetting {
    /// A fault at a place.
    pub(crate) fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl SettingsError {
    /// Tells the user, and gives the exit code: 0 where help was asked for, else 2.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Arguments(error) => {
                // With nobody left to read it there is nothing better to do.
                let _ = error.print();
                u8::try_from(error.exit_code()).map_or(ExitCode::from(USAGE), ExitCode::from)
            }
            Self::Settings(_) => {
                eprintln!("{self}");
                ExitCode::from(USAGE)
            }
        }
    }
}

fn lines(faults: &[InvalidSetting]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("error: {fault}")).collect();
    lines.join("\n")
}
