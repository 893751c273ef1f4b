//! Instructions of a request, counted by callgrind. Unlike time they are the same on a busy machine, so a change of a few
//! percent is seen, and seen to come from the code.
//!
//! A server is run twice, with few and with many requests: the difference is without its start and its end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::http::Connection;
use super::server::Recipe;
use crate::shell::{Failure, Outcome, check_interrupts};

/// Requests of the shorter and the longer run.
const FEW: u32 = 1_000;
const MANY: u32 = 5_000;

/// How long a server under callgrind may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// User instructions of one request.
///
/// # Errors
/// When the server does not run under callgrind or answers with another status.
pub(super) fn of_request(
    recipe: &Recipe,
    folder: &Path,
    request: impl Fn(u32) -> Vec<u8>,
    status: u16,
) -> Outcome<f64> {
    let few = of_run(recipe, folder, &request, FEW, status)?;
    let many = of_run(recipe, folder, &request, MANY, status)?;
    Ok((many as f64 - few as f64) / f64::from(MANY - FEW))
}

fn of_run(
    recipe: &Recipe,
    folder: &Path,
    request: &impl Fn(u32) -> Vec<u8>,
    requests: u32,
    status: u16,
) -> Outcome<u64> {
    let profile = folder.join(format!("{}-{requests}.callgrind", recipe.name));
    let server = recipe.start_counted(folder, &profile)?;
    let failed = |error| Failure::new(format!("{} breaks off under callgrind: {error}", recipe.name));
    let mut connection = Connection::open(server.address).map_err(failed)?;
    for number in 0..requests {
        check_interrupts()?;
        let answer = connection.send(&request(number)).map_err(failed)?;
        if answer.status != status {
            return Err(Failure::new(format!("{} answered {}: {}", recipe.name, answer.status, answer.body)));
        }
    }
    // A kept connection would hold up a server that waits for its clients.
    drop(connection);
    server.stop(PATIENCE)?;
    total(&profile)
}

fn total(profile: &Path) -> Outcome<u64> {
    let text = fs::read_to_string(profile)
        .map_err(|error| Failure::new(format!("callgrind left nothing at {}: {error}", profile.display())))?;
    total_of(&text).ok_or_else(|| Failure::new("callgrind's profile has no total"))
}

/// The instructions of a profile: the sum over its parts, one for each thread or dump.
fn total_of(profile: &str) -> Option<u64> {
    profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_read() {
        assert_eq!(total_of("summary: 5\n\nfn=(1)\n1 2\n\ntotals: 671101\n"), Some(671_101));
        assert_eq!(total_of("fn=(1)\n1 2\n"), None);
    }
}
