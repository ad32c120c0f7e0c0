//! Settings from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::error::InvalidSetting;
use super::option::OptionSpec;

/// The prefix of the program's variables.
const PREFIX: &str = "RECTO_";

/// Variables of the project's tests, which are not options.
const FOR_TESTS: [&str; 3] =
    ["RECTO_REQUIRE_CHROMIUM", "RECTO_REQUIRE_CLIENTS", "RECTO_REQUIRE_POSTGRES"];

#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) config: Option<PathBuf>,
    /// The valid values, by the option's long name.
    pub(super) values: BTreeMap<String, String>,
    pub(super) invalid: Vec<InvalidSetting>,
    /// Warnings about unknown variables.
    pub(super) warnings: Vec<String>,
}

/// Reads the variables that begin with `RECTO_`. An empty one counts as unset, since shells and
/// compose files pass on unset variables as empty ones.
pub(super) fn read(variables: &[(OsString, OsString)], options: &[OptionSpec]) -> Environment {
    let mut found = Environment::default();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || FOR_TESTS.contains(&&*name) {
            continue;
        }
        let Some(option) = options.iter().find(|option| option.variable() == name) else {
            let warning = format!("{name}: unknown variable, ignored (see `recto --help`)");
            found.warnings.push(warning);
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if option.key().is_none() {
            found.config = Some(value.into());
            continue;
        }
        match check(option, value) {
            Ok(value) => {
                found.values.insert(option.long().to_owned(), value);
            }
            Err(reason) => found.invalid.push(InvalidSetting::new(name, reason)),
        }
    }
    found
}

fn check(option: &OptionSpec, value: &OsString) -> Result<String, String> {
    let text = value.to_str().ok_or("invalid value: must be UTF-8")?;
    option.check(text)
}
