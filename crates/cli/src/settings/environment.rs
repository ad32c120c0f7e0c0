//! LoadedSettings from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::error::InvalidSetting;
use super::option::OptionSpec;

/// What every variable of the program begins with.
const PREFIX: &str = "RECTO_";

/// Variables that steer the project's own tests and are no option.
const FOR_TESTS: [&str; 2] = ["RECTO_REQUIRE_CHROMIUM", "RECTO_REQUIRE_POSTGRES"];

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// The settings file it names.
    pub(super) config: Option<PathBuf>,
    /// The good values, by the option's long name.
    pub(super) values: BTreeMap<String, String>,
    /// The bad values.
    pub(super) faults: Vec<InvalidSetting>,
    /// Variables that look like the program's, and are not.
    pub(super) warnings: Vec<String>,
}

/// Reads the variables that begin with `RECTO_`. An empty one counts as unset,
/// since that is how a shell or a compose file passes on what it does not have.
pub(super) fn read(variables: &[(OsString, OsString)], known: &[OptionSpec]) -> Environment {
    let mut found = Environment::default();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || FOR_TESTS.contains(&&*name) {
            continue;
        }
        let Some(option) = known.iter().find(|option| option.variable() == name) else {
            found.warnings.push(format!(
                "{name}: no such setting; the variable is ignored (see `recto --help`)"
            ));
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
            Err(why) => found.faults.push(InvalidSetting::new(name, why)),
        }
    }
    found
}

fn check(option: &OptionSpec, value: &OsString) -> Result<String, String> {
    let text = value.to_str().ok_or("invalid value: must be UTF-8")?;
    option.check(text)
}
