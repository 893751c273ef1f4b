//! The data folder: who may read it, and the master key in it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use claviger_core::sealing::MasterKey;
use data_encoding::BASE64;
use rand_core::CryptoRng;
use tempfile::Builder;
use zeroize::Zeroizing;

/// The file of the key that wraps every other one. Its backup is kept apart from the database's: together they open what is sealed.
pub const MASTER_KEY_FILE: &str = "master.key";

/// The word that the file begins with; behind it stand the key's id in hex and the key in base64.
const WORD: &str = "claviger-master-key";

/// Makes the folder where it is not there, readable by its owner only, and the master key in it; checks the key that is there, and answers
/// it.
///
/// # Errors
/// Those of the file system, and a master key that others can read or that is damaged.
pub fn prepare<R: CryptoRng + ?Sized>(folder: &Path, rng: &mut R) -> io::Result<MasterKey> {
    if !folder.is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let path = folder.join(MASTER_KEY_FILE);
    if path.exists() {
        refuse_readable_by_others(&path)?;
        return read(&path);
    }
    let key = MasterKey::generate(rng);
    // Under another name until it is written down whole, so that a crash leaves the key or none and never a part of it. Its own name is
    // taken only where nobody has it: of two that start at once, the second must not put its key over the first's.
    let mut file = Builder::new().prefix(".master.key.").tempfile_in(folder)?;
    let line = Zeroizing::new(format!("{WORD} {} {}\n", key.id(), *Zeroizing::new(BASE64.encode(key.expose()))));
    file.write_all(line.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&path)?;
    // The entry of a new file survives a power loss only once its folder is written down too.
    fs::File::open(folder)?.sync_all()?;
    Ok(key)
}

/// Reads it. A key that was cut off or altered is refused: else it would only be noticed when something sealed with it is needed.
fn read(path: &Path) -> io::Result<MasterKey> {
    let key_of = |text: &str| {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let (word, id, key) = (words.next()?, words.next()?, words.next()?);
        let key = Zeroizing::new(BASE64.decode(key.as_bytes()).ok()?);
        let is_whole = word == WORD && words.next().is_none();
        is_whole.then(|| MasterKey::from_kept(id.parse().ok()?, &key))?
    };
    let text = Zeroizing::new(fs::read(path)?);
    if let Some(key) = str::from_utf8(&text).ok().and_then(key_of) {
        return Ok(key);
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
        let key = prepare(&folder, &mut rng).expect("a folder");
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
}
