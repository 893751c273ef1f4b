//! Masking: what somebody tells of their product is kept without the keys and tokens that stand in it.

use serde_json::{Map, Value};

use crate::access_token;
use crate::limits::PREFIX_BYTES_MAX;
use crate::secret::{AccessId, SECRET_CHARS, Shape, TOKEN_CHARS_AFTER_PREFIX, shape};

/// What stands behind the hint of a key that was masked.
const KEY: &str = " (key left out)";
/// What stands in place of an access or refresh token.
const TOKEN: &str = "(access token left out)";
/// Places in one word at which a token may begin that are looked at.
const BEGINNINGS_MAX: usize = 16;

/// Masks every key and token in a JSON object, in the names of its fields too, and says whether there was one.
pub fn mask_object(object: &mut Map<String, Value>) -> bool {
    let mut masked = false;
    for (_, value) in object.iter_mut() {
        masked |= mask_value(value);
    }
    if object.keys().all(|it| mask_text(it).is_none()) {
        return masked;
    }
    for (name, value) in std::mem::take(object) {
        let mut name = mask_text(&name).unwrap_or(name);
        // Two keys may have one hint, and what is told of both stays.
        while object.contains_key(&name) {
            name.push('\'');
        }
        object.insert(name, value);
    }
    true
}

/// Whether a key of our format or a token stands in a text.
pub fn holds_secret(text: &str) -> bool {
    next_key(text).is_some() || next_token(text).is_some()
}

/// The keys of our format that stand in a text, in their order, at most so many.
pub fn keys_in(text: &str, at_most: usize) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((start, end, _)) = next_key(rest).filter(|_| found.len() < at_most) {
        found.push(&rest[start..end]);
        rest = &rest[end..];
    }
    found
}

fn mask_value(value: &mut Value) -> bool {
    match value {
        Value::String(text) => match mask_text(text) {
            Some(masked) => {
                *text = masked;
                true
            }
            None => false,
        },
        Value::Array(items) => items.iter_mut().fold(false, |masked, it| mask_value(it) | masked),
        Value::Object(object) => mask_object(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A text without the keys of our format and the tokens that stand in it, wherever that is; absent where there is none. Of a key stays what lists show
/// of it. A key counts as one where its checksum is right: a wrong one is nobody's.
fn mask_text(text: &str) -> Option<String> {
    let without_keys = replaced(text, next_key);
    // One after the other, so that each goes through the text once.
    replaced(without_keys.as_deref().unwrap_or(text), next_token).or(without_keys)
}

/// Where something begins and ends, and what stands there instead.
type Found = (usize, usize, String);

fn replaced(text: &str, next: impl Fn(&str) -> Option<Found>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((start, end, mask)) = next(rest) {
        out.push_str(&rest[..start]);
        out.push_str(&mask);
        rest = &rest[end..];
    }
    (rest.len() < text.len()).then(|| out + rest)
}

fn next_key(text: &str) -> Option<Found> {
    let bytes = text.as_bytes();
    let underscores = bytes.iter().enumerate().filter(|(_, it)| **it == b'_').map(|(at, _)| at);
    for at in underscores {
        let end = at + TOKEN_CHARS_AFTER_PREFIX;
        // The checksum says where the prefix begins: other letters may stand before it.
        for start in at.saturating_sub(PREFIX_BYTES_MAX)..at {
            let Some(token) = bytes.get(start..end) else { continue };
            if matches!(shape(token), Shape::Ours(_)) {
                // Of our alphabet, so these are the ends of characters.
                let access = text.get(start..end - SECRET_CHARS)?;
                return Some((start, end, format!("{}{KEY}", AccessId::from_stored(access).hint())));
            }
        }
    }
    None
}

fn next_token(text: &str) -> Option<Found> {
    let is_other = |it: char| !(it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.'));
    let mut start = 0;
    for word in text.split(is_other) {
        // What ends a sentence is none of it.
        let word_ends = word.trim_end_matches('.').len();
        // Other letters may stand right before it; so many places are tried in a word, or a long one would be read as often as it is long.
        for (at, _) in word.match_indices("eyJ").take(BEGINNINGS_MAX) {
            if word.get(at..word_ends).is_some_and(access_token::has_own_type) {
                return Some((start + at, start + word_ends, TOKEN.to_owned()));
            }
        }
        start += word.len();
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    None
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use serde_json::json;

    use super::*;
    use crate::name::KeyPrefix;
    use crate::secret::Token;

    fn token(seed: u64) -> String {
        let prefix = KeyPrefix::parse("ck").expect("a prefix");
        Token::generate(&prefix, &mut ChaCha20Rng::seed_from_u64(seed)).expose().to_owned()
    }

    #[test]
    fn keys_are_masked_wherever_they_stand_and_their_hints_stay() {
        let (one, two) = (token(1), token(2));
        let hint = |it: &str| format!("{}… (key left out)", &it[..7]);
        for (text, expected) in [
            (one.clone(), hint(&one)),
            (format!("Bearer {one}"), format!("Bearer {}", hint(&one))),
            (format!("ä{one}✓{two}."), format!("ä{}✓{}.", hint(&one), hint(&two))),
            (format!("a_{one}_b"), format!("a_{}_b", hint(&one))),
            (format!("?key={one}&x=1"), format!("?key={}&x=1", hint(&one))),
        ] {
            assert_eq!(mask_text(&text).as_ref(), Some(&expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_stays_as_it_is() {
        let mut wrong = token(1);
        let last = wrong.pop().expect("a character");
        wrong.push(if last == '0' { '1' } else { '0' });
        for text in ["", "_", "Ann", "ck_1234", "eyJ.eyJ.x", &wrong, &"_".repeat(5000), &"a".repeat(5000)] {
            assert_eq!(mask_text(text), None, "{text}");
        }
    }

    #[test]
    fn objects_are_masked_through_and_through_and_nothing_else_of_them_is_lost() {
        let one = token(1);
        let hint = format!("{}… (key left out)", &one[..7]);
        let mut object = json!({"a": [{"b": &one}, 1], &one: 1, hint.as_str(): 2}).as_object().cloned().expect("it");
        assert!(mask_object(&mut object));
        let quoted = format!("{hint}'");
        assert_eq!(object["a"], json!([{"b": &hint}, 1]));
        assert_eq!((object.len(), object.contains_key(&hint), object.contains_key(&quoted)), (3, true, true));
        assert!(!mask_object(&mut object), "once is enough");
    }

    #[test]
    fn keys_are_found_wherever_they_stand_in_a_text() {
        let (one, two) = (token(1), token(2));
        assert_eq!(keys_in(&one, 2), [one.as_str()]);
        assert_eq!(keys_in(&format!("export KEY=\"{one}\""), 2), [one.as_str()]);
        assert_eq!(keys_in(&format!("{one},{two};{one}"), 2), [one.as_str(), two.as_str()]);
        assert!(keys_in("export KEY=\"ck_0123456789abcdefghij\"", 2).is_empty());
        assert!(holds_secret(&format!("contact {one}")) && !holds_secret("contact 4711"));
    }
}
