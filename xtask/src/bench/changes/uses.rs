//! What it costs to write down which keys were used, where there are very many: each of these is used once, so each is a row of its own.

use std::thread;
use std::time::Duration;

use super::service::{Running, mix, open, token};
use crate::bench::clock::Stopwatch;
use crate::bench::report::thousands;
use crate::bench::server::tick_us;
use crate::shell::{Failure, Outcome, check_interrupts};
use crate::test::postgres;

/// Keys that are used, at most.
const USED: u32 = 200_000;
/// Clients that use them.
const CLIENTS: u32 = 4;
/// What answers `/authz`: its CPU time is not that of writing.
const ANSWERING: &str = "authz";
/// Longer than between two times that uses are written down.
const WRITTEN_WITHIN: Duration = Duration::from_secs(25);

/// Uses keys out of so many that were imported, waits until that is written down, and says what it cost.
///
/// # Errors
/// When a key is refused.
pub(super) fn measure(running: &Running, keys: u32, database: Option<&postgres::Server>) -> Outcome<String> {
    let used = USED.min(keys / 4);
    let ticks = || -> Outcome<[u64; 3]> {
        let database = database.map(postgres::Server::cpu_ticks).transpose()?;
        Ok([running.cpu_ticks(None)?, running.cpu_ticks(Some(ANSWERING))?, database.unwrap_or(0)])
    };
    let before = ticks()?;
    let stopwatch = Stopwatch::start();
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || use_each(running, keys, used, client))).collect();
        clients.into_iter().try_for_each(|it| it.join().expect("a client does not panic"))
    })?;
    let seconds = stopwatch.seconds();
    thread::sleep(WRITTEN_WITHIN);
    let [all, answering, engine] = ticks()?;
    let us = |ticks: u64| tick_us().map(|it| ticks as f64 * it / f64::from(used));
    let writing = us((all - before[0]).saturating_sub(answering - before[1]))?;
    let of_engine = match database {
        Some(_) => format!(", and {:.1} µs of the database's", us(engine.saturating_sub(before[2]))?),
        None => String::new(),
    };
    Ok(format!(
        "uses of {} keys, each once, in {seconds:.1} s: to write one down takes {writing:.1} µs of CPU time{of_engine}",
        thousands(f64::from(used))
    ))
}

/// A client's share of the keys, in no order that any index has.
fn use_each(running: &Running, keys: u32, used: u32, client: u32) -> Outcome {
    let mut connection = open(running.authz)?;
    for number in (0..used).filter(|it| it % CLIENTS == client) {
        check_interrupts()?;
        let key = token(u32::try_from(mix(u64::from(number)) % u64::from(keys)).expect("less than a u32"));
        let request = format!(
            "GET /authz HTTP/1.1\r\nHost: bench\r\nClaviger-Permission: authenticated\r\nX-Api-Key: {key}\r\n\r\n"
        );
        let answer =
            connection.send(request.as_bytes()).map_err(|error| Failure::new(format!("no answer: {error}")))?;
        if answer.status != 200 {
            return Err(Failure::new(format!("an imported key was answered {}: {}", answer.status, answer.body)));
        }
    }
    Ok(())
}
