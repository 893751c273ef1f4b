//! Assurance S14: guesses are held back by the network they come from, and nobody else is. All tries come from one loopback address, those
//! whom they must not hurt call from another.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use claviger::ops::sessions::{Origin, sign_in};
use claviger_core::name::Email;
use claviger_core::reject::RejectCode;
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, TestApp, new_key, refused};

const TRIES: usize = 100_000;
/// Those at the management API, where a debug build takes ten times as long for each; past the limit one is like the other.
const TRIES_AT_THE_API: usize = 20_000;
const GUESSER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// Connections of the guesser.
const CONNECTIONS: usize = 8;
/// Requests that are on their way at once on each.
const AHEAD: usize = 125;

/// Sends so many tries from the guesser's address, many ahead of their answers, and counts the statuses.
async fn flood(
    to: SocketAddr,
    tries: usize,
    request: impl Fn(usize) -> String + Send + Sync + 'static,
) -> BTreeMap<u16, usize> {
    let request = Arc::new(request);
    let mut connections = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let request = request.clone();
        connections.spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::new(GUESSER, 0)).unwrap();
            let mut stream = socket.connect(to).await.unwrap();
            let mut statuses = BTreeMap::new();
            let mut received = Vec::new();
            for window in 0..tries / CONNECTIONS / AHEAD {
                let first = (connection * tries / CONNECTIONS) + window * AHEAD;
                let requests: String = (first..first + AHEAD).map(|it| request(it)).collect();
                stream.write_all(requests.as_bytes()).await.unwrap();
                let mut answers = 0;
                while answers < AHEAD {
                    let read = stream.read_buf(&mut received).await.unwrap();
                    assert!(read > 0, "the server hung up");
                    for status in take_statuses(&mut received) {
                        *statuses.entry(status).or_insert(0) += 1;
                        answers += 1;
                    }
                }
            }
            statuses
        });
    }
    let mut all = BTreeMap::new();
    for (status, count) in connections.join_all().await.into_iter().flatten() {
        *all.entry(status).or_insert(0) += count;
    }
    assert_eq!(all.values().sum::<usize>(), tries);
    all
}

/// Takes the status lines out of what was received, and leaves what may be the beginning of one.
fn take_statuses(received: &mut Vec<u8>) -> Vec<u16> {
    const LINE: &[u8] = b"HTTP/1.1 ";
    let mut statuses = Vec::new();
    let mut taken = 0;
    while let Some(at) = received[taken..].windows(LINE.len()).position(|it| it == LINE) {
        let status = taken + at + LINE.len();
        let Some(digits) = received.get(status..status + 3) else { break };
        statuses.push(std::str::from_utf8(digits).unwrap().parse().unwrap());
        taken = status + 3;
    }
    let keep = (received.len() - taken).min(LINE.len() + 2);
    received.drain(..received.len() - keep);
    statuses
}

/// Calls of the good key, which has a limit of its own: 6,000 in a minute.
const CALLS_MAX: usize = 5_000;

