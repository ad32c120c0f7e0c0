//! Settings from a TOML file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::DEFAULT_FILE;
use super::error::InvalidSetting;
use super::option::OptionSpec;

/// The valid content of a settings file.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    /// By the option's long name.
    pub(super) values: BTreeMap<String, String>,
    /// The warning that other users can read secrets in the file.
    pub(super) warning: Option<String>,
}

/// Reads the named file, or else the default file if `directory` contains it.
///
/// # Errors
/// All errors: a named file that cannot be read, invalid TOML, unknown keys, invalid values.
pub(super) fn read(
    named: Option<PathBuf>,
    directory: &Path,
    options: &[OptionSpec],
) -> Result<FileSettings, Vec<InvalidSetting>> {
    let optional = named.is_none();
    let path = named.unwrap_or_else(|| directory.join(DEFAULT_FILE));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if optional && error.kind() == ErrorKind::NotFound => {
            return Ok(FileSettings::default());
        }
        Err(error) => {
            let reason = format!("the settings file cannot be read: {error}");
            return Err(vec![InvalidSetting::new(path.display().to_string(), reason)]);
        }
    };
    let values = parse(&text, &path.display().to_string(), options)?;
    let secret = values.iter().any(|(long, value)| is_secret(long, value));
    let warning = if secret { warning_if_shared(&path) } else { None };
    Ok(FileSettings { values, warning })
}

/// Returns whether a value is a secret, or a URL with a password.
fn is_secret(long: &str, value: &str) -> bool {
    match long {
        "secret" | "secret-previous" => true,
        "database-url" | "smtp-url" => {
            let user = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            user.is_some_and(|(user, _)| user.contains(':')) || value.contains("password=")
        }
        _ => false,
    }
}

#[cfg(unix)]
fn warning_if_shared(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o044 != 0).then(|| {
        let path = path.display();
        format!("{path}: other users can read the secrets in this file (mode {mode:04o}); set its mode to 0600")
    })
}

#[cfg(not(unix))]
fn warning_if_shared(_: &Path) -> Option<String> {
    None
}

fn parse(
    text: &str,
    name: &str,
    options: &[OptionSpec],
) -> Result<BTreeMap<String, String>, Vec<InvalidSetting>> {
    let location = |offset: usize| format!("{name}:{}", line(text, offset));
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        vec![InvalidSetting::new(location(offset), error.message())]
    })?;

    let mut values = BTreeMap::new();
    let mut invalid = Vec::new();
    for (key, value) in table.get_ref() {
        let location = format!("{}: {}", location(key.span().start), key.get_ref());
        match check(key.get_ref(), value.get_ref(), options) {
            Ok((long, _)) if values.contains_key(&long) => {
                let reason = "is set twice, once with `-` and once with `_`";
                invalid.push(InvalidSetting::new(location, reason));
            }
            Ok((long, value)) => {
                values.insert(long, value);
            }
            Err(reason) => invalid.push(InvalidSetting::new(location, reason)),
        }
    }
    if invalid.is_empty() { Ok(values) } else { Err(invalid) }
}

/// Finds the option of a key, which may contain `-` instead of `_`, and checks its value.
fn check(
    key: &str,
    value: &DeValue<'_>,
    options: &[OptionSpec],
) -> Result<(String, String), String> {
    let key = key.replace('-', "_");
    let option = options
        .iter()
        .find(|option| option.key().as_deref() == Some(&key))
        .ok_or_else(|| unknown(options))?;
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        other => {
            return Err(format!(
                "must be a string, a whole number or a boolean, not of type {}",
                other.type_str()
            ));
        }
    };
    Ok((option.long().to_owned(), option.check(&text)?))
}

fn unknown(options: &[OptionSpec]) -> String {
    let mut keys: Vec<String> = options.iter().filter_map(OptionSpec::key).collect();
    keys.sort_unstable();
    format!("unknown key; the known ones are {}", keys.join(", "))
}

/// Returns the line of a byte offset, counted from 1.
fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}
