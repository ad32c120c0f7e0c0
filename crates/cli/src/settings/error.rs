//! Errors in settings.

use std::fmt;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};

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
    /// Returns an error at a location.
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
                match without_credentials(error) {
                    // If this fails, no output is possible.
                    None => {
                        let _ = error.print();
                    }
                    Some(text) => crate::log::print(text.trim_end()),
                }
                u8::try_from(error.exit_code()).map_or(ExitCode::from(USAGE), ExitCode::from)
            }
            Self::Invalid(_) => {
                crate::log::print(self);
                ExitCode::from(USAGE)
            }
        }
    }
}

fn lines(settings: &[InvalidSetting]) -> String {
    let lines: Vec<String> = settings.iter().map(|setting| format!("error: {setting}")).collect();
    lines.join("\n")
}

/// Returns whether a value may contain a password: URLs do, except for origins of browser pages.
fn may_have_credentials(value: &str) -> bool {
    let is_web = value.starts_with("http://") || value.starts_with("https://");
    value.contains('@') || (value.contains("://") && !is_web)
}

/// Returns the message of an error without arguments that may contain a password; `None` if it
/// repeats none.
fn without_credentials(error: &clap::Error) -> Option<String> {
    let message = error.to_string();
    let kinds =
        [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue];
    let masked = kinds.into_iter().fold(message.clone(), |masked, kind| match error.get(kind) {
        Some(ContextValue::String(value)) if may_have_credentials(value) => {
            masked.replace(value.as_str(), "***")
        }
        _ => masked,
    });
    (masked != message).then_some(masked)
}
