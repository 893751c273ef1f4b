//! Text that people give to things: names, slugs, external ids, e-mail addresses. Parsed once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::limits;

/// Why a text was refused; the message says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Longer than the limit.
    #[error("must be at most {max} {unit} long")]
    TooLong {
        /// The limit.
        max: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// Control, format or bidirectional characters.
    #[error("must not contain control, invisible or bidirectional formatting characters, nor heaps of marks")]
    Unprintable,
    /// Not of the form that is asked for.
    #[error("must be {expected}")]
    Form {
        /// The form, in words.
        expected: &'static str,
    },
}

/// Marks on one character: scripts stack a few; many draw over what stands above and below.
const MARKS_MAX: usize = 6;

/// What shows nothing of its own and is needed between characters that do, by scripts and emoji: joiners, and the choice between text and emoji.
fn is_between(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}')
}

fn is_mark(c: char) -> bool {
    matches!(c.general_category(), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

/// Refuses what could disguise a name: control characters, format characters (which hold the bidirectional ones), line separators, private use
/// and unassigned code points, and what Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt) though it counts as a letter,
/// mark or symbol; the blank Braille pattern shows nothing either.
fn is_disguise(c: char) -> bool {
    if is_between(c) {
        return false;
    }
    let is_ignorable = matches!(
        c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0D}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}'
    );
    is_ignorable
        || matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
                | GeneralCategory::Unassigned
        )
}

/// Whether something stands where nothing shows it: a joiner that joins nothing, a mark on nothing, or more marks than a character bears.
fn is_out_of_place(text: &str) -> bool {
    let (mut before, mut marks) = (None, 0);
    for c in text.chars() {
        marks = if is_mark(c) && !is_between(c) { marks + 1 } else { 0 };
        let follows_nothing = before.is_none_or(|it: char| it.is_whitespace() || it == '\u{200C}' || it == '\u{200D}');
        if MARKS_MAX < marks || follows_nothing && (is_between(c) || is_mark(c)) {
            return true;
        }
        before = Some(c);
    }
    before.is_some_and(|it| it == '\u{200C}' || it == '\u{200D}')
}

fn printable(text: &str, chars_max: usize) -> Result<String, TextError> {
    let text = text.trim();
    if text.chars().count() > chars_max {
        return Err(TextError::TooLong { max: chars_max, unit: "characters" });
    }
    if text.chars().any(is_disguise) || is_out_of_place(text) {
        return Err(TextError::Unprintable);
    }
    Ok(text.to_owned())
}

/// Gives a parsed text type its reading, display and serde; `parse` is its only way in.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::parse(text)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

/// A name as people write it: 1 to 80 characters, trimmed, nothing invisible.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Name(String);
text_type!(Name);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// [`TextError`] when it is empty, too long or holds invisible characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = printable(text, limits::NAME_CHARS_MAX)?;
        if text.is_empty() { Err(TextError::Empty) } else { Ok(Self(text)) }
    }

    /// The name with something behind it, such as a number, and shortened so that both fit. `suffix` is a short text without anything invisible.
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let room = limits::NAME_CHARS_MAX.saturating_sub(suffix.chars().count());
        let kept: String = self.0.chars().take(room).collect();
        Self(format!("{}{suffix}", kept.trim_end()))
    }

    /// The form by which names are compared: NFKC, case-folded and without joiners, so that `CI` and `ＣＩ` cannot stand side by side.
    pub fn key(&self) -> NameKey {
        // What shows nothing makes no difference between two names.
        let shown = self.0.chars().filter(|it| !is_between(*it));
        let folded: String = caseless::default_case_fold_str(&shown.nfkc().collect::<String>());
        NameKey(folded.nfkc().collect())
    }
}

/// A text without what stands on and below its letters: `ü` is `u`, and those of Latin that are no letter with a mark are what stands for them
/// elsewhere, `ß` is `ss`. Other scripts stay what they are: which letters stand for theirs is another for each language.
pub fn without_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for it in text.nfkd().filter(|it| !is_combining_mark(*it)) {
        match it {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ı' => plain.push('i'),
            _ => plain.push(it),
        }
    }
    plain
}

/// The words of a text as an address has them: letters without marks in lower case, digits, and single hyphens between; at most so many bytes. Empty
/// where none of its letters can stand there.
pub fn address_words(text: &str, bytes_max: usize) -> String {
    let mut words = String::new();
    for it in without_marks(&text.to_lowercase()).chars() {
        if words.len() >= bytes_max {
            break;
        }
        match it {
            'a'..='z' | '0'..='9' => words.push(it),
            _ if !words.is_empty() && !words.ends_with('-') => words.push('-'),
            _ => {}
        }
    }
    words.truncate(words.trim_end_matches('-').len());
    words
}

