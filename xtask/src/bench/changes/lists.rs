//! Pages of the list of keys, for every order and filter: the first pages, one after the other by their cursors.

use std::fmt::Write;

use super::creates::percentile;
use super::service::{Running, member, open};
use crate::bench::clock::Stopwatch;
use crate::shell::{Outcome, check_interrupts};

const SORTS: [&str; 10] =
    ["created_at", "name", "expires_at", "last_used_at", "role", "api", "owner", "mapped_user", "state", "origin"];

/// A table of how long pages take.
///
/// # Errors
/// When a page is refused.
pub(super) fn table(running: &Running, pages: u32) -> Outcome<String> {
    let mut queries = Vec::new();
    for sort in SORTS {
        for direction in ["asc", "desc"] {
            queries.push(format!("sort={sort}&direction={direction}"));
        }
    }
    let user = &running.user_id;
    for filter in [
        "search=Customer%2000042",
        "search=integration%20999",
        "search=nowhere",
        "search=nowhere&sort=name",
        "state=active",
        "state=inactive",
        "state=expired",
        "state=revoked",
        "never_used=true",
        "never_used=true&sort=name",
        "unused_days=30",
        "origin=api",
        "origin=import&sort=name",
        "personal=true",
        "personal=false&sort=expires_at",
        "expires_before=2040-02-01T00:00:00Z",
        "expires_from=2040-12-01T00:00:00Z&sort=name",
        "created_before=2020-01-01T00:00:00Z",
        "created_from=2020-01-01T00:00:00Z&sort=name",
    ] {
        queries.push(filter.to_owned());
    }
    for filter in ["owner_id", "mapped_user_id"] {
        queries.push(format!("{filter}={user}"));
        queries.push(format!("{filter}={user}&sort=name"));
        queries.push(format!("{filter}={user}&search=nowhere&never_used=true&sort=last_used_at"));
    }
    let mut table =
        String::from("| list | pages | keys on them | p50 ms | p95 ms | most ms |\n|---|---|---|---|---|---|\n");
    let mut all = Vec::new();
    for query in &queries {
        let (mut times, keys) = ask(running, query, pages)?;
        let (p50, p95) = (percentile(&mut times, 0.5) * 1e3, percentile(&mut times, 0.95) * 1e3);
        let most = percentile(&mut times, 1.0) * 1e3;
        writeln!(table, "| {query} | {} | {keys} | {p50:.1} | {p95:.1} | {most:.1} |", times.len())
            .expect("writing to a string does not fail");
        all.extend(times);
    }
    let p95 = percentile(&mut all, 0.95) * 1e3;
    writeln!(
        table,
        "| all of them | {} | | {:.1} | {p95:.1} | {:.1} |",
        all.len(),
        percentile(&mut all, 0.5) * 1e3,
        percentile(&mut all, 1.0) * 1e3
    )
    .expect("writing to a string does not fail");
    Ok(table)
}

/// Seconds that each page took, and how many keys there were on them; from the beginning again where the list is over.
fn ask(running: &Running, query: &str, pages: u32) -> Outcome<(Vec<f64>, usize)> {
    let mut connection = open(running.address)?;
    let (mut times, mut keys, mut cursor) = (Vec::new(), 0, String::new());
    for _ in 0..pages {
        check_interrupts()?;
        let path = format!("/api/v1/organizations/{}/keys?{query}{cursor}", running.organization_id);
        let stopwatch = Stopwatch::start();
        let answer = running.get(&mut connection, &path)?;
        times.push(stopwatch.seconds());
        keys += answer.body.matches("\"created_at\":").count();
        cursor = member(&answer.body, "next_cursor").map_or(String::new(), |it| format!("&cursor={it}"));
    }
    Ok((times, keys))
}
