//! What guides say that the code knows better: tables that are made of its own lists, so that the two cannot differ, and programs that are
//! compiled with it.

use claviger_core::event::EventKind;
use claviger_core::limits::EXPORTED_EVENTS_MAX;
use claviger_core::words::grouped;

use crate::codes::{decision_codes, problem_codes};

/// What makes the text of a place.
type Filling = fn() -> String;

/// The guide with its tables, each in the place of the comment that names it.
pub(super) fn filled(source: &str) -> String {
    let tables: [(&str, Filling); 6] = [
        ("<!-- codes of a decision -->", decision_codes),
        ("<!-- codes of a problem -->", problem_codes),
        ("<!-- events -->", events),
        ("<!-- events of an export -->", || grouped(EXPORTED_EVENTS_MAX.into())),
        ("<!-- example call_with_key -->", || example(include_str!("../../examples/call_with_key.rs"))),
        ("<!-- example check_key -->", || example(include_str!("../../examples/check_key.rs"))),
    ];
    tables.into_iter().fold(source.to_owned(), |text, (place, table)| match text.contains(place) {
        true => text.replace(place, table().trim_end()),
        false => text,
    })
}

/// Claviger's own events.
fn events() -> String {
    let row = |kind: &EventKind| format!("| `{}` | {} |\n", kind.as_str(), kind.meaning());
    "| event | what happened |\n|---|---|\n".to_owned() + &EventKind::ALL.iter().map(row).collect::<String>()
}

/// A program, without what only its place here needs.
fn example(source: &str) -> String {
    let from = source.find("use ").unwrap_or_default();
    format!("```rust\n{}\n```", source[from..].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    // A sign of its own would end a cell of the table early, and nobody would see the rest.
    #[test]
    fn no_word_of_the_code_breaks_a_table() {
        for table in [decision_codes(), problem_codes(), events()] {
            let wanted = table.lines().next().unwrap_or_default().matches('|').count();
            for line in table.lines() {
                assert_eq!(line.matches('|').count(), wanted, "{line}");
            }
        }
    }

    #[test]
    fn a_text_without_tables_stays_as_it_is() {
        assert_eq!(filled("# Title\n\nText.\n"), "# Title\n\nText.\n");
        assert!(filled("<!-- codes of a problem -->").contains("| `name_taken` | 409 |"));
    }

    #[test]
    fn how_much_an_export_has_stands_in_its_guide() {
        let guide = filled(include_str!("guides/history.md"));
        assert!(guide.contains(&format!("the newest {} where", grouped(EXPORTED_EVENTS_MAX.into()))), "{guide}");
    }
}
