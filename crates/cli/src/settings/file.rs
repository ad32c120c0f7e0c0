//! LoadedSettings from a TOML file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::DEFAULT_FILE;
use super::error::InvalidSetting;
use super::option::OptionSpec;

/// Reads the named file, or else the default one if `directory` has it, into
/// values by the option's long name.
///
/// # Errors
///
/// Every fault found: a named file that cannot be read, a line that is no TOML,
/// unknown keys, bad values.
pub(super) fn read(
    named: Option<PathBuf>,
    directory: &Path,
    known: &[OptionSpec],
) -> Result<BTreeMap<String, String>, Vec<InvalidSetting>> {
    let optional = named.is_none();
    let path = named.unwrap_or_else(|| directory.join(DEFAULT_FILE));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if optional && error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => {
            let why = format!("the settings file cannot be read: {error}");
            return Err(vec![InvalidSetting::new(path.display().to_string(), why)]);
        }
    };
    parse(&text, &path.display().to_string(), known)
}

fn parse(
    text: &str,
    name: &str,
    known: &[OptionSpec],
) -> Result<BTreeMap<String, String>, Vec<InvalidSetting>> {
    let place = |offset: usize| format!("{name}:{}", line(text, offset));
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        vec![InvalidSetting::new(place(offset), error.message())]
    })?;

    let mut values = BTreeMap::new();
    let mut faults = Vec::new();
    for (key, value) in table.get_ref() {
        let place = format!("{}: {}", place(key.span().start), key.get_ref());
        match check(key.get_ref(), value.get_ref(), known) {
            Ok((long, _)) if values.contains_key(&long) => {
                faults.push(InvalidSetting::new(
                    place,
                    "is set twice, once with `-` and once with `_`",
                ));
            }
            Ok((long, value)) => {
                values.insert(long, value);
            }
            Err(why) => faults.push(InvalidSetting::new(place, why)),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// Finds the option of a key, which may be spelt with `-` as well as with `_`,
/// and judges its value.
fn check(key: &str, value: &DeValue<'_>, known: &[OptionSpec]) -> Result<(String, String), String> {
    let spelt = key.replace('-', "_");
    let option = known
        .iter()
        .find(|option| option.key().as_deref() == Some(&spelt))
        .ok_or_else(|| unknown(known))?;
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

fn unknown(known: &[OptionSpec]) -> String {
    let mut keys: Vec<String> = known.iter().filter_map(OptionSpec::key).collect();
    keys.sort_unstable();
    format!("unknown key; the known ones are {}", keys.join(", "))
}

/// The line of a byte offset, counted from 1.
fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}
