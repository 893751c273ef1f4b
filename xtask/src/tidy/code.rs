//! Rust source with its comments and literals blanked out, so that a rule about code is not set off by a sentence about it.
//!
//! A scanner of this size knows no grammar. A parser crate would, at the price of compiling it before the first test can
//! run, and no rule here needs more than names and the signs between them.

/// The text with every character of a comment, a string or a character literal replaced by a space. Line breaks stay, so
/// that line numbers hold.
pub(crate) fn blank_literals(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut blanked = characters.clone();
    let mut position = 0;
    while position < characters.len() {
        let end = literal_end(&characters, position);
        for character in &mut blanked[position..end] {
            if *character != '\n' {
                *character = ' ';
            }
        }
        position = end.max(position + 1);
    }
    blanked.into_iter().collect()
}

/// Where the comment or literal that starts at `start` ends; `start` itself when none does.
fn literal_end(characters: &[char], start: usize) -> usize {
    let at = |position: usize| characters.get(position).copied().unwrap_or('\0');
    match (at(start), at(start + 1)) {
        ('/', '/') => find(characters, start, |position| at(position) == '\n'),
        ('/', '*') => block_comment_end(characters, start),
        ('"', _) => quoted_end(characters, start + 1, '"'),
        ('r', '"' | '#') if start == 0 || !is_name(at(start - 1)) || at(start - 1) == 'b' => raw_end(characters, start),
        ('\'', '\\') => quoted_end(characters, start + 1, '\''),
        // Else a lifetime, which has no closing quote.
        ('\'', _) if at(start + 2) == '\'' => start + 3,
        _ => start,
    }
}

fn find(characters: &[char], from: usize, is_end: impl Fn(usize) -> bool) -> usize {
    (from..characters.len()).find(|&position| is_end(position)).unwrap_or(characters.len())
}

fn block_comment_end(characters: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut position = start;
    while position + 1 < characters.len() {
        match (characters[position], characters[position + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                position += 1;
                continue;
            }
        }
        position += 2;
        if depth == 0 {
            return position;
        }
    }
    characters.len()
}

fn quoted_end(characters: &[char], from: usize, quote: char) -> usize {
    let mut position = from;
    while position < characters.len() && characters[position] != quote {
        position += if characters[position] == '\\' { 2 } else { 1 };
    }
    (position + 1).min(characters.len())
}

fn raw_end(characters: &[char], start: usize) -> usize {
    let hashes = characters[start + 1..].iter().take_while(|&&character| character == '#').count();
    let open = start + 1 + hashes;
    if characters.get(open) != Some(&'"') {
        return start; // a raw identifier such as r#type
    }
    let closes = |position: usize| {
        characters[position] == '"'
            && characters[position + 1..].iter().take(hashes).filter(|&&character| character == '#').count() == hashes
    };
    (find(characters, open + 1, closes) + 1 + hashes).min(characters.len())
}

/// Whether the character can be part of a name.
pub(crate) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The line, counted from 1, of a byte position.
pub(crate) fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

/// The byte positions at which `word` stands as a whole: its ends do not continue a name. Ends that are signs, as in
/// `.begin(`, need no border.
pub(crate) fn positions_of<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let open = word.starts_with(is_name);
    let close = word.ends_with(is_name);
    text.match_indices(word).map(|(position, _)| position).filter(move |&position| {
        let is_continued = close && text[position + word.len()..].starts_with(is_name);
        let continues = open && text[..position].ends_with(is_name);
        !continues && !is_continued
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(source: &str) -> String {
        blank_literals(source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_blanked() {
        assert_eq!(kept("a // use crate::api\nb /* c /* d */ e */ f"), "a b f");
    }

    #[test]
    fn strings_are_blanked() {
        assert_eq!(kept(r##"a("x \" y", r"b\", r#"c " d"#, br"e", b"f") g"##), "a( , , , b , b ) g");
    }

    #[test]
    fn characters_are_blanked_and_lifetimes_are_not() {
        assert_eq!(kept(r#"f('"', '\'', '\n') -> &'a str"#), "f( , , ) -> &'a str");
    }

    #[test]
    fn raw_identifiers_stay() {
        assert_eq!(kept(r#"r#type for "x""#), "r#type for");
    }

    #[test]
    fn line_breaks_stay_inside_literals() {
        let source = "a\n/*\n*/ \"\n\" b";
        assert_eq!(blank_literals(source).matches('\n').count(), source.matches('\n').count());
    }

    #[test]
    fn word_needs_its_borders() {
        assert_eq!(positions_of("api apiary my_api api", "api").collect::<Vec<_>>(), [0, 18]);
        assert_eq!(positions_of("store.begin(", ".begin(").count(), 1);
    }
}
