//! Assurance S6: whatever is sent as a credential, nothing breaks, and everybody who proves nothing is told the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use claviger_core::reject::{Reject, RejectCode};
use claviger_verifier::credential::Sources;
use claviger_verifier::verify::{About, Ask};
use data_encoding::BASE64;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::fixture::{Fixture, Made};
use super::log::Log;
use crate::app::{TestApp, config};
use claviger::config::Config;

/// Headers by name, as bytes that need not be text.
type Headers = Vec<(&'static str, Vec<u8>)>;

/// Makes bad credentials out of a good one.
struct Mutations {
    rng: ChaCha20Rng,
    good: Vec<u8>,
    access: Vec<u8>,
    secret: Vec<u8>,
}

impl Mutations {
    fn new(seed: u64, good: &Made) -> Self {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self { rng, good: bytes(&good.token), access: bytes(&good.access_key), secret: bytes(&good.secret_key) }
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.next_u32() as usize % end
    }

    /// A value that is not the good one.
    fn value(&mut self, of: &[u8]) -> Vec<u8> {
        const HOSTILE: [&[u8]; 14] = [
            b"",
            b"\0",
            b"\r\n",
            b"\r\nX-Injected: 1",
            b"\n2027-01-01 INFO forged line",
            b"\x7f\x80\xff",
            b"' OR 1=1 --",
            b"../../etc",
            "\u{202E}\u{FEFF}é".as_bytes(),
            b"%00%0d%0a",
            b"null",
            b" ",
            b"{\"$gt\":\"\"}",
            b"\x1b[31m",
        ];
        if of.is_empty() {
            return b"x".to_vec();
        }
        loop {
            let mut value = of.to_vec();
            let at = self.below(value.len());
            match self.below(9) {
                0 => value[at] ^= 1 << self.below(8),
                1 => value.truncate(at),
                2 => value.insert(at, b'A'),
                3 => value[at] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[self.below(62)],
                4 => value.reverse(),
                5 => {
                    let hostile = HOSTILE[self.below(HOSTILE.len())];
                    value.splice(at..at, hostile.iter().copied());
                }
                6 => value = HOSTILE[self.below(HOSTILE.len())].to_vec(),
                7 => value = value.repeat(1 + self.below(80)),
                _ => value.make_ascii_uppercase(),
            }
            // Space around a header's value is no part of it.
            if value.trim_ascii() != of {
                return value;
            }
        }
    }

    /// Headers, and what stands in the query.
    fn headers(&mut self) -> (Headers, Option<Vec<u8>>) {
        let (good, access, secret) = (self.good.clone(), self.access.clone(), self.secret.clone());
        let bearer = |value: Vec<u8>| [b"Bearer ".to_vec(), value].concat();
        let value = self.value(&good);
        match self.below(8) {
            0 => (vec![("Authorization", bearer(value))], None),
            1 => (vec![("X-Api-Key", value)], None),
            2 => (vec![("accessKey", self.value(&access)), ("secretKey", self.value(&secret))], None),
            3 => (vec![("accessKey", access), ("secretKey", self.value(&secret))], None),
            4 => {
                let pair = [self.value(&access), b":".to_vec(), secret].concat();
                (vec![("Authorization", [b"Basic ".to_vec(), BASE64.encode(&pair).into_bytes()].concat())], None)
            }
            5 => (vec![("Authorization", [b"Basic ".to_vec(), value].concat())], None),
            6 => (vec![("Authorization", bearer(value.clone())), ("X-Api-Key", self.value(&value))], None),
            _ => {
                let encoded: String = value.iter().map(|b| format!("%{b:02x}")).collect();
                (Vec::new(), Some(encoded.into_bytes()))
            }
        }
    }

    fn request(&mut self) -> Vec<u8> {
        let (headers, query) = self.headers();
        let mut request = b"GET /api/v1/me".to_vec();
        if let Some(query) = query {
            request.extend([b"?api_key=".to_vec(), query].concat());
        }
        request.extend(b" HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: s6\r\n");
        for (name, value) in headers {
            request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        request
    }
}

/// What was answered, summed up.
#[derive(Debug, Default)]
struct Tally {
    statuses: BTreeMap<u16, usize>,
    bodies_of_401: BTreeSet<String>,
    cut_off: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.bodies_of_401.extend(other.bodies_of_401);
        self.cut_off += other.cut_off;
    }

    /// What must not have happened.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (status, count) in &self.statuses {
            if *status >= 500 || *status < 400 {
                faults.push(format!("{count} × {status}"));
            }
        }
        if self.bodies_of_401.len() != 1 {
            faults.push(format!("{} bodies of 401: {:?}", self.bodies_of_401.len(), self.bodies_of_401.iter().take(3)));
        }
        if self.cut_off > 0 {
            faults.push(format!("{} requests without an answer", self.cut_off));
        }
        faults
    }
}

