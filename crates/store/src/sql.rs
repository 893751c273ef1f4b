//! How statements are written: as constants that a test can enumerate and prepare on every engine.

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

/// The last of all texts of ours, which are ASCII: where a list that runs backwards begins.
pub(crate) const LAST: &str = "~";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_is_taken_literally_and_folded() {
        assert_eq!(holding(r"50%_\"), r"%50\%\_\\%");
        assert_eq!(holding_name(Some("ＣＩ")), "%ci%");
        assert_eq!(holding_name(None), "%");
        assert_eq!(holding_name(Some(&"x".repeat(500))), "");
    }
}
