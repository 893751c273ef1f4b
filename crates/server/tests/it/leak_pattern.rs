//! The guide `/docs/leaked-key` publishes how a key is recognised: what stands there is run here, against keys that were made and what nearly is one.

use claviger_core::name::KeyPrefix;
use claviger_core::secret::{Shape, Token, shape};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use regex::Regex;

const DOCUMENT: &str = include_str!("../../src/docs/guides/leaked-key.md");

/// What stands between the fences of a kind.
fn fenced(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    let parts = DOCUMENT.split(&fence).skip(1);
    parts.map(|it| it.split_once("```").expect("a fence that is closed").0.trim_end()).collect()
}

/// The published patterns: for the prefix `ck` as three tools have it, and for any.
fn patterns() -> (Vec<Regex>, Regex) {
    let own = fenced("regex");
    let rules: toml::Table = fenced("toml")[0].parse().unwrap();
    let gitleaks = rules["rules"][0]["regex"].as_str().unwrap();
    let yaml = fenced("yaml")[0];
    let hog = yaml.lines().find_map(|it| it.trim().strip_prefix("key: '")?.strip_suffix('\'')).unwrap();
    assert_eq!(own.len(), 2);
    let read = |it: &&str| Regex::new(it).unwrap();
    ([own[0], gitleaks, hog].iter().map(read).collect(), read(&own[1]))
}

fn token(prefix: &str, seed: u64) -> Token {
    Token::generate(&KeyPrefix::parse(prefix).unwrap(), &mut ChaCha20Rng::seed_from_u64(seed))
}

/// The checksum by the published rule, step by step, and by none of our code.
fn checksum_by_the_document(body: &str) -> (u32, String) {
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let crc = !crc;
    let digits: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let (mut rest, mut text) = (crc, String::new());
    for _ in 0..6 {
        text.insert(0, digits[(rest % 62) as usize]);
        rest /= 62;
    }
    (crc, text)
}

#[test]
fn the_published_patterns_find_every_key_wherever_it_stands() {
    let (own, any) = patterns();
    for seed in 0..200 {
        let key = token("ck", seed);
        for pattern in own.iter().chain([&any]) {
            for text in [
                key.expose().to_owned(),
                format!("CLAVIGER_KEY={}\n", key.expose()),
                format!("{{\"key\":\"{}\"}}", key.expose()),
                format!("https://example.com/?api_key={}&page=2", key.expose()),
                format!("Bearer {}, or so.", key.expose()),
            ] {
                assert_eq!(pattern.find(&text).map(|it| it.as_str()), Some(key.expose()), "{pattern} in {text}");
            }
        }
    }
    for prefix in ["cdl", "acme", "a1", "twelveletter"] {
        let key = token(prefix, 1);
        assert_eq!(any.find(key.expose()).map(|it| it.as_str()), Some(key.expose()), "{prefix}");
        assert!(own.iter().all(|it| !it.is_match(key.expose())), "{prefix}");
    }
}

#[test]
fn the_published_patterns_find_nothing_that_only_looks_like_a_key() {
    let (own, any) = patterns();
    let key = token("ck", 1);
    let key = key.expose();
    for text in [
        &key[..key.len() - 1],
        &format!("{key}0"),
        &key.replacen('_', "-", 1),
        &key.replacen('_', "", 1),
        &key.replacen('_', "__", 1),
        &format!("x{key}"),
        &format!("{}-{}", &key[..20], &key[21..]),
        &format!("{} {}", &key[..20], &key[21..]),
        &key[3..],
        "ck_",
        "",
    ] {
        assert!(own.iter().all(|it| !it.is_match(text)), "{text}");
    }
    for text in [&key[..key.len() - 1], &format!("{key}0"), &key.replacen("ck", "c", 1), &key.replacen("ck", "1k", 1)] {
        assert!(!any.is_match(text), "{text}");
    }
}

#[test]
fn the_published_checksum_is_the_one_that_keys_have() {
    for seed in 0..200 {
        let key = token("ck", seed);
        let (body, found) = key.expose().split_at(key.expose().len() - 6);
        assert_eq!(checksum_by_the_document(body).1, found);
        let mistyped = format!("{body}{}", if found == "000000" { "000001" } else { "000000" });
        assert_eq!(shape(mistyped.as_bytes()), Shape::WrongChecksum("ck"));
    }
    let cell = |name: &str| {
        let row = DOCUMENT.lines().find(|it| it.starts_with(&format!("| {name} |"))).expect(name);
        row.split('`').nth(1).expect("a value").to_owned()
    };
    let (key, body) = (cell("key"), cell("without its checksum"));
    assert_eq!(shape(key.as_bytes()), Shape::Ours("ck"));
    assert_eq!(key, format!("{body}{}", cell("in base 62")));
    assert_eq!(checksum_by_the_document(&body), (cell("CRC-32 of that").parse().unwrap(), cell("in base 62")));
}
