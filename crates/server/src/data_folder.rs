//! The data folder: who may read it, and the master key in it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use claviger_core::limits::MASTER_KEYS_MAX;
use claviger_core::master_keys::MasterKeys;
use claviger_core::sealing::{MasterKey, MasterKeyId};
use data_encoding::BASE64;
use rand_core::CryptoRng;
use tempfile::{Builder, NamedTempFile};
use zeroize::Zeroizing;

/// The file of the key that wraps every other one. Its backup is kept apart from the database's: together they open what is sealed.
pub const MASTER_KEY_FILE: &str = "master.key";

/// The word that each line begins with; behind it stand the key's id in hex and the key in base64.
const WORD: &str = "claviger-master-key";

/// The master keys of a node, and the file that they are read from again when one is asked for that was not in it.
#[derive(Debug)]
pub struct MasterKeyFile {
    path: Option<PathBuf>,
    keys: RwLock<Arc<MasterKeys>>,
}

/// A key that stands in no file.
impl From<MasterKey> for MasterKeyFile {
    fn from(key: MasterKey) -> Self {
        Self { path: None, keys: RwLock::new(Arc::new(key.into())) }
    }
}

impl MasterKeyFile {
    /// The keys as they were read last.
    pub fn keys(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys with the one of this name; absent where it is not among them, though the file was read again.
    pub fn with(&self, id: MasterKeyId) -> Option<Arc<MasterKeys>> {
        let keys = self.keys();
        if keys.find(id).is_some() {
            return Some(keys);
        }
        match self.reload() {
            Ok(keys) => keys.find(id).is_some().then_some(keys),
            Err(error) => {
                tracing::warn!(%error, "the master keys cannot be read again; those that were read before hold");
                None
            }
        }
    }

    /// The keys as they stand in the file now, while the service goes on with what it has read.
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub fn stored(&self) -> io::Result<Arc<MasterKeys>> {
        let Some(path) = &self.path else { return Ok(self.keys()) };
        refuse_readable_by_others(path)?;
        Ok(Arc::new(read(path)?))
    }

    /// Reads the file again: who runs the service may have put a key into it.
    ///
    /// # Errors
    /// Those of the file system, and a file that others can read or that is damaged; then the keys stay as they were.
    pub fn reload(&self) -> io::Result<Arc<MasterKeys>> {
        let stored = self.stored()?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&stored);
        Ok(stored)
    }
}

/// Makes the folder where it is not there, readable by its owner only, and a master key in it; checks those that are there, and answers them.
///
/// # Errors
/// Those of the file system, and master keys that others can read or that are damaged.
pub fn prepare<R: CryptoRng + ?Sized>(folder: &Path, rng: &mut R) -> io::Result<MasterKeyFile> {
    if !folder.is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let path = folder.join(MASTER_KEY_FILE);
    let keys = if path.exists() {
        refuse_readable_by_others(&path)?;
        read(&path)?
    } else {
        let keys = MasterKeys::from(MasterKey::generate(rng));
        // Its own name is taken only where nobody has it: of two that start at once, the second must not put its key over the first's.
        written(folder, &keys)?.persist_noclobber(&path)?;
        fs::File::open(folder)?.sync_all()?;
        keys
    };
    Ok(MasterKeyFile { path: Some(path), keys: RwLock::new(Arc::new(keys)) })
}

/// Puts another master key in front of those that the folder's file has, and answers its name. A running service goes on with what it has read.
///
/// # Errors
/// As [`prepare`]; where there is no file yet, since the first start makes the first key; and where there are [`MASTER_KEYS_MAX`] already.
pub fn add_master_key<R: CryptoRng + ?Sized>(folder: &Path, rng: &mut R) -> io::Result<MasterKeyId> {
    let path = folder.join(MASTER_KEY_FILE);
    refuse_readable_by_others(&path)?;
    let mut keys: Vec<_> = read(&path)?.into_vec();
    if MASTER_KEYS_MAX <= keys.len() {
        let fix = format!("{MASTER_KEY_FILE} has {MASTER_KEYS_MAX} keys: take out those that wrap nothing any more");
        return Err(io::Error::other(fix));
    }
    let first = MasterKey::generate(rng);
    let id = first.id();
    let keys = MasterKeys::new(first, std::mem::take(&mut keys))
        .ok_or_else(|| io::Error::other("one key stands there twice"))?;
    written(folder, &keys)?.persist(&path)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(id)
}

