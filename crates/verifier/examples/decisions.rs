//! Measures the verification plane in this process: what a decision costs at so many keys, what a key takes in memory, how fast keys are loaded.
//!
//! `cargo run --profile dist -p claviger-verifier --example decisions -- 10000 1000000 10000000`
//!
//! With `--load-only` first, it tells only what loading takes. Each figure is one line of JSON on standard output; `cargo xtask bench` reads them. Every thousandth of the keys is an organization of its own
//! under one root, every tenth a user who is its member; keys are mapped to users and owned by them, one in ten has scopes.

mod installation;

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use claviger_core::event::Position;
use claviger_core::feed::{Change, Frame, OrganizationRecord, Record};
use claviger_core::id::OrganizationId;
use claviger_core::limits::ROWS_PER_EVENT_MAX;
use claviger_core::permission::Asked;
use claviger_core::policy::OwnPolicy;
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;
use claviger_verifier::credential::Presented;
use claviger_verifier::replica::Replica;
use claviger_verifier::verify::{About, Ask};
use claviger_verifier::writer::Writer;
use installation::{Text, key, key_id, organization_of, surroundings, token};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keys that are asked about, at most: more than any cache holds.
const SAMPLE_MAX: usize = 1_000_000;
/// Requests of one round, and rounds of which the median counts.
const ROUND: usize = 200_000;
const ROUNDS: usize = 7;
const EPOCH: u64 = 1;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let load_only = arguments.next_if_eq("--load-only").is_some();
    for keys in arguments {
        measure(keys.parse().expect("a number of keys"), load_only);
    }
}

fn measure(keys: usize, load_only: bool) {
    #[expect(clippy::disallowed_methods, reason = "measures")]
    let started = Instant::now();
    let (replica, mut writer) = Replica::new([42; 32], Box::new(move || started.elapsed()));
    let tell = |figure: &str, value: f64, unit: &str| report(keys, figure, value, value, unit);

    // As a server loads: it knows about how many keys there are before the first.
    let before = resident_bytes();
    writer.begin_load(keys);
    let roomy = resident_bytes();
    writer.load(surroundings(keys));
    let surrounded = resident_bytes();
    let (sample, load) = fill(&mut writer, keys);
    writer.finish_load(Position { epoch: EPOCH, seq: 0 });
    let counts = replica.counts();
    assert_eq!(counts.keys, keys, "all keys are held");
    let others = (counts.organizations + counts.users) as f64;
    tell("bytes per organization and user", (surrounded - roomy) / others, "B");
    let of_the_sample = (sample.capacity() * size_of::<Sample>()) as f64;
    let resident = resident_bytes() - surrounded - of_the_sample + roomy - before;
    tell("load", keys as f64 / load * 1e9, "keys/s");
    tell("bytes per key beyond names, resident", (resident - counts.text_bytes as f64) / keys as f64, "B");
    tell("bytes per key beyond names, computed", counts.key_bytes as f64 / keys as f64, "B");
    tell("bytes per key of names", counts.text_bytes as f64 / keys as f64, "B");
    if !load_only {
        decide(keys, &replica, &sample);
        charge(keys, &replica, &mut writer, &sample);
    }
}

/// The root with another policy: what is set there holds for all.
fn root_with(policy: OwnPolicy) -> Change {
    let id = OrganizationId::from_u128(1);
    let (slug, external_id) = ("organization-0".into(), Some("0".into()));
    let root = OrganizationRecord {
        id,
        parent_id: None,
        slug,
        external_id,
        suspended: false,
        policy,
        allowed_ips: None,
        version: 2,
    };
    Change::Put(Box::new(Record::Organization(root)))
}

