//! The file of an import, line by line. A line of the file is a line of the import: a quote that is not closed spoils its own line and hides no
//! other, as it would where a field may reach over the ends of lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Failed;

/// A line is no longer than the largest one that could be taken, by far.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A file, read once for its digest and once for its lines.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) digest: [u8; 32],
    pub(super) bytes: u64,
    input: BufReader<File>,
    line: u64,
    read_bytes: u64,
}

/// Which column is which.
#[derive(Debug, Default)]
pub(super) struct Columns {
    count: usize,
    sha256: Option<usize>,
    name: Option<usize>,
    description: Option<usize>,
    expires_at: Option<usize>,
}

/// One line, as the API takes it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    pub(super) line: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Why it could not even be read; the server then names it among those that were not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, Failed> {
        let failed = |error: &dyn std::fmt::Display| Failed::new(format!("{}: {error}", path.display()));
        let mut hash = HashWriter(Sha256::new());
        let bytes =
            File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash)).map_err(|error| failed(&error))?;
        let input = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
        let name = path.file_name().unwrap_or_default().to_string_lossy().chars().take(120).collect();
        Ok(Self { name, digest: hash.0.finalize().into(), bytes, input, line: 0, read_bytes: 0 })
    }

    /// How much of it has been read.
    pub(super) const fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Reads the first line. Unknown columns are an error: a misspelt one would silently be left out.
    pub(super) fn columns(&mut self) -> Result<Columns, Failed> {
        let first = self.read_line()?.unwrap_or_default();
        let header = fields(&first).map_err(|fault| Failed::new(format!("line 1: {fault}")))?;
        let mut columns = Columns { count: header.len(), ..Columns::default() };
        for (at, name) in header.iter().enumerate() {
            let name = name.trim_start_matches('\u{FEFF}').to_ascii_lowercase();
            let place = match name.as_str() {
                "sha256" => &mut columns.sha256,
                "name" => &mut columns.name,
                "description" => &mut columns.description,
                "expires_at" => &mut columns.expires_at,
                _ => {
                    let known = "sha256, name, description, expires_at";
                    return Err(Failed::new(format!("line 1: unknown column `{name}`; the columns are {known}")));
                }
            };
            *place = Some(at);
        }
        if columns.sha256.is_none() {
            return Err(Failed::new("line 1: there is no column sha256; the first line has to name the columns"));
        }
        Ok(columns)
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self, columns: &Columns) -> Result<Option<Line>, Failed> {
        while let Some(bytes) = self.read_line()? {
            if !bytes.is_empty() {
                return Ok(Some(columns.line(self.line, &bytes)));
            }
        }
        Ok(None)
    }

    /// The next line without its end; of one that is too long the beginning.
    fn read_line(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        let mut line = Vec::new();
        let read = Read::by_ref(&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let mut read = read.map_err(Failed::new)? as u64;
        if read == 0 {
            return Ok(None);
        }
        if read == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            read += self.skip_rest().map_err(Failed::new)?;
        }
        self.line += 1;
        self.read_bytes += read;
        while line.last().is_some_and(|it| matches!(it, b'\n' | b'\r')) {
            line.pop();
        }
        Ok(Some(line))
    }

    fn skip_rest(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(skipped);
            }
            let end = buffer.iter().position(|it| *it == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(used);
            skipped += used as u64;
            if end.is_some() {
                return Ok(skipped);
            }
        }
    }
}

/// The fields of a line, or why it has none.
fn fields(line: &[u8]) -> Result<Vec<String>, String> {
    if line.len() as u64 >= LINE_BYTES_MAX {
        return Err(format!("is longer than {LINE_BYTES_MAX} bytes"));
    }
    let text = str::from_utf8(line).map_err(|_| "is not UTF-8 text".to_owned())?;
    // A quote within quotes is doubled, so that a whole line has an even number of them.
    if text.matches('"').count() % 2 == 1 {
        return Err("has a quote that is not closed".to_owned());
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|error| error.to_string())?;
    Ok(record.iter().map(str::to_owned).collect())
}

impl Columns {
    fn line(&self, line: u64, bytes: &[u8]) -> Line {
        let fields = fields(bytes).and_then(|fields| {
            let (count, wanted) = (fields.len(), self.count);
            let fault = || format!("has {count} fields, and the first line names {wanted}; a comma within a field needs quotes around it");
            (count == wanted).then_some(fields).ok_or_else(fault)
        });
        let fields = match fields {
            Ok(fields) => fields,
            Err(fault) => return Line { line, fault: Some(fault), ..Line::default() },
        };
        let cell = |at: Option<usize>| at.and_then(|at| fields.get(at)).cloned();
        let filled = |at: Option<usize>| cell(at).filter(|it| !it.is_empty());
        Line {
            line,
            sha256: cell(self.sha256).unwrap_or_default(),
            name: filled(self.name),
            description: filled(self.description),
            expires_at: filled(self.expires_at),
            fault: None,
        }
    }
}

struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.csv");
        std::fs::write(&path, text).expect("a file");
        let mut source = Source::open(&path).expect("a file");
        let columns = source.columns().expect("columns");
        let mut lines = Vec::new();
        while let Some(line) = source.next(&columns).expect("a line") {
            lines.push((line.line, line.fault.or(line.name).unwrap_or_default()));
        }
        assert_eq!(source.read_bytes(), text.len() as u64);
        lines
    }

    #[test]
    fn a_bad_line_hides_no_other() {
        let text = b"sha256,name\r\naa,One\n\nbb,\"19 inch rack\ncc,\"Acme, Inc.\"\ndd,Acme, Inc.\nee\nff,caf\xe9\ngg,\"a \"\"b\"\"\"\nhh,Last";
        let found = lines(text);
        let (numbers, said): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        assert_eq!(numbers, [2, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(
            (said[0].as_str(), said[2].as_str(), said[6].as_str(), said[7].as_str()),
            ("One", "Acme, Inc.", "a \"b\"", "Last")
        );
        assert_eq!(said[1], "has a quote that is not closed");
        assert!(said[3].starts_with("has 3 fields, and the first line names 2"), "{}", said[3]);
        assert!(said[4].starts_with("has 1 fields"), "{}", said[4]);
        assert_eq!(said[5], "is not UTF-8 text");
    }

    #[test]
    fn a_line_without_an_end_is_not_read_into_memory() {
        let text = [b"sha256,name\n".as_slice(), &vec![b'x'; 1_000_000], b"\naa,Good\n"].concat();
        let found = lines(&text);
        assert_eq!(found, [(2, "is longer than 65536 bytes".to_owned()), (3, "Good".to_owned())]);
    }
}
