//! What serde says of a value of the wrong type, in words: its own name the types of our code, which no caller knows.

/// The sentence, where serde speaks of types; what it says otherwise is as good as any.
pub(super) fn in_words(text: &str) -> String {
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|it| text.strip_prefix(it));
    // What was found may be a text of the caller's that has such a comma itself, so the last one counts.
    match rest.and_then(|it| it.rsplit_once(", expected ")) {
        Some((found, expected)) => format!("must be {}, and is {}", wanted(expected), given(found)),
        None => text.to_owned(),
    }
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
}