/// The same decisions where every key has a rate and a quota, none of which is ever used up: what it costs to take a request off them.
fn charge(keys: usize, replica: &Arc<Replica>, writer: &mut Writer, sample: &[Sample]) {
    let policy = serde_json::from_str(r#"{"default_rate":"1000000/1s","default_daily_quota":1000000000}"#);
    let at = |seq| Position { epoch: EPOCH, seq };
    let changes = vec![root_with(policy.expect("a policy"))];
    writer.apply(&Frame { from: at(0), to: at(1), changes }).expect("no gap");
    let asked = [Asked::parse("contacts:read").expect("a permission")];
    let ask = Ask { organization: About::Own, api: Some("default"), permissions: &asked, ip: None };
    let now = Timestamp::from_micros(1_795_000_000_000_000).expect("in range");
    let run = |at: usize| {
        let presented = Presented::token(&sample[at].token).expect("a token");
        let verdict = replica.verify(&presented, &ask, now);
        verdict.charge(1, now).is_some_and(|it| it.refusal.is_none())
    };
    let wrong = (0..sample.len().min(ROUND)).filter(|it| !run(*it)).count();
    assert_eq!(wrong, 0, "nothing is used up");
    let (median, least) = nanos(sample.len(), &run);
    report(keys, "decision with hash, limits charged", median, least, "ns");
    report(keys, "keys with a bucket", replica.limiter().len() as f64, replica.limiter().len() as f64, "keys");
}

fn decide(keys: usize, replica: &Arc<Replica>, sample: &[Sample]) {
    let asked = [Asked::parse("contacts:read").expect("a permission")];
    let ip: Option<IpAddr> = "203.0.113.7".parse().ok();
    let ask = Ask { organization: About::Own, api: Some("default"), permissions: &asked, ip };
    let now = Timestamp::from_micros(1_795_000_000_000_000).expect("in range");
    let verify = |token: &Text, ask: &Ask<'_>| {
        let presented = Presented::token(token).expect("a token");
        replica.verify(&presented, ask, now)
    };
    let tell = |figure: &str, expected: bool, run: &dyn Fn(usize) -> bool| {
        let wrong = (0..sample.len().min(ROUND)).filter(|it| run(*it) != expected).count();
        assert_eq!(wrong, 0, "{figure}: wrong answers");
        let (median, least) = nanos(sample.len(), run);
        report(keys, figure, median, least, "ns");
    };

    tell("decision with hash", true, &|at| verify(&sample[at].token, &ask).is_allowed());
    tell("hash alone", true, &|at| !Digest::of_token(&sample[at].token).as_bytes().is_empty());
    let digests: Vec<_> = sample.iter().map(|it| Digest::of_token(&it.token)).collect();
    tell("decision without hash", true, &|at| replica.verify_digest(&digests[at], &ask, now).is_allowed());
    tell("decision with hash, use counted", true, &|at| {
        let verdict = verify(&sample[at].token, &ask);
        verdict.record_use(now, ip, Some(b"curl/8.5.0"));
        verdict.is_allowed()
    });
    tell("decision with hash, organization named", true, &|at| {
        let organization = About::Id(organization_of(sample[at].number));
        verify(&sample[at].token, &Ask { organization, ..ask }).is_allowed()
    });
    let ids: Vec<_> = sample.iter().map(|it| key_id(it.number)).collect();
    tell("look-up of a key alone", true, &|at| replica.organization_of(ids[at]).is_some());
    let unknown: Vec<_> = (0..sample.len()).map(|it| token(keys + it)).collect();
    tell("unknown key", false, &|at| verify(&unknown[at], &ask).is_allowed());
    let mistyped: Vec<_> = sample.iter().map(|it| mistype(it.token)).collect();
    tell("wrong checksum", false, &|at| verify(&mistyped[at], &ask).is_allowed());
}

/// A key that is asked about. Tokens lie one behind the other, as the next request's bytes lie in a cache when it comes; the keys do not.
struct Sample {
    number: usize,
    token: Text,
}

/// Another character in the place of the tenth.
fn mistype(mut token: Text) -> Text {
    token[10] = if token[10] == b'0' { b'1' } else { b'0' };
    token
}

/// Nanoseconds of processor time per call: the median of the rounds, and the least of them, which neighbours disturbed least.
fn nanos(len: usize, run: &dyn Fn(usize) -> bool) -> (f64, f64) {
    let mut at = 0;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = processor_nanos();
            for _ in 0..ROUND {
                at = if at + 1 == len { 0 } else { at + 1 };
                black_box(run(black_box(at)));
            }
            (processor_nanos() - begun) / ROUND as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], rounds[0])
}

/// Time that this thread has spent on a processor: other processes of the machine do not count.
fn processor_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts a thread's time");
    text.split(' ').next().and_then(|it| it.parse().ok()).expect("the first number is the time on a processor")
}

#[expect(clippy::print_stdout, reason = "the figures are what this prints")]
fn report(keys: usize, figure: &str, value: f64, least: f64, unit: &str) {
    println!(r#"{{"figure":"{figure}","keys":{keys},"value":{value:.1},"least":{least:.1},"unit":"{unit}"}}"#);
}

/// Bytes of memory that the process occupies.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says what a process takes");
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("the line is there");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0
}

/// Tells of the keys in frames as large as they come; answers with evenly spread tokens and the processor time, in nanoseconds, that applying took.
fn fill(writer: &mut Writer, keys: usize) -> (Vec<Sample>, f64) {
    let size = keys.min(SAMPLE_MAX);
    let mut sample = Vec::with_capacity(size);
    let mut took = 0.0;
    for begin in (0..keys).step_by(ROWS_PER_EVENT_MAX) {
        let mut changes = Vec::with_capacity(ROWS_PER_EVENT_MAX);
        for number in begin..keys.min(begin + ROWS_PER_EVENT_MAX) {
            let token = token(number);
            changes.push(Change::Put(Box::new(Record::Key(key(number, &token)))));
            if number == sample.len() * keys / size {
                sample.push(Sample { number, token });
            }
        }
        let begun = processor_nanos();
        writer.load(changes);
        took += processor_nanos() - begun;
    }
    shuffle(&mut sample);
    (sample, took)
}

/// Fisher and Yates's.
fn shuffle(sample: &mut [Sample]) {
    let mut rng = ChaCha12Rng::seed_from_u64(0);
    for last in (1..sample.len()).rev() {
        sample.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
    }
}
