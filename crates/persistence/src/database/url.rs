//! The URL of a database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The URL of a database: `sqlite:recto.db`, `postgres://user@host/name`.
///
/// The scheme selects the engine. [`Display`](fmt::Display) masks passwords.
///
/// ```
/// use recto_persistence::DatabaseUrl;
///
/// let url: DatabaseUrl = "sqlite:recto.db".parse()?;
/// assert!(url.is_embedded());
/// let url: DatabaseUrl = "postgres://me:secret@localhost/recto".parse()?;
/// assert_eq!(url.to_string(), "postgres://me:***@localhost/recto");
/// assert!("mysql://localhost/recto".parse::<DatabaseUrl>().is_err());
/// # Ok::<(), recto_persistence::DatabaseUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Location);

#[derive(Clone, PartialEq, Eq)]
enum Location {
    Sqlite(PathBuf),
    Postgres(String),
}

/// An error of parsing a database URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// The scheme is missing or unknown.
    #[error("must begin with `sqlite:`, `postgres:` or `postgresql:`")]
    Scheme,
    /// There is no file after `sqlite:`.
    #[error("must name a file after `sqlite:`")]
    NoFile,
    /// The database is in memory.
    #[error("must name a file: connections cannot share a database in memory")]
    InMemory,
    /// There is no `//` after `postgres:`.
    #[error("must be of the form `postgres://user@host:port/name`")]
    Incomplete,
    /// A character has to be written as `%` and two digits. Otherwise libpq would take a part of a
    /// password for another part of the URL, and show it in its messages.
    #[error(
        "must have a user and a password in which @ is written as %40, / as %2F, ? as %3F, % as %25 and a space as %20"
    )]
    Unescaped,
    /// A port is not a number.
    #[error("must have a number after the `:` of a host; a user and a password end with `@`")]
    Port,
    /// A parameter has no value, or its name is escaped.
    #[error("must have parameters of the form `name=value`, separated by `&`")]
    Parameter,
}

