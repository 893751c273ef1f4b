//! Assurance S7: whether it takes as long to refuse a key that nobody knows as one of which somebody knows the public part, and whether comparing
//! digests takes as long wherever they differ.
//!
//! `cargo run --release -p claviger-verifier --example timing`, on a machine that does nothing else; `cargo xtask bench --timing` does it on a
//! core of its own. As dudect has it (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017): two classes take turns at random,
//! Welch's t tells them apart, over all samples and over those below a hundred quantiles. Below 4.5 nothing is found. Two controls are what a
//! careless hand could have written, and have to be found: a comparison that stops at the first difference, and a look-up by the public part.
//!
//! Ours and not the crate `dudect-bencher`, which parses its arguments with a library that nobody looks after any more, and judges nothing.
//!
//! That a key was found takes longer to say than that none was. Who can ask that holds the whole key, and is told what became of it in the answer:
//! the last lines are for knowing, and nothing fails by them.

mod installation;

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use claviger_core::decision::KeyStanding;
use claviger_core::event::Position;
use claviger_core::feed::{Change, Record};
use claviger_core::name::KeyPrefix;
use claviger_core::permission::Asked;
use claviger_core::secret::{Digest, SECRET_CHARS, Token};
use claviger_core::time::Timestamp;
use claviger_verifier::credential::Presented;
use claviger_verifier::replica::Replica;
use claviger_verifier::verify::{About, Ask};
use installation::{Text, key, surroundings, token};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};

const KEYS: usize = 10_000;
/// Samples of both classes together.
const SAMPLES: usize = 10_000_000;
/// Different inputs of each class. So many, because where one falls in the table costs a nanosecond more or less: with few of them that would tell
/// these inputs apart, and not the classes.
const INPUTS: usize = 1 << 20;
/// From here on somebody could tell the classes apart (dudect).
const FOUND: f64 = 4.5;
/// Comparisons in one sample: one takes less than the clock can tell.
const COMPARISONS: usize = 50;