/// Calls from the other address again and again for as long as `flood` lasts, up to [`CALLS_MAX`]. Every answer has to be this one.
async fn undisturbed<T>(flood: impl Future<Output = T>, call: impl AsyncFn(&reqwest::Client)) -> (T, usize) {
    let http = reqwest::Client::builder().no_proxy().local_address(GOOD).build().unwrap();
    let is_over = AtomicBool::new(false);
    let flooding = async {
        let result = flood.await;
        is_over.store(true, Ordering::Relaxed);
        result
    };
    let calling = async {
        let mut calls = 0;
        while !is_over.load(Ordering::Relaxed) && calls < CALLS_MAX {
            call(&http).await;
            calls += 1;
            // Leaves the machine to the guesser in between; what keeps the key within its own limit is the bound above.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        calls
    };
    tokio::join!(flooding, calling)
}

/// A wrong key of one of the kinds that there are: nonsense, and the access key of a real one with another secret.
fn wrong_key(number: usize, access: &str) -> String {
    if number.is_multiple_of(2) { format!("ck_{number:0>40}") } else { format!("{access}{number:0>32}") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_at_the_management_api_run_out_of_tries_and_good_ones_from_elsewhere_never_fail() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("Victim")).await.unwrap().token;
    let address = app.url("").strip_prefix("http://").unwrap().parse().unwrap();
    let access = key.access_id().to_string();
    let guesses = flood(address, TRIES_AT_THE_API, move |number| {
        let wrong = wrong_key(number, &access);
        format!("GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {wrong}\r\n\r\n")
    });
    let (statuses, calls) = undisturbed(guesses, async |http| {
        let me = http.get(app.url("/api/v1/me")).bearer_auth(key.expose());
        assert_eq!(me.send().await.unwrap().status(), 200);
        let verify = http.post(app.url("/api/v1/verify")).bearer_auth(app.first_key.expose());
        let answer = verify.json(&json!({ "key": key.expose() })).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["allowed"], true);
    })
    .await;
    let told = statuses[&401];
    assert!((1..=6_000).contains(&told), "what the configuration lets strangers ask in a minute: {statuses:?}");
    assert_eq!(statuses[&429], TRIES_AT_THE_API - told, "{statuses:?}");
    assert!(calls > 20, "{calls} calls");
    // Behind the guesser's own address a good key passes all the same.
    let beside = reqwest::Client::builder().no_proxy().local_address(GUESSER).build().unwrap();
    assert_eq!(beside.get(app.url("/api/v1/me")).bearer_auth(key.expose()).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_at_a_gateway_are_refused_each_and_good_ones_from_elsewhere_never_fail() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("Victim")).await.unwrap().token;
    let access = key.access_id().to_string();
    let authz = app.authz();
    let guesses = flood(authz, TRIES, move |number| {
        let wrong = wrong_key(number, &access);
        format!(
            "GET /authz HTTP/1.1\r\nHost: localhost\r\nClaviger-Permission: contacts:read\r\nX-Api-Key: {wrong}\r\n\r\n"
        )
    });
    let (statuses, calls) = undisturbed(guesses, async |http| {
        let ask = http.get(format!("http://{authz}/authz")).header("x-api-key", key.expose());
        let ask = ask.header("claviger-permission", "contacts:read");
        assert_eq!(ask.send().await.unwrap().status(), 200);
    })
    .await;
    assert_eq!(
        statuses,
        BTreeMap::from([(401, TRIES)]),
        "there is nothing to hold back: a secret has 190 random bits, and to refuse costs one look-up"
    );
    assert!(calls > 20, "{calls} calls");
}

// By the operation and not by the form, since in a debug build it is the page of the refusal that takes the time; the victim uses the form.
#[tokio::test]
async fn wrong_passwords_run_out_of_tries_and_the_victim_signs_in_from_elsewhere_all_the_while() {
    let app = TestApp::new().await;
    let http = reqwest::Client::builder().no_proxy().local_address(GOOD).redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    let email = Email::parse(ADMIN_EMAIL).unwrap();
    let origin = Origin { ip: Some(GUESSER), user_agent: None };
    let minutes = 20;
    let (mut guessed, mut held_back) = (0, 0);
    for _ in 0..minutes {
        for _ in 0..TRIES / minutes {
            let password = SecretString::from("not the password");
            match refused(sign_in(&app.app, email.clone(), password, origin.clone()).await) {
                RejectCode::Unauthenticated => guessed += 1,
                RejectCode::TooManyTries => held_back += 1,
                other => panic!("{other:?}"),
            }
        }
        let form = [("email", ADMIN_EMAIL), ("password", ADMIN_PASSWORD)];
        let answer = http.post(app.url("/sign-in")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "the victim, after {guessed} guesses");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        // Nobody stays signed in at that address, which would let them pass.
        let out = http.post(app.url("/sign-out")).header("cookie", cookie).header("sec-fetch-site", "same-origin");
        assert_eq!(out.send().await.unwrap().status(), 303);
        app.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(guessed + held_back, TRIES);
    assert!((8..=40).contains(&guessed), "{guessed} guesses in {minutes} minutes");
}
