//! `cargo xtask bench --changes`: what changes and lists cost where there are many keys, on both engines, with every commit on disk.
//!
//! On each engine a real server, a real `claviger import` and clients over HTTP. PostgreSQL has a cluster of its own with its default settings,
//! and pgbench says beside it what the same inserts cost without Claviger.

pub(super) mod creates;
mod floor;
mod lists;
pub(super) mod service;
mod uses;

use std::path::Path;

use super::programs::Programs;
use super::report::{count_text, thousands};
use super::server::Core;
use crate::shell::{Outcome, heading};
use crate::test::postgres;
use creates::Creates;
use service::Service;

/// Clients that create keys at once.
const CLIENTS: usize = 8;
/// Starts that are timed.
const STARTS: usize = 3;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Keys that are imported.
    pub(super) keys: u32,
    /// Seconds of creating keys, and of the same inserts by pgbench.
    pub(super) seconds: u32,
    /// Pages that are asked for of each list.
    pub(super) pages: u32,
}

/// Measures on one engine after the other, and prints tables.
///
/// # Errors
/// When a program is missing, something does not start, or an answer is not the one that is measured.
pub(super) fn run(programs: &Programs, folder: &Path, effort: Effort) -> Outcome {
    let file = folder.join("keys.csv");
    service::write_keys(&file, effort.keys)?;
    heading("SQLite");
    on_engine(programs, &folder.join("sqlite"), &file, None, effort)?;
    heading("PostgreSQL");
    let server = postgres::Server::start(postgres::Safety::Safe)?;
    on_engine(programs, &folder.join("postgres"), &file, Some(&server), effort)
}

fn on_engine(
    programs: &Programs,
    folder: &Path,
    file: &Path,
    database: Option<&postgres::Server>,
    effort: Effort,
) -> Outcome {
    let service = Service::set_up(programs, folder, database.map(postgres::Server::url))?;
    let running = service.start(Core::Any)?;
    let creates = Creates::press(&running, CLIENTS, effort.seconds.div_ceil(2))?;
    println!(
        "creates with few keys: {} a second, p50 / p99 {:.1} / {:.1} ms",
        thousands(creates.per_second),
        creates.p50_ms,
        creates.p99_ms
    );
    let seconds = service.import(&running, file)?;
    let rate = f64::from(effort.keys) / seconds;
    println!("import of {} keys: {seconds:.1} s, {} a second", count_text(effort.keys as usize), thousands(rate));
    let creates = Creates::press(&running, CLIENTS, effort.seconds)?;
    println!(
        "creates with {} keys: {} a second, p50 / p99 {:.1} / {:.1} ms",
        count_text(effort.keys as usize),
        thousands(creates.per_second),
        creates.p50_ms,
        creates.p99_ms
    );
    if let Some(server) = database {
        let floor = floor::pgbench(server, folder, CLIENTS, effort.seconds)?;
        println!(
            "the same inserts by pgbench: {} a second; creates ÷ pgbench {:.2}",
            thousands(floor),
            creates.per_second / floor
        );
    }
    println!("{}", uses::measure(&running, effort.keys, database)?);
    service.use_some(&running)?;
    println!("\n{}", lists::table(&running, effort.pages)?);
    running.stop()?;
    let mut seconds = Vec::new();
    let mut resident_bytes = 0;
    for _ in 0..STARTS {
        let running = service.start(Core::Any)?;
        seconds.push(running.seconds_until_ready);
        resident_bytes = running.resident_bytes()?;
        running.stop()?;
    }
    let seconds: Vec<String> = seconds.iter().map(|it| format!("{it:.2}")).collect();
    println!("start until ready: {} s; memory {} MiB", seconds.join(", "), resident_bytes / (1024 * 1024));
    Ok(())
}
