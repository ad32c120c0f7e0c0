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
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self(Location::Postgres(raw.to_owned())))
            }
            "postgres" | "postgresql" => Err(DatabaseUrlError::Incomplete),
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
        let secret = matches!(name, "password" | "sslpassword" | "passfile");
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
            "postgres://me:sec@ret@localhost/recto",
            "postgres://localhost/recto?user=me&password=secret",
            "postgres://me:secret@localhost/recto?sslmode=disable",
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("sec"), "{url}");
        }
    }
}