/// Reads one answer; whether the connection can be used again.
async fn read_answer(stream: &mut BufReader<TcpStream>) -> Option<(u16, String, bool)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|it| it.strip_prefix("content-length: ")).map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((status, String::from_utf8(body).ok()?, !head.contains("connection: close")))
}

async fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::new(stream)
}

/// Sends so many mutated credentials over connections of their own, one request after the other.
async fn send(address: SocketAddr, mut mutations: Mutations, requests: usize) -> Tally {
    let mut tally = Tally::default();
    let mut open = None;
    for _ in 0..requests {
        let request = mutations.request();
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => connect(address).await,
        };
        // The other side may close while it is still being written to, where it has seen enough.
        drop(stream.write_all(&request).await);
        let Some((status, body, reusable)) = read_answer(&mut stream).await else {
            tally.cut_off += 1;
            continue;
        };
        *tally.statuses.entry(status).or_default() += 1;
        if status == 401 {
            tally.bodies_of_401.insert(body);
        }
        // A request that held a line break of its own left a rest behind that would be read as the next one.
        let split = request.windows(4).filter(|it| it == b"\r\n\r\n").count() > 1;
        open = (reusable && status != 400 && !split).then_some(stream);
    }
    tally
}

async fn send_many(it: &Fixture, address: SocketAddr, good: &Made, requests: usize) -> Tally {
    const CONNECTIONS: usize = 8;
    let senders: Vec<_> = (0..CONNECTIONS as u64)
        .map(|seed| it.app.app.spawn(send(address, Mutations::new(seed, good), requests / CONNECTIONS)))
        .collect();
    let mut tally = Tally::default();
    for sender in senders {
        tally.add(sender.await.unwrap());
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_bad_credentials_are_told_the_same() {
    let log = Log::captured();
    // Without a rate: most of them would only be told to wait.
    let it = Fixture::around(TestApp::with_config(Config { api_rate: None, ..config() }).await).await;
    let good = it.create_key(json!({"name": "Good"})).await;
    let address = it.app.url("").strip_prefix("http://").unwrap().parse().unwrap();
    let tally = send_many(&it, address, &good, 100_000).await;
    assert_eq!(tally.faults(), [""; 0], "{:?}", tally.statuses);
    assert!(tally.statuses[&401] > 50_000, "{:?}", tally.statuses);
    assert!(!log.text().lines().any(|line| line.contains("forged line")), "nobody writes lines into our log");
    it.admin.with(&good.token).get("/api/v1/me").await.expect(200);
}

// The control: a service that says more to some than to others, or breaks on a byte, is caught.
#[tokio::test]
async fn a_service_that_tells_them_apart_is_noticed() {
    use axum::http::{HeaderMap, StatusCode};

    let it = Fixture::start().await;
    let good = it.create_key(json!({"name": "Good"})).await;
    let careless = async |headers: HeaderMap| {
        let value = headers.get("x-api-key").map(|it| it.as_bytes().to_vec()).unwrap_or_default();
        match value.iter().any(|b| *b >= 0x80) {
            true => (StatusCode::INTERNAL_SERVER_ERROR, "broken"),
            false if value.len() == 58 => (StatusCode::UNAUTHORIZED, "unknown key"),
            false => (StatusCode::UNAUTHORIZED, "malformed key"),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router: axum::Router = axum::Router::new().fallback(careless);
    it.app.app.spawn(async move { axum::serve(listener, router).await });
    let faults = send_many(&it, address, &good, 4_000).await.faults();
    assert!(faults.iter().any(|it| it.ends_with("× 500")), "{faults:?}");
    assert!(faults.iter().any(|it| it.starts_with("2 bodies of 401")), "{faults:?}");
}

#[tokio::test]
async fn a_million_bad_credentials_are_refused_in_process() {
    let it = Fixture::start().await;
    let good = it.create_key(json!({"name": "Good"})).await;
    let mut mutations = Mutations::new(42, &good);
    let ask = Ask { organization: About::Own, api: Some("default"), permissions: &[], ip: None };
    let (replica, now) = (it.app.app.replica(), it.app.now());
    let mut codes = BTreeMap::<&str, usize>::new();
    for _ in 0..1_000_000 {
        let (headers, query) = mutations.headers();
        let query = query.map(|it| String::from_utf8([b"api_key=".to_vec(), it].concat()).unwrap());
        let mut sources = Sources::new();
        for (name, value) in &headers {
            sources.header(name, value);
        }
        if let Some(query) = &query {
            sources.query(query);
        }
        let code = match sources.extract() {
            Err(refused) => Reject::from(refused).code,
            Ok(None) => RejectCode::Unauthenticated,
            Ok(Some(presented)) => {
                let verdict = replica.verify(&presented, &ask, now);
                assert!(verdict.facts().is_none(), "nothing is found of a mutated key");
                verdict.refusal().expect("a mutated key is refused")
            }
        };
        *codes.entry(code.as_str()).or_default() += 1;
    }
    let told: Vec<_> = codes.keys().copied().collect();
    assert_eq!(told, ["two_credentials", "unauthenticated"], "{codes:?}");
}
