//! How statements are written: as constants that a test can enumerate and prepare on every engine.

use crate::value::Value;

/// Declares statements, and [`STATEMENTS`](crate::statements) of the module: all of them, by name.
macro_rules! statements {
    ($($(#[$attribute:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$attribute])* const $name: &str = $sql;)*
        /// All statements of this file, by name.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name),)*];
    };
}
pub(crate) use statements;

/// The pattern of LIKE that finds texts which hold `part`; its special characters are escaped by `\`.
pub(crate) fn holding(part: &str) -> String {
    // No text of ours holds a NUL, and PostgreSQL takes none. Nothing but an empty text is like an empty pattern.
    if part.contains('\0') {
        return String::new();
    }
    let mut pattern = String::from("%");
    for character in part.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// The pattern for a search in names: by their comparable form, so that case and width of letters make no difference.
/// What cannot be a part of a name finds nothing; no search finds everything.
pub(crate) fn holding_name(search: Option<&str>) -> String {
    match search.map(claviger_core::name::Name::parse) {
        None => "%".into(),
        Some(Ok(name)) => holding(name.key().as_str()),
        // LIKE compares a whole text: nothing but an empty one is like an empty pattern, and no name is empty.
        Some(Err(_)) => String::new(),
    }
}

/// The pattern for a search in free text, which both engines put into lower case as far as it is ASCII.
pub(crate) fn holding_text(search: &str) -> String {
    match search.trim() {
        // A text may be empty, and so like an empty pattern; but none of ours holds this.
        none if none.is_empty() || none.contains('\0') => "\u{1}".into(),
        part => holding(&part.to_ascii_lowercase()),
    }
}

/// The last of all texts of ours, which are ASCII: where a list that runs backwards begins.
pub(crate) const LAST: &str = "~";

/// Rows of a kind that one call clears away: whoever writes meanwhile waits for no more than these.
pub const ROWS_PURGED_MAX: i64 = 1000;

/// Rows that one statement writes, or values that one looks for.
pub(crate) const ROWS_PER_STATEMENT: usize = 50;

/// A statement that writes many rows or looks for many values.
pub(crate) struct Bulk {
    /// As it is written for every engine.
    pub(crate) portable: String,
    /// As SQLite likes it.
    pub(crate) unnamed: String,
}

impl Bulk {
    pub(crate) fn new(portable: String) -> Self {
        let unnamed = crate::db::unnamed(&portable);
        Self { portable, unnamed }
    }
}

/// `($3, $4)`: so many arguments behind so many others.
pub(crate) fn row_of(arguments: usize, behind: usize) -> String {
    let names: Vec<_> = (behind + 1..=behind + arguments).map(|it| format!("${it}")).collect();
    format!("({})", names.join(", "))
}

pub(crate) fn rows_of(columns: usize) -> String {
    let rows: Vec<_> = (0..ROWS_PER_STATEMENT).map(|it| row_of(columns, it * columns)).collect();
    rows.join(", ")
}

/// The arguments of a statement that looks for [`ROWS_PER_STATEMENT`] values: the last one is repeated, so that one statement serves all counts.
pub(crate) fn padded<T>(values: &[T], value: impl Fn(&T) -> Value) -> Vec<Value> {
    let last = values.last().into_iter().cycle();
    values.iter().chain(last).take(ROWS_PER_STATEMENT).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_is_taken_literally_and_folded() {
        assert_eq!(holding(r"50%_\"), r"%50\%\_\\%");
        assert_eq!(holding_name(Some("ＣＩ")), "%ci%");
        assert_eq!(holding("a\0"), "");
        assert_eq!(holding_name(None), "%");
        assert_eq!(holding_text(" 5% ÄB"), "%5\\% Äb%");
        assert_eq!((holding_text(" "), holding_text("a\0")), ("\u{1}".into(), "\u{1}".into()));
        assert_eq!(holding_name(Some(&"x".repeat(500))), "");
    }
}
