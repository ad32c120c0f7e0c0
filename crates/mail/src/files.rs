//! Messages as files, for trying things out without a mail server.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Message, SendError};

/// A directory in which each message is a file: `ID.eml`, of the mail's id, so that names are in
/// the order of time. Only the owner can read them.
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
}

impl Files {
    /// Files in this directory, which is made when the first is written.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Writes a message; one that was written before is replaced.
    ///
    /// # Errors
    /// [`Later`](SendError::Later): the file cannot be written.
    pub async fn write(&self, message: Message) -> Result<(), SendError> {
        let directory = self.directory.clone();
        let written = tokio::task::spawn_blocking(move || {
            let file = directory.join(format!("{}.eml", message.id));
            let failed = |error| format!("{}: {error}", file.display());
            write(&directory, &file, &message.formatted()).map_err(failed)?;
            Ok(file)
        });
        let written = written.await.unwrap_or_else(|error| Err(error.to_string()));
        let file = written.map_err(SendError::Later)?;
        tracing::info!(file = %file.display(), "wrote a mail, for there is no SMTP server");
        Ok(())
    }
}

/// Makes the file whole or not at all, with a name that lasts.
fn write(directory: &Path, file: &Path, content: &[u8]) -> io::Result<()> {
    make(directory)?;
    let mut draft = tempfile::Builder::new().prefix(".draft-").tempfile_in(directory)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    File::open(directory)?.sync_all()
}

/// Makes the directory, if there is none, for its owner alone.
fn make(directory: &Path) -> io::Result<()> {
    if fs::exists(directory)? {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
