//! Tables for people, and lines for pipes.

use serde_json::Value;

/// A column: its title, and what stands in it.
pub(super) type Column = (&'static str, fn(&Value) -> String);

/// The text at a field, or nothing.
pub(super) fn text(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A day and a time, as console and documents write them.
pub(super) fn instant(row: &Value, pointer: &str) -> String {
    let text = text(row, pointer);
    text.get(..19).map(|it| it.replace('T', " ")).unwrap_or(text)
}

/// Rows under their titles, each column as wide as what stands in it.
pub(super) fn table(columns: &[Column], rows: &[Value]) -> String {
    let titles = columns.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>();
    // Names are other people's: a control character in one must not reach a terminal.
    let clean = |it: String| it.chars().filter(|it| !it.is_control()).collect::<String>();
    let cells = rows.iter().map(|row| columns.iter().map(|(_, cell)| clean(cell(row))).collect::<Vec<_>>());
    let lines: Vec<_> = std::iter::once(titles).chain(cells).collect();
    let width = |at: usize| lines.iter().map(|it| it[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let columns: [Column; 2] = [("ID", |it| text(it, "/id")), ("LAST USE", |it| instant(it, "/at"))];
        let rows =
            [json!({"id": "ü\u{1b}[31m", "at": "2027-01-01T10:00:00.5Z"}), json!({"id": "longer name", "at": null})];
        assert_eq!(table(&columns, &rows), "ID           LAST USE\nü[31m        2027-01-01 10:00:00\nlonger name");
        assert_eq!(table(&columns, &[]), "ID  LAST USE");
    }
}
