//! An option with its three names, and the check of its value.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

/// An option that the command line, the environment and the settings file can set.
#[derive(Clone, Debug)]
pub(super) struct OptionSpec {
    arg: Arg,
    long: String,
}

pub(super) fn option_specs(command: &Command) -> Vec<OptionSpec> {
    let own = command.get_arguments().filter_map(OptionSpec::of);
    own.chain(command.get_subcommands().flat_map(option_specs)).collect()
}

impl OptionSpec {
    /// Returns the option of an argument, unless it is positional.
    pub(super) fn of(arg: &Arg) -> Option<Self> {
        let long = arg.get_long()?.to_owned();
        let arg = arg.clone();
        Some(Self { arg, long })
    }

    /// Returns its name on the command line, without the leading hyphens.
    pub(super) fn long(&self) -> &str {
        &self.long
    }

    /// Returns its environment variable.
    pub(super) fn variable(&self) -> String {
        format!("RECTO_{}", self.long.replace('-', "_").to_ascii_uppercase())
    }

    /// Returns its key in the settings file, except for the option that names that file.
    pub(super) fn key(&self) -> Option<String> {
        (self.long != "config").then(|| self.long.replace('-', "_"))
    }

    /// Checks a value from the environment or the file, and returns it in the form of a default.
    ///
    /// # Errors
    /// The reason, with the value unless it is sensitive.
    pub(super) fn check(&self, value: &str) -> Result<String, String> {
        if matches!(self.arg.get_action(), ArgAction::SetTrue) {
            return check_switch(value);
        }
        let alone = self.arg.clone().required(false).global(false);
        Command::new("recto")
            .no_binary_name(true)
            .arg(alone)
            .try_get_matches_from([format!("--{}={value}", self.long)])
            .map(|_| value.to_owned())
            .map_err(|error| explain(&error, value))
    }
}

fn check_switch(value: &str) -> Result<String, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok("true".to_owned()),
        "false" | "no" | "off" | "0" => Ok("false".to_owned()),
        _ => Err(format!("invalid value `{value}`: must be true or false")),
    }
}

/// Extracts the reason from the parser's error, without the flag.
fn explain(error: &clap::Error, value: &str) -> String {
    if let Some(ContextValue::String(reason)) = error.get(ContextKind::Custom) {
        return format!("invalid value: {reason}");
    }
    if let Some(reason) = std::error::Error::source(error) {
        return format!("invalid value `{value}`: {reason}");
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) if !value.is_empty() => {
            format!("invalid value `{value}`: must be {}", valid.join(" or "))
        }
        _ => format!("invalid value `{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn documentation() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        std::fs::read_to_string(path).unwrap()
    }

    fn option(long: &str) -> OptionSpec {
        let known = option_specs(&Cli::command());
        known.into_iter().find(|known| known.long() == long).unwrap()
    }

    #[test]
    fn option_names_are_unique() {
        let known = option_specs(&Cli::command());
        let names: BTreeSet<_> = known.iter().map(OptionSpec::long).collect();
        assert_eq!(names.len(), known.len());
        assert!(names.contains("listen") && names.contains("username"));
    }

    #[test]
    fn names_derive_from_the_flag() {
        let option = option("database-url");
        assert_eq!(option.variable(), "RECTO_DATABASE_URL");
        assert_eq!(option.key().as_deref(), Some("database_url"));
        assert_eq!(super::OptionSpec::key(&self::option("config")), None);
    }

    #[test]
    fn documentation_lists_every_option() {
        let documented: Vec<String> = documentation()
            .lines()
            .filter(|line| line.starts_with("| `--"))
            .map(|line| line.splitn(6, '|').take(5).collect::<Vec<_>>().join("|"))
            .collect();
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}` ") };
        let existing: Vec<String> = option_specs(&Cli::command())
            .iter()
            .map(|option| {
                let switch = matches!(option.arg.get_action(), ArgAction::SetTrue);
                let default = option.arg.get_default_values().first();
                let default = default.map(|value| value.to_str().unwrap());
                format!(
                    "| `--{}` | `{}` | {}| {}",
                    option.long(),
                    option.variable(),
                    code(&option.key().unwrap_or_default()),
                    code(default.unwrap_or(if switch { "false" } else { "" })),
                )
            })
            .collect();
        assert_eq!(documented, existing);
    }

    #[test]
    fn invalid_value_is_shown_with_reason() {
        assert_eq!(
            option("log-format").check("xml").unwrap_err(),
            "invalid value `xml`: must be text or json"
        );
        assert_eq!(
            option("workers").check("0").unwrap_err(),
            "invalid value `0`: 0 is not in 1..=1024"
        );
        assert!(option("listen").check("nowhere").unwrap_err().contains("host and a port"));
        assert!(option("demo").check("perhaps").unwrap_err().contains("true or false"));
    }

    #[test]
    fn sensitive_value_is_not_shown() {
        let reason = option("secret").check("hunter2").unwrap_err();
        assert!(reason.contains("32 bytes") && !reason.contains("hunter2"), "{reason}");
        let reason = option("database-url").check("mysql://u:hunter2@h/db").unwrap_err();
        assert!(!reason.contains("hunter2"), "{reason}");
    }

    #[test]
    fn switches_have_several_spellings() {
        let demo = option("demo");
        assert_eq!(demo.check("1").unwrap(), "true");
        assert_eq!(demo.check("Off").unwrap(), "false");
    }
}