fn main() -> ExitCode {
    let samples = std::env::args().nth(1).map_or(SAMPLES, |it| it.parse().expect("a number of samples"));
    #[expect(clippy::disallowed_methods, reason = "measures")]
    let started = Instant::now();
    let (replica, mut writer) = Replica::new([42; 32], Box::new(move || started.elapsed()));
    writer.begin_load(KEYS);
    writer.load(surroundings(KEYS));
    writer.load((0..KEYS).map(|number| Change::Put(Box::new(Record::Key(standing(number))))));
    writer.finish_load(Position { epoch: 1, seq: 0 });
    let asked = [Asked::parse("contacts:read").expect("a permission")];
    let ip = "203.0.113.7".parse().ok();
    let ask = Ask { organization: About::Own, api: Some("default"), permissions: &asked, ip };
    let now = Timestamp::from_micros(1_795_000_000_000_000).expect("in range");
    let verify = |text: &Text| {
        let presented = Presented::token(text).expect("a token");
        replica.verify(&presented, &ask, now).is_allowed()
    };
    let unknown = |it: usize| token(KEYS + it);
    let known_to_nobody_but = |it: usize| with_another_secret(it);
    let careless: HashMap<Vec<u8>, Text> = (0..KEYS).map(|it| (public(&token(it)).to_vec(), token(it))).collect();
    let look_up_carelessly = |text: &Text| careless.get(public(text)).is_some_and(|it| stops_early(it, text));

    let digests = |differs_at: usize| move |it: usize| pair_of_digests(it, differs_at);
    let in_constant_time = |(one, other): &(Digest, Digest)| (0..COMPARISONS).all(|_| !black_box(one).matches(other));
    let carelessly = |(one, other): &(Digest, Digest)| {
        (0..COMPARISONS).all(|_| !stops_early(black_box(one).as_bytes(), other.as_bytes()))
    };

    let revoked = |it: usize| token(it * 4 % KEYS);
    let expired = |it: usize| token((it * 4 + 1) % KEYS);
    let results = [
        Finding::of(
            "unknown key, or wrong secret of a known one",
            Expected::Nothing,
            measure(samples, unknown, known_to_nobody_but, verify),
        ),
        Finding::of(
            "digests that differ at once, or at their end",
            Expected::Nothing,
            measure(samples, digests(0), digests(31), in_constant_time),
        ),
        Finding::of(
            "control: found by the public part",
            Expected::Difference,
            measure(samples, unknown, known_to_nobody_but, look_up_carelessly),
        ),
        Finding::of(
            "control: compared up to the first difference",
            Expected::Difference,
            measure(samples, digests(0), digests(31), carelessly),
        ),
        Finding::of("unknown key, or revoked one", Expected::ToldAnyway, measure(samples, unknown, revoked, verify)),
        Finding::of("revoked key, or expired one", Expected::ToldAnyway, measure(samples, revoked, expired, verify)),
    ];
    results.iter().for_each(Finding::tell);
    if results.iter().all(Finding::is_right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A key of each standing in turn: what is found in the index is of all kinds.
fn standing(number: usize) -> claviger_core::feed::KeyRecord {
    let good = key(number, &token(number));
    match number % 4 {
        0 => claviger_core::feed::KeyRecord { standing: KeyStanding::Revoked, ..good },
        1 => claviger_core::feed::KeyRecord { expires_at: Timestamp::from_micros(1_000_000).ok(), ..good },
        _ => good,
    }
}

fn public(text: &Text) -> &[u8] {
    &text[..text.len() - SECRET_CHARS]
}

/// What nobody who knows better writes.
fn stops_early(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(one, other)| black_box(one) == black_box(other))
}

fn pair_of_digests(number: usize, differs_at: usize) -> (Digest, Digest) {
    let one = *Digest::of_token(&number.to_ne_bytes()).as_bytes();
    let mut other = one;
    other[differs_at] ^= 1;
    (Digest::from_bytes(one), Digest::from_bytes(other))
}

/// The public part of a known key, and a secret part that is another's, with a checksum that is right.
fn with_another_secret(number: usize) -> Text {
    let bytes = |seed: u64| {
        let mut bytes = [0; 64];
        ChaCha12Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        bytes.into_iter().filter(|it| *it < 248).collect::<Vec<_>>()
    };
    let known_number = number % KEYS;
    let (known, other) = (bytes(known_number as u64), bytes(u64::MAX - number as u64));
    let mut rng = Scripted([&known[..16], &other[..32]].concat());
    let made = Token::generate(&KeyPrefix::parse("ck").expect("a prefix"), &mut rng);
    let text: Text = made.expose().as_bytes().try_into().expect("all tokens of a prefix are as long");
    assert!(public(&text) == public(&token(known_number)) && text != token(known_number), "only the secret is another");
    text
}

/// Randomness that was written down before.
struct Scripted(Vec<u8>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes[..self.0.len()].copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

/// Nanoseconds of each sample of two classes.
type Times = [Vec<u32>; 2];

fn measure<T: Copy>(
    samples: usize,
    left: impl Fn(usize) -> T,
    right: impl Fn(usize) -> T,
    run: impl Fn(&T) -> bool,
) -> Times {
    let inputs: Vec<[T; 2]> = (0..INPUTS).map(|it| [left(it), right(it)]).collect();
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let mut times: Times = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    for number in 0..samples + samples / 10 {
        let drawn = rng.next_u32() as usize;
        let class = drawn & 1;
        // From the same place each time: where an input lies must not tell what it is.
        let input = black_box(inputs[drawn >> 1 & (INPUTS - 1)][class]);
        #[expect(clippy::disallowed_methods, reason = "measures")]
        let begun = Instant::now();
        black_box(run(black_box(&input)));
        let took = begun.elapsed();
        // The first ones find cold caches.
        if number >= samples / 10 {
            times[class].push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
        }
    }
    times
}

/// What should be found.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Nothing,
    Difference,
    /// The difference is told in the answer, to whoever could measure it.
    ToldAnyway,
}

/// What the samples of two classes say.
struct Finding {
    name: &'static str,
    expected: Expected,
    medians: [u32; 2],
    /// The greatest of all, without its sign.
    t: f64,
}

impl Finding {
    fn of(name: &'static str, expected: Expected, times: Times) -> Self {
        let mut pooled: Vec<u32> = times.iter().flatten().copied().collect();
        pooled.sort_unstable();
        let cuts = (1..=100).map(|it| {
            // Most of them among the quick ones, which nothing disturbed (dudect).
            let share = 1.0 - 0.5_f64.powf(10.0 * f64::from(it) / 100.0);
            pooled[((pooled.len() - 1) as f64 * share) as usize]
        });
        let t = cuts.chain([u32::MAX]).map(|cut| welch(&times, cut).abs()).fold(0.0, f64::max);
        let medians = times.map(|mut it| {
            it.sort_unstable();
            it[it.len() / 2]
        });
        Self { name, expected, medians, t }
    }

    fn is_right(&self) -> bool {
        match self.expected {
            Expected::Nothing => self.t <= FOUND,
            Expected::Difference => self.t > FOUND,
            Expected::ToldAnyway => true,
        }
    }

    #[expect(clippy::print_stdout, reason = "the findings are what this prints")]
    fn tell(&self) {
        let Self { name, medians: [left, right], t, .. } = self;
        let right_or_not = match self.expected {
            Expected::ToldAnyway => "told in the answer",
            _ if self.is_right() => "as it should be",
            _ => "NOT as it should be",
        };
        println!("| {name} | {left} | {right} | {t:.1} | {right_or_not} |");
    }
}

/// Welch's t of the samples of both classes below a bound; nothing where too few are left.
fn welch(times: &Times, cut: u32) -> f64 {
    let [left, right] = times.each_ref().map(|class| {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for time in class.iter().filter(|it| **it < cut) {
            count += 1.0;
            let from_mean = f64::from(*time) - mean;
            mean += from_mean / count;
            squares += from_mean * (f64::from(*time) - mean);
        }
        (count, mean, squares / (count - 1.0))
    });
    if left.0 < 1000.0 || right.0 < 1000.0 {
        return 0.0;
    }
    (left.1 - right.1) / (left.2 / left.0 + right.2 / right.0).sqrt()
}
