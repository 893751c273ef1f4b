//! Fields of which every line is one thing.

use std::fmt::Display;

/// Lines that a complaint names; of the others it says how many there are.
const NAMED_MAX: usize = 10;
/// Characters of a line that it shows.
const CHARS_MAX: usize = 64;

/// What is wrong with a field: the fault of its first wrong line, and which other lines are wrong too, so that all are mended in one go.
pub(super) fn complaint<S: AsRef<str>>(lines: &[S], fault: &impl Display, is_wrong: impl Fn(&str) -> bool) -> String {
    let wrong = lines.iter().map(AsRef::as_ref).filter(|it| is_wrong(it)).skip(1);
    let shown = |it: &str| format!("`{}`", it.chars().take(CHARS_MAX).collect::<String>());
    let mut others: Vec<_> = wrong.map(shown).collect();
    let more = others.len().saturating_sub(NAMED_MAX - 1);
    others.truncate(NAMED_MAX - 1);
    let others = others.join(", ");
    match (others.is_empty(), more) {
        (true, _) => format!("{fault}."),
        (false, 0) => format!("{fault}. So it is with {others}."),
        (false, more) => format!("{fault}. So it is with {others} and {more} more."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wrong_lines_are_named_as_far_as_there_is_room() {
        let say = |lines: &[&str]| complaint(lines, &"`x0` is wrong", |it| it.starts_with('x'));
        assert_eq!(say(&["good", "x0"]), "`x0` is wrong.");
        assert_eq!(say(&["x0", "good", "x1", "x2"]), "`x0` is wrong. So it is with `x1`, `x2`.");
        let many: Vec<_> = (0..13).map(|it| format!("x{it}")).collect();
        let said = say(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(said.ends_with("`x8`, `x9` and 3 more."), "{said}");
        assert_eq!(say(&["good"]), "`x0` is wrong.", "such as too many of them");
    }
}