impl DatabaseUrl {
    /// Returns the URL of an embedded database in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Location::Sqlite(path.into()))
    }

    /// Returns whether the database is embedded, in a file.
    pub fn is_embedded(&self) -> bool {
        self.path().is_some()
    }

    /// Returns the file of an embedded database.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Location::Sqlite(path) => Some(path),
            Location::Postgres(_) => None,
        }
    }

    /// Returns the connection string for libpq.
    pub(crate) fn conninfo(&self) -> Option<&str> {
        match &self.0 {
            Location::Sqlite(_) => None,
            Location::Postgres(url) => Some(url),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(raw: &str) -> Result<Self, DatabaseUrlError> {
        let (scheme, rest) = raw.split_once(':').ok_or(DatabaseUrlError::Scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                // Both `sqlite:/var/recto.db` and `sqlite:///var/recto.db`.
                let path = rest.strip_prefix("//").unwrap_or(rest);
                match path {
                    "" => Err(DatabaseUrlError::NoFile),
                    ":memory:" => Err(DatabaseUrlError::InMemory),
                    path => Ok(Self::file(path)),
                }
            }
            "postgres" | "postgresql" => {
                let rest = rest.strip_prefix("//").ok_or(DatabaseUrlError::Incomplete)?;
                check_postgres(rest)?;
                // libpq compares the scheme in lower case.
                Ok(Self(Location::Postgres(format!("{}://{rest}", scheme.to_ascii_lowercase()))))
            }
            _ => Err(DatabaseUrlError::Scheme),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Location::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Location::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Checks that libpq takes no part of a password for anything else.
fn check_postgres(rest: &str) -> Result<(), DatabaseUrlError> {
    if !is_escaped(rest) {
        return Err(DatabaseUrlError::Unescaped);
    }
    let (address, parameters) = rest.split_once('?').map_or((rest, None), |(a, p)| (a, Some(p)));
    let (user, location) = address.split_once('@').unwrap_or(("", address));
    if user.contains('/') || location.contains('@') {
        return Err(DatabaseUrlError::Unescaped);
    }
    let hosts = location.split('/').next().unwrap_or_default();
    if !hosts.split(',').all(has_valid_port) {
        return Err(DatabaseUrlError::Port);
    }
    let is_valid = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) => {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !value.contains(['=', '@', '?'])
        }
        None => false,
    };
    if !parameters.into_iter().flat_map(|all| all.split('&')).all(is_valid) {
        return Err(DatabaseUrlError::Parameter);
    }
    Ok(())
}

/// Returns whether each `%` is followed by the two digits of a byte other than 0, and there is no
/// white space.
fn is_escaped(text: &str) -> bool {
    let escapes = text.split('%').skip(1).all(|after| {
        after.get(..2).is_some_and(|digits| {
            digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && digits != "00"
        })
    });
    escapes && !text.contains(|character: char| character.is_whitespace() || character == '\0')
}

/// Returns whether a host has no port or a number as its port. An IPv6 address is in brackets.
fn has_valid_port(host: &str) -> bool {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Masks the password, before the host or among the parameters.
fn without_password(url: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(a, p)| (a, Some(p)));
    let mut shown = match (address.find("//"), address.rfind('@')) {
        (Some(start), Some(end)) if start + 2 <= end => {
            let user = address[start + 2..end].split(':').next().unwrap_or_default();
            let hidden = if address[start + 2..end].contains(':') { ":***" } else { "" };
            format!("{}{user}{hidden}{}", &address[..start + 2], &address[end..])
        }
        _ => address.to_owned(),
    };
    for (index, parameter) in parameters.into_iter().flat_map(|all| all.split('&')).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        let name = parameter.split('=').next().unwrap_or_default();
        let secret = name.contains("pass") || name.contains("secret");
        shown.push_str(if secret { name } else { parameter });
        shown.push_str(if secret { "=***" } else { "" });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_selects_engine() {
        for embedded in ["sqlite:a.db", "sqlite:///a.db", "SQLITE:a.db", "sqlite:../a b.db"] {
            assert!(embedded.parse::<DatabaseUrl>().unwrap().is_embedded(), "{embedded}");
        }
        for server in ["postgres://localhost/a", "postgresql:///a", "postgres://u:p@h:5/a?x=y"] {
            assert!(!server.parse::<DatabaseUrl>().unwrap().is_embedded(), "{server}");
        }
        for wrong in
            ["", "recto.db", "sqlite:", "sqlite::memory:", "mysql://a", "postgres:a", "file:a"]
        {
            assert!(wrong.parse::<DatabaseUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn password_is_masked() {
        for url in [
            "postgres://me:secret@localhost/recto",
            "POSTGRES://me:sec%40ret@localhost/recto",
            "postgres://localhost/recto?user=me&password=secret",
            "postgres://localhost/recto?sslpassword=secret",
            "postgres://me:secret@localhost/recto?sslmode=disable",
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("sec"), "{url}");
        }
    }

    #[test]
    fn ambiguous_url_is_refused() {
        for (url, reason) in [
            ("postgres://me:hun@ter2@localhost/recto", DatabaseUrlError::Unescaped),
            ("postgres://me:hun/ter2@localhost/recto", DatabaseUrlError::Unescaped),
            ("postgres://me:hun%ter2@localhost/recto", DatabaseUrlError::Unescaped),
            ("postgres://me:hun%00ter2@localhost/recto", DatabaseUrlError::Unescaped),
            ("postgres://me:hun ter2@localhost/recto", DatabaseUrlError::Unescaped),
            ("postgres://me:hunter2", DatabaseUrlError::Port),
            ("postgres://me:hunter2/recto", DatabaseUrlError::Port),
            ("postgres://me@localhost:hunter2/recto", DatabaseUrlError::Port),
            ("postgres://me:1?hunter2@localhost/recto", DatabaseUrlError::Parameter),
            ("postgres://localhost/recto?hunter2", DatabaseUrlError::Parameter),
            ("postgres://localhost/recto?password=hun=ter2", DatabaseUrlError::Parameter),
            ("postgres://localhost/recto?pass%77ord=hunter2", DatabaseUrlError::Parameter),
        ] {
            let refused = url.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(refused, reason, "{url}");
            assert!(!refused.to_string().contains("ter2"), "{refused}");
        }
    }

    #[test]
    fn forms_of_libpq_are_accepted() {
        for url in [
            "postgres://",
            "postgres:///recto?host=/run/postgresql",
            "postgresql://me:p%40ss:word@one:5432,two,[::1]:5433/recto?target_session_attrs=any",
            "postgres://me@%2Fvar%2Frun/recto",
        ] {
            assert!(url.parse::<DatabaseUrl>().is_ok(), "{url}");
        }
    }
}
