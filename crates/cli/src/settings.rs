//! Where the values of options come from: flags, then the environment, then a
//! file, then the defaults.
//!
//! The command line's own definitions are the only list of options. A value
//! from the environment or the file is tried with the parser of its flag, on
//! whatever command it belongs to, so that a bad one is found before anything
//! starts; then it becomes the flag's default, and one parse of the arguments
//! sees all sources in their order.

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
use option::{OptionSpec, option_specs};

/// The file that is read when none is named, if it is there.
const DEFAULT_FILE: &str = "recto.toml";

/// What the program finds around it when it starts.
#[derive(Debug)]
pub(crate) struct ProcessContext {
    /// The program's name and its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// The environment variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The working directory, which holds the default settings file.
    pub(crate) directory: PathBuf,
}

/// What the program was told to do.
#[derive(Debug)]
pub(crate) struct LoadedSettings {
    /// The command and its options, from all sources.
    pub(crate) cli: Cli,
    /// What is odd but harmless, a sentence each.
    pub(crate) warnings: Vec<String>,
}

impl ProcessContext {
    /// Those of this process.
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
///
/// A [`SettingsError`] that names each unknown or bad argument, variable and file
/// key; or the help text, where that was asked for.
pub(crate) fn read(context: &ProcessContext) -> Result<LoadedSettings, SettingsError> {
    let command = described(Cli::command());
    let config = flag_config(&command, &context.arguments)?;
    let known = option_specs(&command);

    let environment = environment::read(&context.environment, &known);
    let mut faults = environment.faults;
    let named = config.or(environment.config);
    let mut values = match file::read(named, &context.directory, &known) {
        Ok(values) => values,
        Err(found) => {
            faults.extend(found);
            BTreeMap::new()
        }
    };
    values.extend(environment.values);
    if !faults.is_empty() {
        return Err(SettingsError::Settings(faults));
    }

    let matches = with_defaults(command, &values).try_get_matches_from(&context.arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    refuse_demo_with_database(&cli, &matches)?;
    Ok(LoadedSettings { cli, warnings: environment.warnings })
}

/// Adds to each option's help the variable and the file key that set it too.
fn described(command: Command) -> Command {
    for_each_option(command, &mut |known, arg| {
        let sources = match known.key() {
            Some(key) => format!("[env: {}] [file: {key}]", known.variable()),
            None => format!("[env: {}]", known.variable()),
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

/// The file named by `--config`, which must be known before the rest can be
/// judged.
fn flag_config(
    command: &Command,
    arguments: &[OsString],
) -> Result<Option<PathBuf>, SettingsError> {
    let strict = command.clone().try_get_matches_from(arguments);
    let matches = match strict {
        // What is missing on the command line may be in the environment.
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            for_each_option(command.clone(), &mut |_, arg| arg.required(false))
                .try_get_matches_from(arguments)?
        }
        other => other?,
    };
    Ok(matches.get_one::<PathBuf>("config").cloned())
}

/// Makes each value the default of its option.
fn with_defaults(command: Command, values: &BTreeMap<String, String>) -> Command {
    for_each_option(command, &mut |known, arg| match values.get(known.long()) {
        Some(value) => arg.required(false).default_value(value.clone()),
        None => arg,
    })
}

/// A demo always has a fresh database of its own. A database named right
/// beside it on the command line is a misunderstanding to clear up; one in the
/// environment or the file is merely not used.
fn refuse_demo_with_database(cli: &Cli, matches: &ArgMatches) -> Result<(), SettingsError> {
    let demo = matches!(&cli.command, cli::Command::Serve(options) if options.demo);
    let named = matches.value_source("database_url") == Some(ValueSource::CommandLine);
    if demo && named {
        return Err(Cli::command()
            .error(
                ErrorKind::ArgumentConflict,
                "the demo brings a database of its own: leave out '--database-url'",
            )
            .into());
    }
    Ok(())
}

/// Rebuilds a command and all below it, option by option.
fn for_each_option(
    command: Command,
    change: &mut dyn FnMut(&OptionSpec, clap::Arg) -> clap::Arg,
) -> Command {
    command
        .mut_args(|arg| match OptionSpec::of(&arg) {
            Some(known) => change(&known, arg),
            None => arg,
        })
        .mut_subcommands(|below| for_each_option(below, change))
}

#[cfg(test)]
mod tests;
