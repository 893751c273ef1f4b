//! Metrics: counted in atomics where things happen, collected when somebody asks.
//!
//! Answering a gateway touches one counter of its own thread and nothing shared: a counter that two threads write costs more than the
//! look-up it counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use claviger_core::decision::Code;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// How old this node's log of endings is, in seconds; without the prefix of all our metrics. A command looks for it.
pub const ENDINGS_AGE: &str = "endings_age_seconds";
/// How much the log of endings lacks, since it could not be read.
pub const ENDINGS_LEFT_OUT: &str = "endings_left_out";

/// What is counted in this process.
#[derive(Debug, Default)]
pub struct Metrics {
    tallies: Mutex<Vec<Arc<Tally>>>,
    answers: [AtomicU64; 5],
}

/// What one thread decided. Aligned so that no two share a cache line (a pair of lines, since processors fetch them in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    allowed: AtomicU64,
    denied: [AtomicU64; Code::ALL.len()],
}

impl Tally {
    /// Counts a decision: allowed, or denied with a code.
    pub fn count(&self, denied: Option<Code>) {
        let counter = denied.map_or(&self.allowed, |code| &self.denied[code as usize]);
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A tally for a thread to keep; it is added to the others when somebody asks.
    pub fn tally(&self) -> Arc<Tally> {
        let tally = Arc::new(Tally::default());
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tally));
        tally
    }

    /// Counts an answer of the console or the management API by its HTTP status.
    pub fn count_answer(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    fn decisions(&self) -> (u64, [u64; Code::ALL.len()]) {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut denied = [0; Code::ALL.len()];
        for tally in tallies.iter() {
            for (sum, counter) in denied.iter_mut().zip(&tally.denied) {
                *sum += counter.load(Ordering::Relaxed);
            }
        }
        (tallies.iter().map(|it| it.allowed.load(Ordering::Relaxed)).sum(), denied)
    }

    /// The text that Prometheus reads.
    pub fn render(self: &Arc<Self>, gauges: Vec<Gauge>) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("claviger");
        registry.register_collector(Box::new(Scrape { metrics: Arc::clone(self), gauges }));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// A value of the moment, measured by whoever asks for the text.
#[derive(Debug, Clone)]
pub struct Gauge {
    /// Its name, without the prefix of all our metrics.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// The value, or one for each of several labels.
    pub values: Vec<(Option<Label>, f64)>,
}

/// What tells values of one metric apart: a name and what it is.
pub type Label = (&'static str, &'static str);

#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    gauges: Vec<Gauge>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (allowed, denied) = self.metrics.decisions();
        let mut family =
            encoder.encode_descriptor("decisions", "Decisions about keys, by code.", None, MetricType::Counter)?;
        ConstCounter::new(allowed).encode(family.encode_family(&[("code", "allowed")])?)?;
        for (code, count) in Code::ALL.iter().zip(denied) {
            ConstCounter::new(count).encode(family.encode_family(&[("code", code.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "http_answers",
            "Answers of the console and the management API, by class of their status.",
            None,
            MetricType::Counter,
        )?;
        for (class, counter) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(&self.metrics.answers) {
            ConstCounter::new(counter.load(Ordering::Relaxed)).encode(family.encode_family(&[("status", *class)])?)?;
        }
        for gauge in &self.gauges {
            let mut family = encoder.encode_descriptor(gauge.name, gauge.help, None, MetricType::Gauge)?;
            match gauge.values.as_slice() {
                // An empty list of labels would be written as `{}`.
                [(None, value)] => ConstGauge::new(*value).encode(family)?,
                several => {
                    for (label, value) in several {
                        ConstGauge::new(*value).encode(family.encode_family(&label.as_slice())?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_is_added_up() {
        let metrics = Arc::new(Metrics::default());
        let (one, other) = (metrics.tally(), metrics.tally());
        one.count(None);
        other.count(None);
        other.count(Some(Code::Stale));
        metrics.count_answer(204);
        let keys = Gauge { name: "replica_keys", help: "Keys in memory.", values: vec![(None, 3.0)] };
        let values = vec![(Some(("state", "live")), 2.0), (Some(("state", "lost")), 0.0)];
        let nodes = Gauge { name: "nodes", help: "Nodes.", values };
        let text = metrics.render(vec![keys, nodes]).expect("text");
        for line in [
            "claviger_decisions_total{code=\"allowed\"} 2",
            "claviger_decisions_total{code=\"stale\"} 1",
            "claviger_decisions_total{code=\"revoked\"} 0",
            "claviger_http_answers_total{status=\"2xx\"} 1",
            "claviger_replica_keys 3.0",
            "claviger_nodes{state=\"live\"} 2.0",
            "claviger_nodes{state=\"lost\"} 0.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn every_code_has_the_place_of_its_number() {
        for (place, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, place);
        }
    }
}
