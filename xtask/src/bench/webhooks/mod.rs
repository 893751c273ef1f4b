//! `cargo xtask bench --webhooks`: how many deliveries are made in a second, and what receivers that hang cost those that do not (assurance W3).
//!
//! On each engine a real server, with every commit on disk, and twenty receivers on the same machine. Half of them do harm in every second phase: they
//! hang, drip, never end, or break off. The two phases of a round stand beside each other, and the ratio is taken within the round.

mod receivers;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::changes::creates::percentile;
use super::changes::service::{Running, Service, open, request, send};
use super::clock::Stopwatch;
use super::http::Connection;
use super::programs::Programs;
use super::report::thousands;
use super::server::Core;
use super::statistics::{median, paired_ratio};
use crate::shell::{Failure, Outcome, check_interrupts, heading};
use crate::test::postgres;
use receivers::{Harm, Receiver};

/// Receivers, half of which do harm in every second phase.
const RECEIVERS: usize = 20;
/// Events in one report while as many as possible are sent.
const BATCH: u32 = 50;
/// Between two reports while latencies are taken: a load that the service can easily bear.
const PACE: Duration = Duration::from_millis(250);
/// As long as an attempt may take, and a little: what a phase left hanging is over then.
const REST: Duration = Duration::from_secs(17);
/// How long what was reported may take to arrive.
const PATIENCE_SECS: f64 = 300.0;
/// What the 99th percentile of the healthy ones may be, compared with when all are healthy.
const WORSE_AT_MOST: f64 = 1.1;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Events that are sent to all receivers as fast as they can be.
    pub(super) events: u32,
    /// Pairs of phases.
    pub(super) rounds: u32,
    /// Seconds of one phase.
    pub(super) seconds: u32,
}

/// Measures on one engine after the other, and prints what it found.
///
/// # Errors
/// When a program is missing, something does not start, or what was reported does not arrive.
pub(super) fn run(programs: &Programs, folder: &Path, effort: Effort) -> Outcome {
    heading("SQLite");
    on_engine(programs, &folder.join("sqlite"), None, effort)?;
    heading("PostgreSQL");
    let server = postgres::Server::start(postgres::Safety::Safe)?;
    on_engine(programs, &folder.join("postgres"), Some(server.url()), effort)
}

fn on_engine(programs: &Programs, folder: &Path, database: Option<&str>, effort: Effort) -> Outcome {
    let service = Service::set_up(programs, folder, database)?;
    let running = service.start(Core::Any)?;
    let clock = Arc::new(Stopwatch::start());
    let mut receivers = Vec::new();
    for number in 0..RECEIVERS {
        let receiver = Receiver::open(&clock, Harm::ALL[number % Harm::ALL.len()])?;
        subscribe(&running, &receiver)?;
        receivers.push(receiver);
    }
    let mut host = Host { connection: open(running.address)?, running: &running, clock, reported: Vec::new() };
    let per_second = host.throughput(&receivers, effort.events)?;
    println!("deliveries to {RECEIVERS} receivers: {} a second", thousands(per_second));
    let (healthy, others) = receivers.split_at(RECEIVERS / 2);
    let mut p99_ms = [Vec::new(), Vec::new()];
    for round in 0..effort.rounds {
        let phases = if round % 2 == 0 { [false, true] } else { [true, false] };
        for are_harmful in phases {
            others.iter().for_each(|it| it.set_harmful(are_harmful));
            let mut latencies = host.pace(healthy, effort.seconds)?;
            others.iter().for_each(|it| it.set_harmful(false));
            p99_ms[usize::from(are_harmful)].push(percentile(&mut latencies, 0.99) * 1e3);
            thread::sleep(REST);
        }
    }
    let [alone, beside] = &p99_ms;
    let ratio = paired_ratio(beside, alone);
    let verdict = if ratio <= WORSE_AT_MOST { "within the bound" } else { "**missed**" };
    println!(
        "p99 from report to arrival: {:.1} ms where all take what they are sent, {:.1} ms at the others while half do harm; ratio {ratio:.2}, \
         bound {WORSE_AT_MOST}: {verdict}",
        median(alone.iter().copied()),
        median(beside.iter().copied()),
    );
    running.stop()
}

fn subscribe(running: &Running, receiver: &Receiver) -> Outcome {
    let body =
        format!("{{\"target_url\":\"http://{}/\",\"entity\":\"contact\",\"operation\":\"create\"}}", receiver.address);
    send(&mut open(running.address)?, &request("POST", "/api/v1/hooks", &running.key, &body), 201).map(drop)
}

/// Who reports what happens.
struct Host<'a> {
    connection: Connection,
    running: &'a Running,
    clock: Arc<Stopwatch>,
    /// When each event was reported, by its number.
    reported: Vec<f64>,
}

impl Host<'_> {
    fn report(&mut self, count: u32) -> Outcome {
        check_interrupts()?;
        let first = self.next();
        let events: Vec<_> = (first..first + count)
            .map(|it| {
                format!(
                    "{{\"id\":\"c-{it}\",\"type\":\"contact.created\",\"at\":\"2026-01-01T00:00:00Z\",\"data\":{{\"number\":{it}}}}}"
                )
            })
            .collect();
        let body = format!("{{\"events\":[{}]}}", events.join(","));
        let now = self.clock.seconds();
        self.reported.extend(std::iter::repeat_n(now, count as usize));
        send(&mut self.connection, &request("POST", "/api/v1/events", &self.running.key, &body), 200).map(drop)
    }

    fn next(&self) -> u32 {
        u32::try_from(self.reported.len()).unwrap_or(u32::MAX)
    }

    /// Reports as much as it can, waits until all of it has arrived everywhere, and says how many deliveries that were in a second.
    fn throughput(&mut self, receivers: &[Receiver], events: u32) -> Outcome<f64> {
        let began = self.clock.seconds();
        while self.next() < events {
            self.report(BATCH)?;
        }
        self.wait_for(receivers)?;
        Ok(f64::from(self.next()) * receivers.len() as f64 / (self.clock.seconds() - began))
    }

    /// Waits until everything that was reported has arrived.
    fn wait_for(&self, receivers: &[Receiver]) -> Outcome {
        let began = self.clock.seconds();
        while receivers.iter().any(|it| it.count() < self.reported.len()) {
            check_interrupts()?;
            if PATIENCE_SECS < self.clock.seconds() - began {
                return Err(Failure::new("not everything that was reported has arrived"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Reports one event after the other, and says how many seconds each took to each of these receivers.
    fn pace(&mut self, receivers: &[Receiver], seconds: u32) -> Outcome<Vec<f64>> {
        // The service has closed the one before, on which nothing was asked for a while.
        self.connection = open(self.running.address)?;
        let (first, began) = (self.next(), self.clock.seconds());
        while self.clock.seconds() - began < f64::from(seconds) {
            self.report(1)?;
            thread::sleep(PACE);
        }
        self.wait_for(receivers)?;
        let arrivals = receivers.iter().flat_map(|it| it.arrivals(first..self.next()).into_iter().zip(first..));
        let latency = |(at, number): (Option<f64>, u32)| at.map(|at| at - self.reported[number as usize]);
        Ok(arrivals.filter_map(latency).collect())
    }
}
