//! Assurance D5, for every POST of the document: under one `Idempotency-Key` a request is done once, however many send it at a time, and everybody
//! is told the same but the secret.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_core::event::Stream;
use serde_json::{Value, json};

use crate::api::client::{Answer, Client};
use crate::api::document::documented;
use crate::api::fixture::Fixture;
use crate::changes::{ASKING, OAUTHS};
use crate::every_change::{Call, calls};

const RACERS: usize = 64;

/// Changes by POST that take no `Idempotency-Key`, because saying them twice is by itself the same as saying them once: an import is known by its
/// source's digest, its lines by their numbers.
const ONCE_BY_THEMSELVES: [&str; 2] = ["append_import", "create_import"];

/// The operations that are sent by POST, and of them those that take an `Idempotency-Key`.
fn posts() -> (BTreeSet<String>, BTreeSet<String>) {
    let operations = documented().into_values().flatten().filter(|(method, _)| method == "POST");
    let (mut all, mut keyed) = (BTreeSet::new(), BTreeSet::new());
    for (_, operation) in operations {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        if parameters.into_iter().any(|it| it["name"] == "Idempotency-Key") {
            keyed.insert(id.clone());
        }
        all.insert(id);
    }
    (all, keyed)
}

fn request(client: &Client, call: &Call, key: &str, body: String) -> reqwest::RequestBuilder {
    let request = call.request(client).header("idempotency-key", key);
    request.header("content-type", "application/json").body(body)
}

