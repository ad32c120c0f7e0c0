//! The files of an embedded database: their modes, and noticing that they were deleted or replaced.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::{DatabaseFailure, FileReplaced};

use super::DatabaseUrl;

/// The files of an open database, and the time of its last commit.
///
/// SQLite continues to use its files after they were deleted or replaced, and what it writes then
/// is lost. So each commit compares the files with those that were opened, and writes fail from the
/// first difference until the database is opened again. On PostgreSQL there are no files.
#[derive(Debug)]
pub(super) struct DatabaseFiles {
    files: Vec<OpenFile>,
    /// The first file that was found to be deleted or replaced.
    replaced: OnceLock<FileReplaced>,
    opened: Instant,
    /// Milliseconds from `opened` to the last commit, plus one; 0 before the first.
    committed: AtomicU64,
}

#[derive(Debug)]
struct OpenFile {
    path: Arc<Path>,
    id: FileId,
}

/// The device and inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl DatabaseFiles {
    /// Returns the files of a database, while a connection to it is open and has read it.
    ///
    /// # Errors
    /// [`Unavailable`](DatabaseFailure::Unavailable) if one of its files does not exist.
    pub(super) fn of(url: &DatabaseUrl) -> Result<Self, DatabaseFailure> {
        let paths = url.path().map(open_files).transpose()?.unwrap_or_default();
        let files = paths.into_iter().map(|path| match FileId::of(&path) {
            Some(id) => Ok(OpenFile { path: path.into(), id }),
            None => Err(DatabaseFailure::Unavailable(format!("{} does not exist", path.display()))),
        });
        Ok(Self {
            files: files.collect::<Result<_, _>>()?,
            replaced: OnceLock::new(),
            opened: Instant::now(),
            committed: AtomicU64::new(0),
        })
    }

    /// Checks that the files are those that were opened. This takes some microseconds.
    ///
    /// # Errors
    /// [`FileReplaced`], from the first difference on.
    pub(super) fn check(&self) -> Result<(), FileReplaced> {
        if let Some(replaced) = self.replaced.get() {
            return Err(replaced.clone());
        }
        let Some(file) = self.files.iter().find(|file| FileId::of(&file.path) != Some(file.id))
        else {
            return Ok(());
        };
        let replaced = FileReplaced(Arc::clone(&file.path));
        if self.replaced.set(replaced.clone()).is_ok() {
            tracing::error!("{replaced}: writes are refused until the server is restarted");
        }
        Err(replaced)
    }

    /// Records a commit, and checks that it was written to the files of the database.
    ///
    /// # Errors
    /// [`FileReplaced`] if it may be lost.
    pub(super) fn committed(&self) -> Result<(), FileReplaced> {
        self.check()?;
        let millis = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.committed.store(millis + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Returns whether a write was committed within this time.
    pub(super) fn was_written_within(&self, time: Duration) -> bool {
        match self.committed.load(Ordering::Relaxed) {
            0 => false,
            millis => self.opened.elapsed() < Duration::from_millis(millis) + time,
        }
    }

    /// Returns whether the write-ahead log was deleted or replaced while its database was not, so
    /// that its content can be copied to the database.
    pub(super) fn has_lost_only_its_log(&self) -> bool {
        match &self.files[..] {
            [database, log, _] => {
                self.replaced.get().is_some_and(|replaced| replaced.0 == log.path)
                    && FileId::of(&database.path) == Some(database.id)
            }
            _ => false,
        }
    }
}

/// Returns the database file, its write-ahead log, and its shared memory. SQLite resolves symbolic
/// links before it names the others.
fn open_files(database: &Path) -> Result<Vec<PathBuf>, DatabaseFailure> {
    if cfg!(not(unix)) {
        return Ok(Vec::new());
    }
    let real = database.canonicalize().map_err(|error| {
        DatabaseFailure::Unavailable(format!("{} cannot be found: {error}", database.display()))
    })?;
    Ok(vec![database.to_owned(), with_suffix(&real, "-wal"), with_suffix(&real, "-shm")])
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

impl FileId {
    /// Returns the id of a file; `None` if it does not exist.
    fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for FileId {
    #[cfg(unix)]
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;

        Self(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    fn from(_: &Metadata) -> Self {
        Self(0, 0)
    }
}

/// Creates the file of an embedded database with mode 0600, if it does not exist, and removes other
/// users' permissions from existing files. SQLite creates its other files with the same mode.
///
/// A failure is logged; if the file cannot be used either, connecting reports it.
#[cfg(unix)]
pub(super) fn make_private(url: &DatabaseUrl) {
    use std::fs::{OpenOptions, set_permissions};
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    /// All permissions of the group and of other users.
    const OTHERS: u32 = 0o077;

    let Some(database) = url.path() else { return };
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(database);
    if created.is_ok() {
        return;
    }
    for path in open_files(database).unwrap_or_default() {
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let mut permissions = metadata.permissions();
        let mode = permissions.mode() & 0o777;
        if !metadata.is_file() || mode & OTHERS == 0 {
            continue;
        }
        permissions.set_mode(mode & !OTHERS);
        let (file, mode) = (path.display(), format_args!("{mode:04o}"));
        match set_permissions(&path, permissions) {
            Ok(()) => tracing::info!(%file, %mode, "removed other users' access to the database"),
            Err(error) => {
                tracing::warn!(%file, %mode, %error, "other users have access to the database");
            }
        }
    }
}

/// Other systems have no file modes.
#[cfg(not(unix))]
pub(super) fn make_private(_: &DatabaseUrl) {}
