//! Which database, on which engine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a database is: `sqlite:recto.db`, `postgres://user@host/name`.
///
/// The scheme decides the engine. [`Display`](fmt::Display) leaves a password out.
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
pub struct DatabaseUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

/// A URL that names no engine, or no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// A scheme that is neither engine's, or none.
    #[error("must begin with `sqlite:`, `postgres:` or `postgresql:`")]
    Scheme,
    /// `sqlite:` without a file.
    #[error("must name a file behind `sqlite:`")]
    NoFile,
    /// A database that each connection would have for itself.
    #[error("must name a file: a database in memory would be another for each connection")]
    InMemory,
    /// `postgres:` without the rest of a URL.
    #[error("must be of the form `postgres://user@host:port/name`")]
    Incomplete,
}

impl DatabaseUrl {
    /// The embedded database in that file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }

    /// Whether the database is embedded, in a file of its own.
    pub fn is_embedded(&self) -> bool {
        self.path().is_some()
    }

    /// The file of an embedded database.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }

    /// What libpq connects to.
    pub(crate) fn conninfo(&self) -> Option<&str> {
        match &self.0 {
            Place::Sqlite(_) => None,
            Place::Postgres(url) => Some(url),
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
                Ok(Self(Place::Postgres(raw.to_owned())))
            }
            "postgres" | "postgresql" => Err(DatabaseUrlError::Incomplete),
            _ => Err(DatabaseUrlError::Scheme),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Stars out the password, before the host or among the parameters.
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
    fn the_scheme_decides() {
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
    fn a_password_is_never_shown() {
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