/// What an answer says, without what is said once.
fn said(answer: &Answer) -> Value {
    let mut body = answer.json();
    for once in ["secret", "revealed", "shared_secret", "signing_secret", "secret_note"] {
        body.as_object_mut().map(|it| it.remove(once));
    }
    json!([answer.status, answer.header("location"), answer.header("etag"), body])
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// What is wrong with the answers to one request that was sent many times.
fn faults(answers: &[Answer]) -> Vec<String> {
    let mut faults = Vec::new();
    let in_flight = |it: &&Answer| it.status == 409 && it.text.contains("idempotency_in_flight");
    let done: Vec<_> = answers.iter().filter(|it| !in_flight(it)).collect();
    let (replays, fresh): (Vec<&Answer>, Vec<_>) = done.iter().partition(|it| is_replay(it));
    if fresh.len() != 1 {
        faults.push(format!("{} fresh answers", fresh.len()));
    }
    let different: BTreeSet<_> = done.iter().map(|it| said(it).to_string()).collect();
    if different.len() != 1 {
        faults.push(format!("{} different answers, such as {:?}", different.len(), different.iter().take(2)));
    }
    if done.iter().any(|it| !(200..300).contains(&it.status)) {
        faults.push("a refusal".to_owned());
    }
    let shows = |it: &Value| {
        ["secret", "revealed", "shared_secret"].iter().any(|once| it.get(once).is_some_and(|it| !it.is_null()))
    };
    if replays.iter().any(|it| shows(&it.json())) {
        faults.push("a secret that is shown again".to_owned());
    }
    let token = |it: &Value| {
        it.pointer("/secret/token")
            .or(it.pointer("/revealed/0/secret/token"))
            .or(it.pointer("/shared_secret"))?
            .as_str()
            .map(str::to_owned)
    };
    for token in fresh.iter().filter_map(|it| token(&it.json())) {
        if replays.iter().any(|it| it.text.contains(&token) || !it.text_at("/secret_note").contains("shown once")) {
            faults.push("a token that is shown again, or nothing that says why not".to_owned());
        }
    }
    faults
}

/// Sends the same request from so many clients at a time.
async fn race(it: &Fixture, client: &Client, call: &Call, key: &str) -> Vec<Answer> {
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (client, request) = (client.clone(), request(client, call, key, call.body.to_string()));
            it.app.app.spawn(async move { client.send(request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_every_post_that_many_send_under_one_key_one_is_done() {
    let it = Fixture::start().await;
    let calls = calls(&it).await;
    let (all, keyed) = posts();
    let others: BTreeSet<_> =
        ASKING.iter().chain(&ONCE_BY_THEMSELVES).chain(&OAUTHS).map(|it| (*it).to_owned()).collect();
    assert_eq!(all.difference(&keyed).cloned().collect::<BTreeSet<_>>(), others, "POSTs without an Idempotency-Key");
    let calls: Vec<_> = calls.into_iter().filter(|call| keyed.contains(call.operation)).collect();
    // What hosts report is known by its own identifiers besides, and leaves no event of ours: it is tried where webhooks are.
    let keyed: BTreeSet<_> = keyed.into_iter().filter(|it| it != "report_events").collect();
    assert_eq!(calls.len(), keyed.len());

    let head = async || it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap().seq;
    let mut first = Vec::new();
    for call in &calls {
        let events = head().await;
        let answers = race(&it, &it.admin, call, call.operation).await;
        assert_eq!(faults(&answers), [""; 0], "{}", call.operation);
        assert_eq!(head().await, events + 1, "{} changed something once", call.operation);
        first.push(said(answers.iter().find(|it| it.status < 300).unwrap()));
        // The same with one space more is another request.
        let other = it.admin.send(request(&it.admin, call, call.operation, format!("{} ", call.body))).await;
        assert_eq!(other.refusal(), (422, "idempotency_mismatch".to_owned()), "{}", call.operation);
    }
    // Whatever has changed since, for as long as answers are kept.
    it.app.clock.advance(Duration::from_secs(23 * 60 * 60));
    let events = head().await;
    for (call, first) in calls.iter().zip(&first) {
        let again = it.admin.send(request(&it.admin, call, call.operation, call.body.to_string())).await;
        assert!(is_replay(&again), "{}: {again:?}", call.operation);
        assert_eq!(said(&again), *first, "{}", call.operation);
    }
    assert_eq!(head().await, events);
}

#[tokio::test]
async fn what_takes_no_key_is_the_same_when_it_is_said_twice() {
    let it = Fixture::start().await;
    let head = async || it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap().seq;
    let mut calls: Vec<_> =
        calls(&it).await.into_iter().filter(|call| ONCE_BY_THEMSELVES.contains(&call.operation)).collect();
    let role = it.built_in_role("readonly").await;
    let source = json!({"source_digest": "12".repeat(32), "source_name": "more.csv", "role_id": role});
    calls.push(Call {
        operation: "create_import",
        method: "POST",
        path: it.at("/imports"),
        body: source,
        cookie: None,
    });
    assert_eq!(calls.len(), ONCE_BY_THEMSELVES.len());
    for call in calls {
        let first = call.send(&it).await;
        assert!(first.status < 300, "{first:?}");
        let events = head().await;
        let again = call.send(&it).await;
        assert_eq!(said(&again), said(&first), "{}", call.operation);
        assert_eq!(head().await, events, "{}", call.operation);
    }
}

// The control: a service that does not know the header does it again each time, and shows each secret.
#[tokio::test]
async fn a_service_that_forgets_is_found_out() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let it = Fixture::start().await;
    let made = Arc::new(AtomicU32::new(0));
    let forgetful = axum::Router::new().fallback(async move || {
        let id = made.fetch_add(1, Ordering::Relaxed);
        let replayed = if id.is_multiple_of(2) { "true" } else { "false" };
        (
            [("idempotency-replayed", replayed)],
            axum::Json(json!({"key": {"id": id}, "secret": {"token": "same"}, "secret_note": ""})),
        )
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), None).of_a_double();
    it.app.app.spawn(async move { axum::serve(listener, forgetful).await });
    let call = Call { operation: "create_key", method: "POST", path: "/".to_owned(), body: json!({}), cookie: None };
    let found = faults(&race(&it, &client, &call, "key").await);
    let begins =
        ["32 fresh answers", "64 different answers", "a secret that is shown again", "a token that is shown again"];
    for begin in begins {
        assert!(found.iter().any(|it| it.starts_with(begin)), "{begin} is not in {found:?}");
    }
}
