//! CSV that spreadsheets open without harm.

/// A cell that no spreadsheet takes for a formula. Whoever reads it as data takes one leading `'` away; so one that is the cell's own gets
/// another in front.
pub(crate) fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{cell}") } else { cell }
}

/// Lines of CSV (RFC 4180).
///
/// # Errors
/// None that writing to memory has.
pub(crate) fn lines<R>(rows: impl IntoIterator<Item = R>) -> std::io::Result<Vec<u8>>
where
    R: IntoIterator<Item = String>,
{
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(std::io::Error::other)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_as_a_formula_does() {
        for (cell, written) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("'x", "''x"), ("CI deploy", "CI deploy"), ("", "")] {
            assert_eq!(harmless(cell.to_owned()), written);
        }
    }

    #[test]
    fn a_cell_with_a_comma_and_a_line_end_is_one_cell() {
        let text = lines([["a,b".to_owned(), "c\nd".to_owned()]]).unwrap();
        assert_eq!(text, b"\"a,b\",\"c\nd\"\r\n");
    }
}
