//! The data folder of an embedded database: one process at a time, and gone in the end if it is a temporary one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, StoreResult};

/// A folder that this process has for itself, or looks at.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    temporary: bool,
    /// Held as long as the folder is ours; absent where it is another's, who may be running.
    _lock: Option<File>,
}

impl Folder {
    /// Takes a folder for this process.
    pub(super) fn take(path: PathBuf) -> StoreResult<Self> {
        private_folder()
            .recursive(true)
            .create(&path)
            .map_err(|source| Error::Folder { path: path.clone(), source })?;
        Ok(Self { _lock: Some(lock(&path)?), path, temporary: false })
    }

    /// A folder that another process may have for itself, to look at what is in it.
    pub(super) const fn beside(path: PathBuf) -> Self {
        Self { _lock: None, path, temporary: false }
    }

    /// A new folder under the system's temporary one.
    pub(super) fn temporary() -> StoreResult<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = std::env::temp_dir();
        loop {
            let name = format!("claviger-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = parent.join(name);
            match private_folder().create(&path) {
                Ok(()) => return Ok(Self { _lock: Some(lock(&path)?), path, temporary: true }),
                // Left behind by a killed process that had our number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Folder { path, source }),
            }
        }
    }

    /// The file of a database in the folder, which nobody but its owner reads: it is made before the engine opens it, whose other files get the mode
    /// of this one. Those that are there already, perhaps with what a crash has left beside them, are closed to others. A umask was rejected: it
    /// would hold for all that the process makes, and mend nothing that is there.
    pub(super) fn database(&self, name: &str) -> StoreResult<PathBuf> {
        let path = self.path.join(name);
        match private_file().create_new(true).open(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::Folder { path, source }),
        }
        for beside in ["", "-wal", "-shm", "-journal"] {
            close_to_others(&self.path.join(format!("{name}{beside}")));
        }
        Ok(path)
    }
}

/// Digests, names and the log are nobody else's business on this machine.
fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes from others what they may do with a file that is there. Who may not, since the file is another's, works with it as before.
#[cfg(unix)]
pub fn close_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = fs::metadata(path) else { return };
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 {
        return;
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)) {
        Ok(()) => tracing::info!(file = %path.display(), "others could read this file; now only its owner can"),
        Err(error) => tracing::warn!(file = %path.display(), %error, "others can read this file: chmod 600"),
    }
}

/// Nothing where files have no such modes.
#[cfg(not(unix))]
pub fn close_to_others(_: &Path) {}

/// Not the database file itself is locked: closing any handle of it would drop the engine's own locks.
fn lock(folder: &Path) -> StoreResult<File> {
    let path = folder.join("claviger.lock");
    let file = private_file().create(true).truncate(false).open(&path);
    let file = file.map_err(|source| Error::Folder { path: path.clone(), source })?;
    // Whoever can open it can lock it, and so keep the service from starting.
    close_to_others(&path);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(Error::Folder { path, source }),
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "a temporary folder stays behind");
        }
    }
}
