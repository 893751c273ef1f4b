//! What must not be written down anywhere: how and where the work was done. A clone on another machine, read years later,
//! can do nothing with it.

use super::code::line_of;
use super::{Breach, Tree};

/// Words and what is wrong with them. A word that begins with a letter must begin there and one that ends with a letter
/// must end there; case counts.
const FORBIDDEN: [(&str, &str); 24] = [
    ("/work/", "a path of one machine"),
    ("/root/", "a path of one machine"),
    ("/tmp/", "a path of one machine: tests ask for the temporary folder"),
    ("/home/", "a path of one machine"),
    ("/Users/", "a path of one machine"),
    ("../shared", "a path outside the repository"),
    ("registry.npmjs.org", "the name of a registry's host: tools know their registry"),
    ("index.crates.io", "the name of a registry's host: tools know their registry"),
    ("static.crates.io", "the name of a registry's host: tools know their registry"),
    ("pypi.org", "the name of a registry's host: tools know their registry"),
    ("pythonhosted.org", "the name of a registry's host: tools know their registry"),
    ("deb.debian.org", "the name of a registry's host: tools know their registry"),
    ("artifactory", "the name of a registry's host: tools know their registry"),
    ("Claude", "who or what did the work"),
    ("Anthropic", "who or what did the work"),
    ("ChatGPT", "who or what did the work"),
    ("Copilot", "who or what did the work"),
    ("subagent", "who or what did the work"),
    ("AI-generated", "who or what did the work"),
    ("previous session", "how the work was cut up"),
    ("next issue", "how the work was cut up: say what is missing, not when it comes"),
    ("this issue", "how the work was cut up"),
    ("FIXME", "a note to oneself: mend it, or say in prose what is missing"),
    ("TODO", "a note to oneself: mend it, or say in prose what is missing"),
];

/// Files that tools write, the licence, and this list.
const EXEMPT: [&str; 4] = ["Cargo.lock", "LICENSE", "e2e/package-lock.json", "xtask/src/tidy/words.rs"];

/// Where forbidden words stand.
pub(super) fn breaches(tree: &Tree) -> Vec<Breach> {
    let mut found = Vec::new();
    for file in tree.files().filter(|file| !EXEMPT.contains(&file.path.as_str())) {
        for (word, why) in FORBIDDEN {
            for position in whole_words(&file.text, word) {
                found.push(Breach::new(&file.path, line_of(&file.text, position), format!("`{word}`: {why}")));
            }
        }
    }
    found
}

/// Where the word stands with its borders. A path must not continue another (`https://host/tmp/` is no machine's path), so
/// its first sign counts as a letter here.
fn whole_words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let continues = |character: char| character.is_alphanumeric() || "_-.*".contains(character);
    text.match_indices(word).map(|(position, _)| position).filter(move |&position| {
        let before = text[..position].chars().next_back();
        let after = text[position + word.len()..].chars().next();
        let open = before
            .is_some_and(|character| character.is_alphanumeric() || (word.starts_with('/') && continues(character)));
        let close = word.ends_with(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric);
        !open && !close
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let found = breaches(&Tree::planted(&[("docs/guide.md", text)]));
        found.into_iter().map(|breach| breach.message.split('`').nth(1).unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn every_forbidden_word_is_found() {
        for (word, _) in FORBIDDEN {
            assert!(words(&format!("see {word} here")).contains(&word.to_owned()), "{word}");
        }
    }

    #[test]
    fn paths_of_urls_and_patterns_are_not_a_machines() {
        assert_eq!(words("https://example.com/tmp/x crates/root/x **/work/x ./tmp/x"), [""; 0]);
    }

    #[test]
    fn longer_words_are_other_words() {
        assert_eq!(words("TODOS mypypi.orgs"), [""; 0]);
    }
}