/// A [`Name`] in the form by which names are compared and unique. Made here and not in SQL, because the engines fold case differently.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameKey(String);

impl NameKey {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What something is for, in a sentence; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Description(String);
text_type!(Description);

impl Description {
    /// Parses a description.
    ///
    /// # Errors
    /// [`TextError`] when it is too long or holds invisible characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        printable(text, limits::DESCRIPTION_CHARS_MAX).map(Self)
    }
}

/// A short name for URLs and the wire (`shortname`): `[a-z0-9]` and inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Slug(String);
text_type!(Slug);

impl Slug {
    /// Parses a slug.
    ///
    /// # Errors
    /// [`TextError`] unless it is 1 to 40 of `a–z`, `0–9` and inner hyphens.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let inner_hyphens = !text.starts_with('-') && !text.ends_with('-');
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || !inner_hyphens || !plain {
            return Err(TextError::Form { expected: "lower-case letters, digits and inner hyphens" });
        }
        // Bytes are characters from here on.
        if text.len() > limits::SLUG_BYTES_MAX {
            return Err(TextError::TooLong { max: limits::SLUG_BYTES_MAX, unit: "characters" });
        }
        Ok(Self(text.to_owned()))
    }
}

/// The host's own identifier of an organization or user: visible ASCII, compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ExternalId(String);
text_type!(ExternalId);

impl ExternalId {
    /// Parses an external id.
    ///
    /// # Errors
    /// [`TextError`] unless it is 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TextError::Form { expected: "visible ASCII characters without spaces" });
        }
        // Bytes are characters from here on.
        if text.len() > limits::EXTERNAL_ID_BYTES_MAX {
            return Err(TextError::TooLong { max: limits::EXTERNAL_ID_BYTES_MAX, unit: "characters" });
        }
        Ok(Self(text.to_owned()))
    }
}

/// An e-mail address, kept in lower case: it is a sign-in name, and nobody expects two accounts that differ by case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Email(String);
text_type!(Email);

impl Email {
    /// Parses an address: the HTML standard's idea of one (`input type=email`), which is what browsers let through.
    ///
    /// # Errors
    /// [`TextError`] when it is longer than 254 bytes or not of that form.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        const FORM: TextError = TextError::Form { expected: "an e-mail address such as name@example.com" };
        let text = text.trim().to_ascii_lowercase();
        if text.len() > limits::EMAIL_BYTES_MAX {
            return Err(TextError::TooLong { max: limits::EMAIL_BYTES_MAX, unit: "bytes" });
        }
        let (local, domain) = text.split_once('@').ok_or(FORM)?;
        let local_ok = !local.is_empty()
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b));
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if local_ok && domain.split('.').all(label_ok) { Ok(Self(text)) } else { Err(FORM) }
    }
}

/// The prefix of an api's keys, e.g. `ck`: lower-case letters and digits, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct KeyPrefix(String);
text_type!(KeyPrefix);

