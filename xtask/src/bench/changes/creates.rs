//! Creating keys over HTTP, by several clients at once, each on a connection of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::service::{Running, open};
use crate::bench::clock::Stopwatch;
use crate::shell::{Outcome, check_interrupts};

/// How creating keys went.
pub(super) struct Creates {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Creates {
    /// Creates keys for so many seconds.
    ///
    /// # Errors
    /// When one is refused.
    pub(super) fn press(running: &Running, clients: usize, seconds: u32) -> Outcome<Self> {
        let stopwatch = Stopwatch::start();
        static ROUND: AtomicU32 = AtomicU32::new(0);
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        let mut times: Vec<f64> = thread::scope(|scope| {
            let clients: Vec<_> = (0..clients)
                .map(|client| {
                    let stopwatch = &stopwatch;
                    scope.spawn(move || -> Outcome<Vec<f64>> {
                        let mut connection = open(running.address)?;
                        let mut times = Vec::new();
                        while stopwatch.seconds() < f64::from(seconds) {
                            check_interrupts()?;
                            let one = Stopwatch::start();
                            let name = format!("made {round} {} {client} {}", running.address.port(), times.len());
                            running.create(&mut connection, &name)?;
                            times.push(one.seconds());
                        }
                        Ok(times)
                    })
                })
                .collect();
            let joined = clients.into_iter().map(|it| it.join().expect("a client does not panic"));
            joined.collect::<Outcome<Vec<_>>>().map(|it| it.concat())
        })?;
        let per_second = times.len() as f64 / stopwatch.seconds();
        Ok(Self { per_second, p50_ms: percentile(&mut times, 0.5) * 1e3, p99_ms: percentile(&mut times, 0.99) * 1e3 })
    }
}

/// What so great a part of the values does not exceed; nothing of none.
pub(in crate::bench) fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * part).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let found = [0.5, 0.95, 1.0].map(|part| percentile(&mut values, part));
        assert!(found.iter().zip([50.0, 95.0, 100.0]).all(|(found, value)| (found - value).abs() < 1e-9), "{found:?}");
    }
}
