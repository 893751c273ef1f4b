//! Numbers and spans as people read them, the same wherever something is told.

use std::time::Duration;

/// A number with its thousands set apart: `1,204`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many requests: `1 request`, `5,000 requests`.
pub fn requests(number: u32) -> String {
    match number {
        1 => "1 request".to_owned(),
        many => format!("{} requests", grouped(many.into())),
    }
}

/// A span in the largest unit of which it is a whole number: how many of it, its name, and its letter where a rate is typed.
pub fn whole_units(span: Duration) -> (u64, &'static str, char) {
    const UNITS: [(u64, &str, char); 4] =
        [(86_400, "day", 'd'), (3_600, "hour", 'h'), (60, "minute", 'm'), (1, "second", 's')];
    let secs = span.as_secs();
    let (length, unit, letter) = UNITS.into_iter().find(|it| secs.is_multiple_of(it.0)).unwrap_or((1, "second", 's'));
    (secs / length, unit, letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1204, "1,204"), (100_000, "100,000"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((requests(1), requests(5000)), ("1 request".to_owned(), "5,000 requests".to_owned()));
    }

    #[test]
    fn spans_are_told_in_their_largest_whole_unit() {
        for (secs, told) in
            [(86_400, (1, "day", 'd')), (7_200, (2, "hour", 'h')), (60, (1, "minute", 'm')), (90, (90, "second", 's'))]
        {
            assert_eq!(whole_units(Duration::from_secs(secs)), told);
        }
    }
}
