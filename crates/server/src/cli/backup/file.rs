//! The file of a backup: a line that says what it is, the lines of an export, and a line with the number and the digest of all before it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use claviger_core::event::Position;
use claviger_core::id::OrganizationId;
use claviger_core::time::Timestamp;
use claviger_store::dump;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::{Builder, NamedTempFile};

use super::super::Failed;
use super::super::moving::LINE_BYTES_MAX;
use crate::ops::endings::folder_of;

/// The version of the form; a restore takes no other.
pub(super) const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::cli) struct Header {
    /// The form of the file.
    pub(in crate::cli) format: u32,
    /// Which version of the program made it.
    pub(in crate::cli) version: String,
    /// The form of the database, by `dump::schema`.
    pub(in crate::cli) schema: usize,
    /// Of which installation: the root of its tree.
    pub(in crate::cli) root: OrganizationId,
    /// When.
    pub(in crate::cli) made_at: Timestamp,
    /// Where the log of changes ended: its life, and the place in it.
    pub(in crate::cli) epoch: u64,
    pub(in crate::cli) seq: u64,
    /// The master key that the installation goes by, by name.
    pub(in crate::cli) master_key_id: Option<String>,
}

impl Header {
    pub(in crate::cli) const fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.seq }
    }
}

/// A line that is none of the export.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Mark {
    ClavigerBackup(Header),
    Whole { lines: u64, sha256: String },
}

/// What only the first look asks: of a file of another form the rest may be otherwise.
#[derive(Deserialize)]
struct Glance {
    claviger_backup: GlanceHeader,
}

#[derive(Deserialize)]
struct GlanceHeader {
    format: u32,
    version: String,
}

fn text(mark: &Mark) -> String {
    serde_json::to_string(mark).expect("numbers and texts are JSON")
}

/// Writes a backup under a name of its own, which goes away with it unless it becomes whole.
pub(super) struct BackupWriter {
    file: BufWriter<NamedTempFile>,
    hash: Sha256,
    lines: u64,
    bytes: u64,
}

/// What was written.
pub(super) struct Written {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) digest: String,
}

impl BackupWriter {
    /// In the folder in which it is to be, so that it can be given its name there in one step. Temporary files are their owner's alone.
    pub(super) fn begin(path: &Path, header: &Header) -> io::Result<Self> {
        let file = Builder::new().prefix(".claviger-backup.").tempfile_in(folder_of(path))?;
        let mut writer = Self { file: BufWriter::new(file), hash: Sha256::new(), lines: 0, bytes: 0 };
        writer.line(&text(&Mark::ClavigerBackup(header.clone())))?;
        Ok(writer)
    }

    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        for bytes in [line.as_bytes(), b"\n"] {
            self.hash.update(bytes);
            self.file.write_all(bytes)?;
            self.bytes += bytes.len() as u64;
        }
        self.lines += 1;
        Ok(())
    }

    /// Ends the file, waits for the disk and gives it its name, where nobody has that.
    pub(super) fn finish(mut self, path: &Path) -> io::Result<Written> {
        let digest = HEXLOWER.encode(&self.hash.finalize_reset());
        let lines = self.lines;
        self.line(&text(&Mark::Whole { lines, sha256: digest.clone() }))?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|it| it.error)?;
        // The entry of a file survives a power loss only once its folder is written down too.
        File::open(folder_of(path))?.sync_all()?;
        Ok(Written { lines, bytes: self.bytes, digest })
    }
}

/// Reads a backup line by line, and knows at its end whether it is whole.
pub(in crate::cli) struct BackupReader {
    path: PathBuf,
    input: BufReader<File>,
    line: Vec<u8>,
    hash: Sha256,
    lines: u64,
}

impl BackupReader {
    /// Opens it, and reads what it says of itself.
    pub(in crate::cli) fn open(path: &Path) -> Result<(Self, Header), Failed> {
        let file = File::open(path).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?;
        let input = BufReader::new(file);
        let mut reader = Self { path: path.to_owned(), input, line: Vec::new(), hash: Sha256::new(), lines: 0 };
        reader.advance()?;
        let header = reader.header()?;
        Ok((reader, header))
    }

    fn header(&self) -> Result<Header, Failed> {
        let path = self.path.display();
        if self.line.starts_with(b"{\"claviger\":") {
            let fix = "is what `claviger export` writes: `claviger import --everything` reads it";
            return Err(Failed::new(format!("{path} {fix}")));
        }
        let Ok(Glance { claviger_backup: glance }) = serde_json::from_slice(self.content()) else {
            return Err(self.damaged("it does not begin as a backup does"));
        };
        let version = escaped(&glance.version);
        if glance.format != FORMAT {
            let fix = "restore it with that version";
            return Err(Failed::new(format!("{path} was made by Claviger {version}, in another form: {fix}")));
        }
        let Ok(Mark::ClavigerBackup(header)) = serde_json::from_slice(self.content()) else {
            return Err(self.damaged("it does not begin as a backup does"));
        };
        match header.schema.cmp(&dump::schema()) {
            std::cmp::Ordering::Equal => Ok(header),
            std::cmp::Ordering::Greater => Err(Failed::new(format!(
                "{path} was made by a newer version, Claviger {version}: restore it with that one, or a later one"
            ))),
            std::cmp::Ordering::Less => Err(Failed::new(format!(
                "{path} was made by an older version, Claviger {version}: restore it with that one, then start this version on it, which \
                 migrates it"
            ))),
        }
    }