/// The keys, written down whole under another name, so that a crash leaves the file as it was or as it is to be, and never a part of it. The entry
/// of a file survives a power loss only once its folder is written down too.
fn written(folder: &Path, keys: &MasterKeys) -> io::Result<NamedTempFile> {
    let mut file = Builder::new().prefix(".master.key.").tempfile_in(folder)?;
    for key in keys.iter() {
        let line = Zeroizing::new(format!("{WORD} {} {}\n", key.id(), *Zeroizing::new(BASE64.encode(key.expose()))));
        file.write_all(line.as_bytes())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// Reads them, one a line. What was cut off or altered is refused: else it would only be noticed when something sealed with it is needed.
fn read(path: &Path) -> io::Result<MasterKeys> {
    let key_of = |line: &str| {
        let mut words = line.strip_suffix('\n')?.split(' ');
        let (word, id, key) = (words.next()?, words.next()?, words.next()?);
        let key = Zeroizing::new(BASE64.decode(key.as_bytes()).ok()?);
        let is_whole = word == WORD && words.next().is_none();
        is_whole.then(|| MasterKey::from_kept(id.parse().ok()?, &key))?
    };
    let keys_of = |text: &str| {
        let mut keys = text.split_inclusive('\n').take(MASTER_KEYS_MAX + 1).map(key_of).collect::<Option<Vec<_>>>()?;
        if keys.is_empty() || MASTER_KEYS_MAX < keys.len() {
            return None;
        }
        let first = keys.remove(0);
        MasterKeys::new(first, keys)
    };
    let text = Zeroizing::new(fs::read(path)?);
    if let Some(keys) = str::from_utf8(&text).ok().and_then(keys_of) {
        return Ok(keys);
    }
    let fix = format!(
        "{MASTER_KEY_FILE} is damaged: put its backup in its place; without one remove {}, and the next start makes another",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::InvalidData, fix))
}

/// A key that others on this machine may read is none; the message says how to mend it.
fn refuse_readable_by_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions());
        if mode & 0o077 != 0 {
            let fix = format!("{MASTER_KEY_FILE} can be read by others: chmod 600 {}", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, fix));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_master_key_is_made_once_and_only_its_owner_reads_it() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let folder = std::env::temp_dir().join(format!("claviger-folder-{}", std::process::id()));
        prepare(&folder, &mut rng).expect("a folder");
        let path = folder.join(MASTER_KEY_FILE);
        let first = fs::read_to_string(&path).expect("a key");
        let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
        let keys = prepare(&folder, &mut rng).expect("a folder").keys();
        let key = keys.first();
        assert_eq!(first, format!("{WORD} {} {}\n", key.id(), BASE64.encode(key.expose())));
        assert_eq!(fs::read_to_string(&path).expect("a key"), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let refused = prepare(&folder, &mut rng).expect_err("a refusal").to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
        fs::remove_dir_all(&folder).expect("it was there");
    }

    #[test]
    fn a_master_key_that_is_not_whole_stops_the_start_and_is_left_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path(), &mut rng).expect("a key");
        let path = folder.path().join(MASTER_KEY_FILE);
        let whole = fs::read_to_string(&path).expect("a key");
        let cut_off = (0..whole.len()).map(|at| whole[..at].to_owned());
        let altered = [whole.replace("master", "meister"), whole.replacen(' ', "  ", 1), format!("{whole}{whole}")];
        for text in cut_off.chain(altered) {
            fs::write(&path, &text).expect("a file");
            let refused = prepare(folder.path(), &mut rng).expect_err("a refusal").to_string();
            assert!(refused.contains("is damaged"), "{text:?}: {refused}");
            assert_eq!(fs::read_to_string(&path).expect("a file"), text);
        }
        fs::write(&path, &whole).expect("a file");
        prepare(folder.path(), &mut rng).expect("the backup");
        let names = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(names, 1, "nothing else is left behind");
    }

    #[test]
    fn a_further_master_key_comes_first_and_a_running_node_finds_it_when_it_is_asked_for() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let folder = tempfile::tempdir().expect("a folder");
        assert!(add_master_key(folder.path(), &mut rng).is_err(), "the first start makes the first one");
        let running = prepare(folder.path(), &mut rng).expect("a key");
        let old = running.keys().first().id();
        let new = add_master_key(folder.path(), &mut rng).expect("another");
        let path = folder.path().join(MASTER_KEY_FILE);
        assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
        assert_eq!(running.keys().first().id(), old, "it goes on with what it has read");
        assert_eq!(running.stored().expect("a file").first().id(), new);
        assert_eq!(running.keys().first().id(), old, "also when somebody has looked");
        assert_eq!(running.with(new).expect("the file has it").first().id(), new);
        assert!(running.with(old).is_some() && running.with(MasterKey::generate(&mut rng).id()).is_none());
        // A file that is damaged while the service runs takes no key away from it.
        fs::write(&path, "claviger-master-key").expect("a file");
        assert!(running.reload().is_err() && running.with(old).is_some() && running.with(new).is_some());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left behind");
    }

    #[test]
    fn there_are_only_so_many_master_keys() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path(), &mut rng).expect("a key");
        for _ in 1..MASTER_KEYS_MAX {
            add_master_key(folder.path(), &mut rng).expect("another");
        }
        assert!(add_master_key(folder.path(), &mut rng).is_err());
        assert_eq!(prepare(folder.path(), &mut rng).expect("they are read").keys().iter().count(), MASTER_KEYS_MAX);
    }
}
