//! Tables for the terminal and for docs/performance.md.

use std::fmt::Write as _;

use super::installation::Installation;
use super::load::{Case, Pace, Sample};
use super::statistics::{median, minimum, paired_ratio};
use super::subject::Subject;

/// A ratio that performance goals are stated in: the CPU time of a request on one subject by that on another.
struct Goal {
    ours: (Subject, usize),
    theirs: (Subject, usize),
    /// What must not be exceeded.
    must: f64,
    /// What is aimed at.
    aim: f64,
}

const SMALL: usize = 10_000;
const LARGE: usize = 1_000_000;
const HUGE: usize = 10_000_000;

const GOALS: [Goal; 7] = [
    Goal { ours: (Subject::Permission, LARGE), theirs: (Subject::NginxStatic, 0), must: 1.3, aim: 1.0 },
    Goal { ours: (Subject::Permission, SMALL), theirs: (Subject::Hyper, 0), must: 1.4, aim: 1.2 },
    Goal { ours: (Subject::Permission, LARGE), theirs: (Subject::Hyper, 0), must: 1.6, aim: 1.35 },
    Goal { ours: (Subject::Verify, SMALL), theirs: (Subject::Hyper, 0), must: 1.6, aim: 1.35 },
    Goal { ours: (Subject::VerifyBatch, SMALL), theirs: (Subject::Verify, SMALL), must: 0.3, aim: 0.15 },
    Goal { ours: (Subject::Permission, SMALL), theirs: (Subject::NginxMap, SMALL), must: 1.15, aim: 0.85 },
    Goal { ours: (Subject::Permission, HUGE), theirs: (Subject::Permission, SMALL), must: 1.5, aim: 1.3 },
];

/// The head of the table of starts.
pub(super) const STARTS_HEAD: &str =
    "| keys | seconds until ready (least) | memory | bytes/key, names included | database |\n|---|---|---|---|---|\n";

/// How long starts of one installation took, and what it took then.
pub(super) fn start(installation: &Installation, seconds: &[f64], resident_bytes: u64) -> String {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    let keys = installation.keys.count;
    format!(
        "| {} | {:.2} ({:.2}) | {} MiB | {} | {} MiB |\n",
        count_text(keys),
        median(seconds.iter().copied()),
        minimum(seconds.iter().copied()),
        thousands(resident_bytes as f64 / MEBIBYTE),
        thousands(resident_bytes as f64 / keys as f64),
        thousands(installation.disk_bytes() as f64 / MEBIBYTE),
    )
}

/// What each case cost and how it answered.
pub(super) fn costs(cases: &[Case]) -> String {
    let mut table = String::from(
        "| what | keys | CPU µs/request (least) | requests/s | p50 / p99 / p99.9 µs | core busy |\n|---|---|---|---|---|---|\n",
    );
    for case in cases.iter().filter(|case| case.pace == Pace::Saturated) {
        let cpu = cpu_us(case);
        writeln!(
            table,
            "| {} | {} | {:.2} ({:.2}) | {} | {} | {:.0} % |",
            case.subject,
            count_text(case.known),
            median(cpu.iter().copied()),
            minimum(cpu.iter().copied()),
            thousands(of(case, |it| it.requests_per_second)),
            latencies(case),
            of(case, |it| it.busy) * 100.0,
        )
        .expect("writing to a string does not fail");
    }
    table
}

/// How the cases under gentle load answered; empty when there are none.
pub(super) fn gentle(cases: &[Case]) -> String {
    let mut rows = String::new();
    for case in cases.iter().filter(|case| case.pace == Pace::Gentle) {
        writeln!(
            rows,
            "| {} | {} | {} | {} |",
            case.subject,
            count_text(case.known),
            thousands(of(case, |it| it.requests_per_second)),
            latencies(case)
        )
        .expect("writing to a string does not fail");
    }
    if rows.is_empty() {
        return rows;
    }
    format!("| what | keys | requests/s | p50 / p99 / p99.9 µs |\n|---|---|---|---|\n{rows}")
}

/// What a long load cost, with all that it caused.
pub(super) fn sustained(cases: &[Case]) -> String {
    let mut table = String::from(
        "| what, for long | keys | CPU µs/request | of it answering | of it writing down uses | requests/s |\n|---|---|---|---|---|---|\n",
    );
    for case in cases {
        let (all, answering) = (of(case, |it| it.cpu_us_of_all), of(case, |it| it.cpu_us));
        writeln!(
            table,
            "| {} | {} | {all:.2} | {answering:.2} | {:.2} | {} |",
            case.subject,
            count_text(case.known),
            all - answering,
            thousands(of(case, |it| it.requests_per_second)),
        )
        .expect("writing to a string does not fail");
    }
    table
}

/// The goals whose two sides were measured. Where a long load shows what an answer causes later, that counts too.
pub(super) fn ratios(cases: &[Case], sustained: &[Case]) -> String {
    let mut table = String::from("| CPU time per request | ratio | must | aim | |\n|---|---|---|---|---|\n");
    let find = |(subject, keys): (Subject, usize)| {
        cases.iter().find(|case| case.pace == Pace::Saturated && case.subject == subject && case.known == keys)
    };
    for goal in &GOALS {
        let (Some(ours), Some(theirs)) = (find(goal.ours), find(goal.theirs)) else {
            continue;
        };
        let ratio = paired_ratio(&cpu_us(ours), &cpu_us(theirs)) * later(ours, sustained) / later(theirs, sustained);
        let verdict = match ratio {
            it if it <= goal.aim => "aim reached",
            it if it <= goal.must => "within the bound",
            _ => "**missed**",
        };
        writeln!(
            table,
            "| {} ÷ {} | {ratio:.2} | {} | {} | {verdict} |",
            label(ours),
            label(theirs),
            goal.must,
            goal.aim
        )
        .expect("writing to a string does not fail");
    }
    table
}

/// How much more than the answer itself a request costs in the long run.
fn later(case: &Case, sustained: &[Case]) -> f64 {
    let same = sustained.iter().find(|other| other.subject == case.subject && other.known == case.known);
    same.map_or(1.0, |it| of(it, |sample| sample.cpu_us_of_all) / of(it, |sample| sample.cpu_us))
}

fn label(case: &Case) -> String {
    match case.known {
        0 => case.subject.to_string(),
        keys => format!("{}, {} keys", case.subject, count_text(keys)),
    }
}

fn cpu_us(case: &Case) -> Vec<f64> {
    case.samples.iter().map(|it| it.cpu_us).collect()
}

fn of(case: &Case, figure: impl Fn(&Sample) -> f64) -> f64 {
    median(case.samples.iter().map(figure))
}

fn latencies(case: &Case) -> String {
    format!("{:.0} / {:.0} / {:.0}", of(case, |it| it.p50_us), of(case, |it| it.p99_us), of(case, |it| it.p999_us))
}

/// A number of keys as it is written: a power of ten by its exponent.
pub(super) fn count_text(count: usize) -> String {
    match count {
        0 => "–".into(),
        1.. if 10_usize.pow(count.ilog10()) == count => format!("10^{}", count.ilog10()),
        _ => thousands(count as f64),
    }
}

/// A number without its fraction, in groups of three digits.
pub(super) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts = [0.0, 999.4, 1000.0, 123_456.0, 1_234_567.0].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn powers_of_ten_are_written_so() {
        assert_eq!([0, 10_000, 10_000_000, 12_345].map(count_text), ["–", "10^4", "10^7", "12,345"]);
    }
}
