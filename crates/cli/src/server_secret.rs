//! The server's secret: set, or generated in a file next to an embedded database.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, str};

use recto_persistence::DatabaseUrl;

use crate::secret_strength::Strength;

/// The minimum length in bytes: that of a signature.
const MIN_BYTES: usize = 32;

/// A secret of at least 32 bytes. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerSecret(Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidServerSecret {
    #[error("must be at least {MIN_BYTES} bytes")]
    Short,
    #[error("must be random, not a pattern; `openssl rand -hex 32` prints such a secret")]
    Pattern,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerSecretError {
    /// It is not set with PostgreSQL, where all servers of a database must have the same secret.
    #[error(
        "with PostgreSQL, RECTO_SECRET must be set to a secret of at least {MIN_BYTES} bytes, the same for every server of this database"
    )]
    Unset,
    #[error("the secret in {}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("the secret in {}: {source}; delete the file to generate a new one", file.display())]
    Content { file: PathBuf, source: InvalidServerSecret },
    #[error("no random bytes for a secret: {0}")]
    Random(getrandom::Error),
}

impl ServerSecret {
    /// Returns the given secret, or else the one next to an embedded database, which is generated
    /// if the file does not exist.
    pub(crate) fn resolve(
        given: Option<Self>,
        database: &DatabaseUrl,
    ) -> Result<Self, ServerSecretError> {
        match (given, database.path()) {
            (Some(secret), _) => Ok(secret),
            (None, Some(database)) => read_or_create(database),
            (None, None) => Err(ServerSecretError::Unset),
        }
    }

    /// Checks that a secret is given for PostgreSQL, before the database is changed.
    ///
    /// # Errors
    /// [`Unset`](ServerSecretError::Unset) otherwise.
    pub(crate) fn check_set(
        given: Option<&Self>,
        database: &DatabaseUrl,
    ) -> Result<(), ServerSecretError> {
        if given.is_none() && !database.is_embedded() {
            return Err(ServerSecretError::Unset);
        }
        Ok(())
    }

    /// Generates a secret of 32 random bytes in hexadecimal.
    pub(crate) fn random() -> Result<Self, ServerSecretError> {
        let mut bytes = [0; MIN_BYTES];
        getrandom::fill(&mut bytes).map_err(ServerSecretError::Random)?;
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        let hex = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        Ok(Self(hex.collect()))
    }

    /// Logs a warning if the secret may be guessed.
    pub(crate) fn warn_if_guessable(&self, name: &str) {
        if Strength::of(&self.0) == Strength::Words {
            tracing::warn!(
                "{name} consists of words: a person who guesses it can act as any user; use a random one, as `openssl rand -hex 32` prints"
            );
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for ServerSecret {
    type Err = InvalidServerSecret;

    fn from_str(text: &str) -> Result<Self, InvalidServerSecret> {
        if text.len() < MIN_BYTES {
            return Err(InvalidServerSecret::Short);
        }
        if Strength::of(text.as_bytes()) == Strength::Pattern {
            return Err(InvalidServerSecret::Pattern);
        }
        Ok(Self(text.as_bytes().to_owned()))
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(…)")
    }
}

/// Reads the secret's file next to a database, or creates it.
fn read_or_create(database: &Path) -> Result<ServerSecret, ServerSecretError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".secret");
    let file = PathBuf::from(name);
    match stored(&file)? {
        Some(secret) => Ok(secret),
        None => create(&file),
    }
}

fn stored(file: &Path) -> Result<Option<ServerSecret>, ServerSecretError> {
    let failed = |source| ServerSecretError::File { file: file.to_owned(), source };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    warn_if_shared(file).map_err(failed)?;
    let secret = text
        .trim_end()
        .parse()
        .map_err(|source| ServerSecretError::Content { file: file.to_owned(), source })?;
    Ok(Some(secret))
}

/// Creates the file atomically, by renaming a temporary file that only its owner can read. If
/// another process was first, its secret is returned.
fn create(file: &Path) -> Result<ServerSecret, ServerSecretError> {
    let failed = |source| ServerSecretError::File { file: file.to_owned(), source };
    let secret = ServerSecret::random()?;
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut draft =
        tempfile::Builder::new().prefix(".recto-secret-").tempfile_in(directory).map_err(failed)?;
    draft
        .write_all(secret.as_bytes())
        .and_then(|()| draft.write_all(b"\n"))
        .and_then(|()| draft.as_file().sync_all())
        .map_err(failed)?;
    match draft.persist_noclobber(file) {
        Ok(_) => {
            sync_directory(directory).map_err(failed)?;
            tracing::info!(file = %file.display(), "generated a secret for this database");
            Ok(secret)
        }
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
            stored(file)?.ok_or_else(|| failed(error.error))
        }
        Err(error) => Err(failed(error.error)),
    }
}

/// Makes the file's name durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(unix)]
fn warn_if_shared(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(file)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            file = %file.display(),
            mode = %format_args!("{mode:04o}"),
            "other users can read the secret; set the file's mode to 0600"
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn warn_if_shared(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(directory: &tempfile::TempDir) -> DatabaseUrl {
        let file = directory.path().join("recto.db");
        format!("sqlite:{}", file.display()).parse().unwrap()
    }

    #[test]
    fn secret_file_is_created_once() {
        let directory = tempfile::tempdir().unwrap();
        let database = embedded(&directory);
        let first = ServerSecret::resolve(None, &database).unwrap();
        assert_eq!(first.as_bytes().len(), 64);
        assert_eq!(ServerSecret::resolve(None, &database).unwrap(), first);
        let names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["recto.db.secret"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        ServerSecret::resolve(None, &embedded(&directory)).unwrap();
        let mode =
            fs::metadata(directory.path().join("recto.db.secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn concurrent_starts_share_one_secret() {
        let directory = tempfile::tempdir().unwrap();
        let database = embedded(&directory);
        let secrets: Vec<ServerSecret> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| ServerSecret::resolve(None, &database).unwrap()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn short_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("recto.db.secret"), "short\n").unwrap();
        let error = ServerSecret::resolve(None, &embedded(&directory)).unwrap_err();
        assert!(error.to_string().contains("recto.db.secret"), "{error}");
    }

    #[test]
    fn pattern_is_refused() {
        let refused = "x".repeat(64).parse::<ServerSecret>().unwrap_err();
        assert_eq!(refused, InvalidServerSecret::Pattern);
    }

    #[test]
    fn postgres_requires_a_secret() {
        let database = "postgres://localhost/recto".parse().unwrap();
        let error = ServerSecret::resolve(None, &database).unwrap_err();
        assert!(error.to_string().contains("RECTO_SECRET"), "{error}");
        assert!(ServerSecret::check_set(None, &database).is_err());
        let given: ServerSecret = "6f1d0c5be2a94b7f8e03d1c2a5b69788".parse().unwrap();
        assert_eq!(ServerSecret::resolve(Some(given.clone()), &database).unwrap(), given);
        assert_eq!(format!("{given:?}"), "ServerSecret(…)");
    }
}
