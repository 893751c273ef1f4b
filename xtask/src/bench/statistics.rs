//! Medians, minima and paired ratios over rounds.

/// The middle one of the values, or the mean of the two in the middle.
///
/// # Panics
/// When there are none: a case without rounds is not reported.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    assert!(!sorted.is_empty(), "there is a round");
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The least of the values.
pub(super) fn minimum(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::INFINITY, f64::min)
}

/// The median of the ratios of two cases within each round. Within a round the machine is more alike than between
/// rounds, so this is steadier than the ratio of two medians.
pub(super) fn paired_ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} {right}");
    }

    #[test]
    fn median_is_the_middle_one() {
        assert_close(median([3.0, 1.0, 2.0]), 2.0);
        assert_close(median([4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn minimum_is_the_least() {
        assert_close(minimum([3.0, 1.0, 2.0]), 1.0);
    }

    #[test]
    fn ratio_is_taken_within_each_round() {
        // The machine was twice as slow in the second round, and one round was disturbed.
        assert_close(paired_ratio(&[3.0, 6.0, 9.0], &[2.0, 4.0, 1.0]), 1.5);
    }
}
