//! What serde says of a value of the wrong type, in words: its own name the types of our code, which no caller knows.

use super::numbers::wanted as wanted_at;

/// The sentence, where serde speaks of types and of what it knows; what it says otherwise is as good as any. Of the caller's own text only a part
/// is repeated, of our words all: who misspelt the last of a long list has to find it there.
pub(super) fn in_words(text: &str) -> String {
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|it| text.strip_prefix(it));
    // What was found may be a text of the caller's that has such a comma itself, so the last one counts.
    if let Some((found, expected)) = rest.and_then(|it| it.rsplit_once(", expected ")) {
        return format!("must be {}, and is {}", wanted(expected), shown(&given(found)));
    }
    if let Some((found, words)) = unknown("variant", text) {
        return format!("must be {words}, and is the text \"{}\"", shown(found));
    }
    if let Some((found, words)) = unknown("field", text) {
        return format!("unknown field `{}`, expected {words}", shown(found));
    }
    shown(text)
}

/// The same of the field of this pointer: of a number that has bounds of its own, these are told and not its type's.
pub(super) fn of_field(pointer: &str, text: &str) -> String {
    const NUMBERS: [&str; 5] = ["u8", "u16", "u32", "u64", "usize"];
    if let Some((found, expected)) = text.rsplit_once(", expected ")
        && NUMBERS.contains(&expected)
        && let Some(wanted) = wanted_at(pointer)
    {
        return in_words(&format!("{found}, expected {wanted}"));
    }
    in_words(text)
}

/// The same of a parameter of a query, whose value is a text whatever it stands for.
pub(super) fn of_parameter(name: &str, text: &str) -> String {
    const NOT_NUMBERS: [&str; 4] = [
        "invalid digit found in string",
        "cannot parse integer from empty string",
        "number too large to fit in target type",
        "number too small to fit in target type",
    ];
    if NOT_NUMBERS.contains(&text)
        && let Some(wanted) = wanted_at(name)
    {
        return format!("must be {wanted}");
    }
    if let Some((_, words)) = unknown("field", text) {
        let are = if words.contains("` or `") || words.starts_with("one of") { "are" } else { "is" };
        return format!("is no parameter here; there {are} {}", words.trim_start_matches("one of "));
    }
    match text {
        "invalid digit found in string" | "cannot parse integer from empty string" => "must be a whole number".into(),
        "number too large to fit in target type" => "is too large a number".into(),
        "number too small to fit in target type" => "is too small a number".into(),
        "provided string was not `true` or `false`" => "must be true or false".into(),
        text => in_words(text),
    }
}

/// What was found and what there is, where serde knows no such word.
fn unknown<'a>(kind: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let rest = text.strip_prefix("unknown ")?.strip_prefix(kind)?.strip_prefix(" `")?;
    rest.rsplit_once("`, expected ")
}

/// What may be repeated of the caller's own text: bounded, and without characters that disguise it in a log or a terminal.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().filter(|it| it.is_ascii_graphic() || *it == ' ' || it.is_alphanumeric()).take(CHARS_MAX).collect()
}

fn wanted(type_name: &str) -> &str {
    match type_name {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65,535",
        "u32" => "a whole number from 0 to 4,294,967,295",
        "u64" | "usize" | "u128" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "str" | "string" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        name if name.starts_with("struct ") => "an object",
        name if name.starts_with("enum ") || name.starts_with("variant ") => "one of the documented words",
        name => name,
    }
}

fn given(found: &str) -> String {
    let in_ticks = |kind: &str| Some(found.strip_prefix(kind)?.trim_matches('`').to_owned());
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "an object".to_owned(),
        "unit value" => "null".to_owned(),
        _ => {
            let number = in_ticks("integer ").or_else(|| in_ticks("floating point "));
            let text = || found.strip_prefix("string ").map(|it| format!("the text {it}"));
            number
                .map(|it| format!("the number {it}"))
                .or_else(|| in_ticks("boolean "))
                .or_else(text)
                .unwrap_or_else(|| found.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    fn said<T: DeserializeOwned>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).map(drop).expect_err("a fault").to_string();
        in_words(error.split(" at line ").next().expect("a text"))
    }

    #[test]
    fn a_wrong_type_is_told_without_the_names_of_ours() {
        assert_eq!(said::<u16>("70000"), "must be a whole number from 0 to 65,535, and is the number 70000");
        assert_eq!(said::<u16>("-1"), "must be a whole number from 0 to 65,535, and is the number -1");
        assert_eq!(said::<u32>("1.5"), "must be a whole number from 0 to 4,294,967,295, and is the number 1.5");
        assert_eq!(
            said::<u64>("\"x, expected y\""),
            "must be a whole number from 0, and is the text \"x, expected y\""
        );
        assert_eq!(said::<bool>("null"), "must be true or false, and is null");
        assert_eq!(said::<String>("[]"), "must be a text, and is a list");
        assert_eq!(said::<Vec<u8>>("{}"), "must be a list, and is an object");
        assert_eq!(said::<Vec<u8>>("true"), "must be a list, and is true");
        assert_eq!(in_words("missing field `name`"), "missing field `name`");
    }

    #[test]
    fn a_number_with_bounds_of_its_own_is_told_of_by_them() {
        let fault = |json: &str| serde_json::from_str::<u32>(json).map(drop).expect_err("a fault").to_string();
        let said = |json: &str| of_field("/limits/daily_quota", fault(json).split(" at line ").next().expect("a text"));
        assert_eq!(said("-1"), "must be a whole number from 0 to 1,000,000,000, and is the number -1");
        assert_eq!(said("5000000000"), "must be a whole number from 0 to 1,000,000,000, and is the number 5000000000");
        assert_eq!(said("\"5\""), "must be a whole number from 0 to 1,000,000,000, and is the text \"5\"");
        assert_eq!(of_field("/name", "invalid type: null, expected a string"), "must be a text, and is null");
        let said = of_parameter("unused_days", "invalid digit found in string");
        assert_eq!(said, "must be a whole number from 1 to 3,650");
        assert_eq!(of_parameter("epoch", "invalid digit found in string"), "must be a whole number");
    }

    #[test]
    fn a_list_of_words_is_told_to_its_end_and_the_callers_text_is_not() {
        let words = (0..60).map(|it| format!("`word_{it}`")).collect::<Vec<_>>().join(", ");
        let long = "x`, expected ".repeat(1_000);
        let said = in_words(&format!("unknown variant `{long}`, expected one of {words}"));
        assert!(said.starts_with("must be one of `word_0`") && said.contains("`word_59`"), "{said}");
        assert!(said.len() < words.len() + 300, "{said}");
        let said = of_parameter("sort", &format!("unknown field `{long}`, expected one of {words}"));
        assert_eq!(said, format!("is no parameter here; there are {words}"));
        assert_eq!(
            of_parameter("sort", "unknown variant `x`, expected `asc` or `desc`"),
            "must be `asc` or `desc`, and is the text \"x\""
        );
        assert_eq!(
            of_parameter("sort", "unknown field `x`, expected `a` or `b`"),
            "is no parameter here; there are `a` or `b`"
        );
    }
}
