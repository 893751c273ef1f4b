//! What was meant by a word that is not known.

/// "; did you mean …?", or the list of all that there are.
pub(super) fn nearest(word: &str, known: impl Iterator<Item = String>) -> String {
    let known: Vec<_> = known.collect();
    let close = known.iter().min_by_key(|it| distance(word, it)).filter(|it| distance(word, it) <= 3);
    match close {
        Some(close) => format!("; did you mean {close}?"),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// Levenshtein's distance: how many letters have to change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let cost = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
