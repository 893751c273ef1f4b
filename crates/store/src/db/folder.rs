//! The data folder of an embedded database: one process at a time, and gone in the end if it is a temporary one.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::path::PathBuf;
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
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        // Digests, names and the log are nobody else's business on this machine.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|source| Error::Folder { path: path.clone(), source })?;
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
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { _lock: Some(lock(&path)?), path, temporary: true }),
                // Left behind by a killed process that had our number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Folder { path, source }),
            }
        }
    }
}

/// Not the database file itself is locked: closing any handle of it would drop the engine's own locks.
fn lock(folder: &std::path::Path) -> StoreResult<File> {
    let path = folder.join("claviger.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| Error::Folder { path: path.clone(), source })?;
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
