//! Option values from flags, the environment, the settings file and defaults, in this order.
//!
//! The options are those of the command line's definitions. A value from the environment or the
//! file is checked with the parser of its flag, also if the command does not use it, and then
//! becomes the default of the flag when the arguments are parsed.

mod environment;
mod error;
mod file;
mod option;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::{self, Cli};

pub(crate) use error::SettingsError;
use file::FileSettings;
use option::{OptionSpec, option_specs};

/// The settings file that is read, if it exists, when no other is named.
const DEFAULT_FILE: &str = "recto.toml";

/// The inputs from which settings are read.
#[derive(Debug)]
pub(crate) struct ProcessContext {
    /// The program's name and its arguments.
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The working directory, which may contain the default settings file.
    pub(crate) directory: PathBuf,
}

/// The command and its options, from all sources.
#[derive(Debug)]
pub(crate) struct LoadedSettings {
    pub(crate) cli: Cli,
    /// Warnings, such as unknown variables.
    pub(crate) warnings: Vec<String>,
}

impl ProcessContext {
    /// Returns the inputs of this process.
    pub(crate) fn of_process() -> Self {
        Self {
            arguments: std::env::args_os().collect(),
            environment: std::env::vars_os().collect(),
            directory: PathBuf::new(),
        }
    }
}

/// Reads the settings from all sources.
///
/// # Errors
/// [`SettingsError`] with each unknown or invalid argument, variable and file key, or with the help
/// text if that was requested.
pub(crate) fn read(context: &ProcessContext) -> Result<LoadedSettings, SettingsError> {
    let command = described(Cli::command());
    let config = flag_config(&command, &context.arguments)?;
    let options = option_specs(&command);

    let environment = environment::read(&context.environment, &options);
    let mut invalid = environment.invalid;
    let named = config.or(environment.config);
    let file = file::read(named, &context.directory, &options).unwrap_or_else(|found| {
        invalid.extend(found);
        FileSettings::default()
    });
    let mut warnings = environment.warnings;
    warnings.extend(file.warning);
    let mut values = file.values;
    values.extend(environment.values);
    if !invalid.is_empty() {
        return Err(SettingsError::Invalid(invalid));
    }

    let matches = with_defaults(command, &values).try_get_matches_from(&context.arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    refuse_demo_with_database(&cli, &matches)?;
    Ok(LoadedSettings { cli, warnings })
}

/// Adds the variable and the file key to the help of each option.
fn described(command: Command) -> Command {
    for_each_option(command, &mut |option, arg| {
        let sources = match option.key() {
            Some(key) => format!("[env: {}] [file: {key}]", option.variable()),
            None => format!("[env: {}]", option.variable()),
        };
        let short = arg.get_help().map(|help| format!("{help} {sources}"));
        let long = arg.get_long_help().map(|help| format!("{help}\n\n{sources}"));
        let arg = arg.help(short.unwrap_or(sources));
        match long {
            Some(long) => arg.long_help(long),
            None => arg,
        }
    })
}

/// Returns the file named by `--config`, which must be read before the other options are known.
fn flag_config(
    command: &Command,
    arguments: &[OsString],
) -> Result<Option<PathBuf>, SettingsError> {
    let strict = command.clone().try_get_matches_from(arguments);
    let matches = match strict {
        // Missing options may be set by the environment or the file.
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            for_each_option(command.clone(), &mut |_, arg| arg.required(false))
                .try_get_matches_from(arguments)?
        }
        other => other?,
    };
    Ok(matches.get_one::<PathBuf>("config").cloned())
}

fn with_defaults(command: Command, values: &BTreeMap<String, String>) -> Command {
    for_each_option(command, &mut |option, arg| match values.get(option.long()) {
        Some(value) => arg.required(false).default_value(value.clone()),
        None => arg,
    })
}

/// Refuses `--demo` with `--database-url`, since a demo uses its own database. A database in the
/// environment or the file is ignored.
fn refuse_demo_with_database(cli: &Cli, matches: &ArgMatches) -> Result<(), SettingsError> {
    let demo = matches!(&cli.command, cli::Command::Serve(options) if options.demo);
    let named = matches.value_source("database_url") == Some(ValueSource::CommandLine);
    if demo && named {
        return Err(Cli::command()
            .error(
                ErrorKind::ArgumentConflict,
                "the demo uses its own database: omit '--database-url'",
            )
            .into());
    }
    Ok(())
}

fn for_each_option(
    command: Command,
    change: &mut dyn FnMut(&OptionSpec, clap::Arg) -> clap::Arg,
) -> Command {
    command
        .mut_args(|arg| match OptionSpec::of(&arg) {
            Some(option) => change(&option, arg),
            None => arg,
        })
        .mut_subcommands(|subcommand| for_each_option(subcommand, change))
}

#[cfg(test)]
mod tests;