    /// The next line of the export; absent once the file turned out to be whole.
    pub(in crate::cli) fn next(&mut self) -> Result<Option<&str>, Failed> {
        let (lines, digest) = (self.lines, self.hash.clone());
        self.advance()?;
        if !self.line.starts_with(b"{\"whole\":") {
            return match str::from_utf8(self.content()) {
                Ok(line) => Ok(Some(line)),
                Err(_) => Err(self.damaged("a line is no text")),
            };
        }
        let Ok(Mark::Whole { lines: said, sha256 }) = serde_json::from_slice(self.content()) else {
            return Err(self.damaged("its last line is damaged"));
        };
        if said != lines || sha256 != HEXLOWER.encode(&digest.finalize()) {
            return Err(self.damaged("it is not as it was written: its digest is another one"));
        }
        let rest = self.input.fill_buf().map(|it| it.len());
        if rest.map_err(|error| self.unreadable(&error))? > 0 {
            return Err(self.damaged("something stands behind its end"));
        }
        Ok(None)
    }

    fn advance(&mut self) -> Result<(), Failed> {
        self.line.clear();
        let read = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        read.map_err(|error| self.unreadable(&error))?;
        if self.line.last() != Some(&b'\n') {
            let is_long = self.line.len() as u64 == LINE_BYTES_MAX;
            return Err(self.damaged(if is_long { "a line is too long" } else { "it was cut off" }));
        }
        self.hash.update(&self.line);
        self.lines += 1;
        Ok(())
    }

    /// The line without its end.
    fn content(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    fn unreadable(&self, error: &io::Error) -> Failed {
        Failed::new(format!("{}: {error}", self.path.display()))
    }

    /// The line about a file that is not as it was written.
    pub(in crate::cli) fn damaged(&self, why: &str) -> Failed {
        Failed::new(format!(
            "{} is no whole backup: {why} (line {}). Nothing was restored; take another copy of it, or another backup",
            self.path.display(),
            self.lines
        ))
    }
}

/// A text of a file that nobody has proved, on one line and not too long of it.
pub(in crate::cli) fn escaped(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let made_at = "2026-11-22T19:00:00Z".parse().expect("an instant");
        let (version, schema) = ("1.0.0".to_owned(), dump::schema());
        let root = OrganizationId::from_u128(1 << 80);
        Header { format: FORMAT, version, schema, root, made_at, epoch: 1, seq: 9, master_key_id: None }
    }

    fn written(path: &Path) {
        let mut writer = BackupWriter::begin(path, &header()).expect("a file");
        for line in ["{\"claviger\":{\"export\":1}}", "[\"é\",1,null]", "{\"end\":{\"rows\":1}}"] {
            writer.line(line).expect("a line");
        }
        assert_eq!(writer.finish(path).expect("an end").lines, 4);
    }

    fn read(path: &Path) -> Result<Vec<String>, Failed> {
        let (mut reader, _) = BackupReader::open(path)?;
        let mut lines = Vec::new();
        while let Some(line) = reader.next()? {
            lines.push(line.to_owned());
        }
        Ok(lines)
    }

    #[test]
    fn a_backup_is_whole_or_refused_wherever_it_is_cut_or_altered() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.backup");
        written(&path);
        assert_eq!(read(&path).expect("it is whole").len(), 3);
        assert!(BackupWriter::begin(&path, &header()).expect("a file").finish(&path).is_err(), "it is there already");
        let whole = std::fs::read(&path).expect("bytes");
        for at in 0..whole.len() {
            std::fs::write(&path, &whole[..at]).expect("a cut");
            assert!(read(&path).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut altered = whole.clone();
                altered[at] ^= 1 << bit;
                std::fs::write(&path, &altered).expect("an alteration");
                assert!(read(&path).is_err(), "bit {bit} of {at}");
            }
        }
        std::fs::write(&path, [&whole[..], b"\n"].concat()).expect("more");
        assert!(read(&path).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_another_version_made_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.backup");
        let refused = |line: &str| {
            std::fs::write(&path, format!("{line}\n")).expect("a file");
            read(&path).expect_err(line).line
        };
        let of = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            text(&Mark::ClavigerBackup(header))
        };
        assert!(refused(&of(|it| it.schema += 1)).contains("made by a newer version, Claviger 1.0.0"));
        assert!(refused(&of(|it| it.schema = 0)).contains("made by an older version, Claviger 1.0.0"));
        let other = refused("{\"claviger_backup\":{\"format\":2,\"version\":\"9\\u001b\",\"robot\":true}}");
        assert!(other.contains("Claviger 9\\u{1b}, in another form"), "{other}");
        assert!(refused("{\"claviger\":{\"export\":1}}").contains("import --everything"));
        assert!(refused("a letter").contains("does not begin as a backup does"));
    }
}
