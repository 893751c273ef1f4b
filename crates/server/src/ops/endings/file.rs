//! The file of the log of endings: lines are added, whole and on the disk, and never changed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use claviger_core::event::Position;
use claviger_core::id::OrganizationId;

use super::line::Line;

/// At the end of the file so much is looked through for the last line: many times the longest.
const TAIL_BYTES: u64 = 1024 * 1024;

/// The file, which is opened for each addition: one that somebody has moved away is begun anew, and goes on where the other ended.
#[derive(Debug, Clone)]
pub(super) struct EndingsFile {
    path: PathBuf,
}

impl EndingsFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Which installation the last line is about, and its place; absent for a file that is new. What a crash has left of a line behind it is taken out.
    pub(super) fn last_place(&self) -> io::Result<Option<(OrganizationId, Position)>> {
        let file = self.open()?;
        cut_to_lines(&file)?;
        let (tail, begins) = read_tail(&file)?;
        let Some(last) = tail.split(|it| *it == b'\n').rev().find(|it| !it.is_empty()) else {
            return if begins == 0 { Ok(None) } else { Err(none_of_these()) };
        };
        let line: Line = serde_json::from_slice(last).map_err(|_| none_of_these())?;
        Ok(Some((line.root, line.place())))
    }

    /// Adds lines, and returns once they are on the disk.
    pub(super) fn append(&self, lines: &[Line]) -> io::Result<()> {
        let is_new = !self.path.exists();
        let mut file = self.open()?;
        let text: String = lines.iter().map(Line::to_text).collect();
        // Half a line of whoever died in it.
        let before = cut_to_lines(&file)?;
        file.seek(SeekFrom::Start(before))?;
        // Where the disk is full a part may have been written: what comes next would stand behind half a line.
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            drop(file.set_len(before));
            return Err(error);
        }
        if is_new {
            // The entry of a file survives a power loss only once its folder is written down too.
            File::open(folder_of(&self.path))?.sync_all()?;
        }
        Ok(())
    }

    /// Opened for this process alone as long as it is open: two nodes may have been given one file by mistake.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        file.lock()?;
        Ok(file)
    }
}

/// The folder of a file, also of one that is named without any.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Takes out what stands behind the last whole line, and says where that ends.
fn cut_to_lines(file: &File) -> io::Result<u64> {
    let (tail, begins) = read_tail(file)?;
    let end = tail.iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
    let whole = begins + end as u64;
    if end < tail.len() {
        file.set_len(whole)?;
        file.sync_all()?;
    }
    Ok(whole)
}

fn read_tail(mut file: &File) -> io::Result<(Vec<u8>, u64)> {
    let begins = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(begins))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok((tail, begins))
}

fn none_of_these() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it ends in no line of a log of endings; name another file")
}

#[cfg(test)]
mod tests {
    use super::super::line::What;
    use super::*;

    fn line(seq: u64) -> Line {
        Line {
            root: OrganizationId::from_u128(1 << 80),
            epoch: 1,
            seq,
            at: "2026-11-22T19:00:00Z".parse().expect("an instant"),
            what: What::Complete,
        }
    }

    #[test]
    fn what_a_crash_cut_off_is_taken_out_and_the_file_goes_on_behind_the_line_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("endings.jsonl");
        let file = EndingsFile::new(path.clone());
        assert_eq!(file.last_place().expect("a new file"), None);
        file.append(&[line(1), line(2)]).expect("lines");
        file.append(&[line(3)]).expect("a line");
        let whole = std::fs::read_to_string(&path).expect("text");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("metadata").permissions());
        assert_eq!(mode & 0o777, 0o600);
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("a cut");
            let lines = whole[..cut].matches('\n').count() as u64;
            assert_eq!(file.last_place().expect("a place").map_or(0, |it| it.1.seq), lines);
            file.append(&[line(9)]).expect("a line");
            let text = std::fs::read_to_string(&path).expect("text");
            assert!(text.lines().all(|it| serde_json::from_str::<Line>(it).is_ok()), "{text}");
        }
        // Moved away by whoever keeps it elsewhere.
        std::fs::remove_file(&path).expect("it was there");
        file.append(&[line(4)]).expect("a line");
        assert_eq!(file.last_place().expect("a place").map(|it| it.1.seq), Some(4));
        std::fs::write(&path, "a letter\n").expect("a file");
        assert!(file.last_place().is_err());
    }
}