impl KeyPrefix {
    /// Parses a prefix.
    ///
    /// # Errors
    /// [`TextError`] unless it is 2 to 12 lower-case letters and digits, a letter first.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let form = (2..=limits::PREFIX_BYTES_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if form {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError::Form { expected: "2 to 12 lower-case letters and digits, a letter first" })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_made_of_the_words_that_people_read() {
        for (text, words) in [
            ("Trigger links", "trigger-links"),
            ("  Forms & fields! ", "forms-fields"),
            ("Acme GmbH & Co. KG", "acme-gmbh-co-kg"),
            ("  --Ünïcode-- ", "unicode"),
            ("Große Straße, Łódź", "grosse-strasse-lodz"),
            ("GET /a/{id}", "get-a-id"),
            ("A very long name that goes on and on", "a-very-long-name-that-goes-o"),
            ("A long name that is cut at a b c", "a-long-name-that-is-cut-at-a"),
            ("日本", ""),
            ("", ""),
        ] {
            assert_eq!(address_words(text, 28), words, "{text}");
        }
    }

    #[test]
    fn a_name_with_something_behind_it_is_a_name() {
        let longest = Name::parse(&"ü".repeat(limits::NAME_CHARS_MAX)).expect("a name");
        for (name, with) in
            [(Name::parse("CI").expect("a name"), "CI (2)".to_owned()), (longest, "ü".repeat(76) + " (2)")]
        {
            assert_eq!(name.with_suffix(" (2)"), Name::parse(&with).expect("a name"));
        }
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(Name::parse("  CI deploy ").map(|name| name.to_string()), Ok("CI deploy".into()));
        assert_eq!(Name::parse(" \t "), Err(TextError::Empty));
        assert!(Name::parse(&"é".repeat(80)).is_ok());
        assert_eq!(Name::parse(&"é".repeat(81)), Err(TextError::TooLong { max: 80, unit: "characters" }));
    }

    #[test]
    fn names_hold_nothing_that_disguises_them() {
        for hostile in ["a\u{202E}b", "a\u{0000}b", "a\nb", "a\u{2066}b", "a\u{FEFF}b", "a\u{E000}b", "\u{200B}x"] {
            assert_eq!(Name::parse(hostile), Err(TextError::Unprintable), "{hostile:?}");
        }
        assert!(Name::parse("👩\u{200D}💻 deploy").is_ok());
        let marked = |marks: usize| format!("Z{}", "\u{301}".repeat(marks));
        for shown in ["❤\u{FE0F} CRM", "1\u{FE0F}\u{20E3}", "می\u{200C}خواهم", "e\u{301}te\u{301}", &marked(6)]
        {
            assert!(Name::parse(shown).is_ok(), "{shown:?}");
        }
        for unseen in [
            "\u{200D}",
            "\u{3164}",
            "\u{115F}",
            "\u{2800}",
            "a\u{FE00}",
            "Zapier\u{200D}",
            "a \u{200C}b",
            "\u{301}",
            &marked(7),
        ] {
            assert_eq!(Name::parse(unseen), Err(TextError::Unprintable), "{unseen:?}");
        }
        let key = |text: &str| Name::parse(text).expect("a name").key();
        assert_eq!(key("Zap\u{200D}ier"), key("Zapier"), "two names that look alike are one");
    }

    #[test]
    fn look_alike_spellings_share_one_name_key() {
        let key = |text: &str| Name::parse(text).expect("a name").key();
        assert_eq!(key("CI Deploy"), key("ｃｉ ｄｅｐｌｏｙ"));
        assert_eq!(key("STRASSE"), key("straße"));
        assert_ne!(key("CI"), key("C I"));
    }

    #[test]
    fn letters_lose_their_marks_and_other_scripts_stay() {
        assert_eq!(without_marks("Süd, Łódź, straße, smørrebrød"), "Sud, Łodz, strasse, smorrebrod");
        assert_eq!(without_marks("日本"), "日本");
    }

    #[test]
    fn slugs_emails_and_external_ids_have_one_form() {
        assert!(Slug::parse("acme-eu-1").is_ok());
        assert!(["", "-a", "a-", "A", "a_b", "ü"].iter().all(|it| Slug::parse(it).is_err()));
        assert_eq!(Email::parse(" Ann@Example.COM ").map(|it| it.to_string()), Ok("ann@example.com".into()));
        assert!(["", "a", "@b", "a@", "a b@c", "a@-b.c", "a@b..c"].iter().all(|it| Email::parse(it).is_err()));
        assert!(ExternalId::parse("cust:42/eu").is_ok());
        assert!(["", "a b", "ü"].iter().all(|it| ExternalId::parse(it).is_err()));
    }

    // Where other characters than ASCII are refused anyway, nobody is told a length that they counted otherwise.
    #[test]
    fn a_length_is_told_in_what_was_counted() {
        let long = TextError::TooLong { max: 128, unit: "characters" };
        assert_eq!(ExternalId::parse(&"x".repeat(129)), Err(long));
        assert!(ExternalId::parse(&"x".repeat(128)).is_ok());
        let form = TextError::Form { expected: "visible ASCII characters without spaces" };
        assert_eq!(ExternalId::parse(&"ü".repeat(100)), Err(form), "it has 200 bytes");
        assert!(matches!(Slug::parse(&"ü".repeat(30)), Err(TextError::Form { .. })));
        assert_eq!(Slug::parse(&"x".repeat(41)), Err(TextError::TooLong { max: 40, unit: "characters" }));
    }

    proptest! {
        #[test]
        fn a_name_key_is_its_own_key(text in "\\PC{1,40}") {
            if let Ok(name) = Name::parse(&text) {
                let once = name.key();
                if let Ok(again) = Name::parse(once.as_str()) {
                    let twice = again.key();
                    prop_assert_eq!(twice.as_str().trim(), once.as_str().trim());
                }
            }
        }
    }
}
