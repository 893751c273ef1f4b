//! The data folder: who may read it, and the master key in it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use rand_core::CryptoRng;

/// The file of the key that will wrap every other one. Its backup is kept apart from the database's: together they open what is sealed.
pub const MASTER_KEY_FILE: &str = "master.key";

/// Makes the folder where it is not there, readable by its owner only, and the master key in it.
///
/// # Errors
/// Those of the file system.
pub fn prepare<R: CryptoRng + ?Sized>(folder: &Path, rng: &mut R) -> io::Result<()> {
    if !folder.is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let path = folder.join(MASTER_KEY_FILE);
    if path.exists() {
        return refuse_readable_by_others(&path);
    }
    let (mut id, mut key) = ([0; 8], [0; 32]);
    rng.fill_bytes(&mut id);
    rng.fill_bytes(&mut key);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "claviger-master-key {} {}", HEXLOWER.encode(&id), BASE64.encode(&key))?;
    file.sync_all()?;
    // The entry of a new file survives a power loss only once its folder is written down too.
    fs::File::open(folder)?.sync_all()
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
        prepare(&folder, &mut rng).expect("a folder");
        assert_eq!(fs::read_to_string(&path).expect("a key"), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let refused = prepare(&folder, &mut rng).expect_err("a refusal").to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
        fs::remove_dir_all(&folder).expect("it was there");
    }
}
