//! Writing messages to files, for trying Recto out without a mail server.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Message, SendError};

/// A directory with a file `ID.eml` for each message, in order of time. Only its owner can read it.
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
}

impl Files {
    /// Returns a transport for this directory, which is created with the first file.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Writes a message, replacing an earlier file of the same mail.
    ///
    /// # Errors
    /// [`Temporary`](SendError::Temporary) if the file cannot be written.
    pub async fn write(&self, message: Message) -> Result<(), SendError> {
        let directory = self.directory.clone();
        let written = tokio::task::spawn_blocking(move || {
            let file = directory.join(format!("{}.eml", message.id));
            let failed = |error| format!("{}: {error}", file.display());
            write(&directory, &file, &message.formatted()).map_err(failed)?;
            Ok(file)
        });
        let written = written.await.unwrap_or_else(|error| Err(error.to_string()));
        let file = written.map_err(SendError::Temporary)?;
        tracing::info!(file = %file.display(), "wrote a mail to a file: no SMTP server is set");
        Ok(())
    }
}

/// Creates the file atomically and durably.
fn write(directory: &Path, file: &Path, content: &[u8]) -> io::Result<()> {
    create_directory(directory)?;
    let mut draft = tempfile::Builder::new().prefix(".draft-").tempfile_in(directory)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    File::open(directory)?.sync_all()
}

/// Creates the directory if it does not exist, readable by its owner only.
fn create_directory(directory: &Path) -> io::Result<()> {
    if fs::exists(directory)? {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
