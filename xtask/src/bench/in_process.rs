//! The verifier alone, without HTTP: what its own example measures, as a table.

use std::fmt::Write as _;
use std::path::Path;

use super::report::{count_text, thousands};
use super::server::{Core, on_core};
use crate::shell::{Outcome, read};

/// One line of the example's output.
#[derive(Debug, PartialEq)]
struct Figure {
    name: String,
    keys: usize,
    value: f64,
    unit: String,
}

/// Measures with so many keys and writes the table.
///
/// # Errors
/// When the example fails.
pub(super) fn table(program: &Path, counts: &[u32]) -> Outcome<String> {
    let mut figures = Vec::new();
    // One process for each: memory that a smaller number left behind would be counted to the next.
    for count in counts.iter().map(u32::to_string) {
        figures.extend(figures_of(&read(on_core(Core::Server, program).arg(&count))?));
        let lean = read(on_core(Core::Server, program).args(["--load-only", &count]).envs(LEAN))?;
        let resident = figures_of(&lean).find(|it| it.name.ends_with("resident"));
        figures.extend(resident.map(|it| Figure { name: it.name + ", no huge pages", ..it }));
    }
    Ok(table_of(&figures))
}

/// Settings of the allocator under which a process occupies what it asked for: by default the kernel rounds up to huge pages, fills holes that
/// were given back, and is given back what is free only after a while.
const LEAN: [(&str, &str); 2] = [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "0")];

fn figures_of(said: &str) -> impl Iterator<Item = Figure> {
    said.lines().filter_map(figure_of)
}

fn figure_of(line: &str) -> Option<Figure> {
    // Made by one `println!` without escapes: a JSON parser would be compiled for nothing more.
    let field = |name: &str| {
        let (_, after) = line.split_once(&format!("\"{name}\":"))?;
        let text = after.strip_prefix('"').map_or_else(|| after.split([',', '}']).next(), |it| it.split('"').next())?;
        Some(text.to_owned())
    };
    Some(Figure {
        name: field("figure")?,
        keys: field("keys")?.parse().ok()?,
        value: field("value")?.parse().ok()?,
        unit: field("unit")?,
    })
}

fn table_of(figures: &[Figure]) -> String {
    let (mut names, mut counts): (Vec<(&str, &str)>, Vec<usize>) = (Vec::new(), Vec::new());
    for figure in figures {
        let name = (figure.name.as_str(), figure.unit.as_str());
        if !names.contains(&name) {
            names.push(name);
        }
        if !counts.contains(&figure.keys) {
            counts.push(figure.keys);
        }
    }
    let heads: Vec<String> = counts.iter().map(|count| count_text(*count)).collect();
    let mut table =
        format!("| in process, keys: | {} | |\n|---|{}---|\n", heads.join(" | "), "---|".repeat(counts.len()));
    for (name, unit) in names {
        let value = |count: &usize| {
            let found = figures.iter().find(|it| it.name == name && it.unit == unit && it.keys == *count);
            found.map_or_else(|| "–".to_owned(), |it| thousands(it.value))
        };
        let values: Vec<String> = counts.iter().map(value).collect();
        writeln!(table, "| {name} | {} | {unit} |", values.join(" | ")).expect("writing to a string does not fail");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_table_with_a_column_for_each_number_of_keys() {
        let line = r#"{"figure":"wrong checksum","keys":10000,"value":59.9,"least":52.9,"unit":"ns"}"#;
        let mut figures = vec![figure_of(line).expect("a figure")];
        figures.push(Figure { name: "load".into(), keys: 1_000_000, value: 946_463.0, unit: "keys/s".into() });
        let table = table_of(&figures);
        assert!(table.contains("| wrong checksum | 60 | – | ns |"), "{table}");
        assert!(table.contains("| load | – | 946,463 | keys/s |"), "{table}");
        assert_eq!(figure_of("Compiling"), None);
    }
}
