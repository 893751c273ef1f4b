//! GitHub's alerts about leaked keys, from a stand-in for GitHub that signs with a key of its own and lists it.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use claviger::config::Config;
use claviger::ops::notifications::mail::send_due;
use claviger::ops::notifications::{list_notifications, read_log};
use claviger::ops::page::PageRequest;
use claviger_core::limits::{GITHUB_ALERT_BYTES_MAX, GITHUB_ALERT_TOKENS_MAX, GITHUB_KEYS_BYTES_MAX};
use claviger_core::notification::NotificationKind::KeyLeaked;
use claviger_core::notification::NotificationState::{Unread, Withdrawn};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::Answer;
use super::fixture::Fixture;
use super::log::Log;
use crate::app::TestApp;
use crate::ops::mail_sink::{mailing, plain, receiver};
use crate::webhooks::receiver::{Manner, Receiver};
use crate::webhooks::world::open_config;

const PATH: &str = "/api/v1/leaks/github";
const PAUSE: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key that GitHub could sign with.
struct Signer {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        Self { id, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap() }
    }

    fn listed(&self) -> Value {
        // An EC public key on P-256 (RFC 5480) and its point, written as GitHub does.
        let head = HEXLOWER.decode(b"3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let der = BASE64.encode(&[&head, self.pair.public_key().as_ref()].concat());
        let (first, second) = der.split_at(64);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n");
        json!({"key_identifier": self.id, "key": pem, "is_current": true})
    }

    fn sign(&self, body: &[u8]) -> String {
        BASE64.encode(self.pair.sign(&SystemRandom::new(), body).unwrap().as_ref())
    }
}

fn list(signers: &[&Signer]) -> Manner {
    let keys: Vec<_> = signers.iter().map(|it| it.listed()).collect();
    Manner::with(200, "Content-Type: application/json\r\n", &json!({ "public_keys": keys }).to_string())
}

struct World {
    it: Fixture,
    github: Receiver,
    signer: Signer,
}

impl World {
    async fn start() -> Self {
        let signer = Signer::new("f00d");
        let github = Receiver::new(list(&[&signer])).await;
        let mut config = open_config();
        config.github_alerts = Some(github.target());
        Self { it: Fixture::around(TestApp::with_config(config).await).await, github, signer }
    }

    async fn send(&self, id: &str, signature: &str, body: Vec<u8>) -> Answer {
        let anybody = self.it.admin.without();
        let request = anybody.request("POST", PATH).header("content-type", "application/json");
        let request =
            request.header("Github-Public-Key-Identifier", id).header("Github-Public-Key-Signature", signature);
        anybody.send(request.body(body)).await
    }

    /// An alert as GitHub sends it.
    async fn alert(&self, tokens: &[&str]) -> Answer {
        let body = body(tokens);
        self.send(self.signer.id, &self.signer.sign(&body), body).await
    }
}

fn body(tokens: &[&str]) -> Vec<u8> {
    let found = |token: &&str| json!({"token": token, "type": "claviger_api_key", "url": "https://github.com/a/b/blob/c/d.txt", "source": "commit"});
    serde_json::to_vec(&tokens.iter().map(found).collect::<Vec<_>>()).unwrap()
}

fn hash(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token))
}

// S2.18: a key that GitHub finds in public is ended within the request that tells of it.
#[tokio::test]
async fn a_key_that_github_finds_is_ended_and_github_is_told_that_it_was_one() {
    let log = Log::captured();
    let world = World::start().await;
    let it = &world.it;
    let below = it.create_organization("Below").await;
    let path = format!("/api/v1/organizations/{below}");
    it.admin.patch(&format!("{path}/policy"), json!({"leak_action": "notify"})).await.expect(200);
    let ended = it.create_key(json!({"name": "Ended"})).await;
    let kept =
        super::fixture::Made::of(&it.admin.post(&format!("{path}/keys"), json!({"name": "Kept"})).await.expect(201));
    let strange = format!("{}x", ended.token);
    let answer = world.alert(&[&ended.token, &kept.token, &strange, "nobody's"]).await.expect(200);
    let label =
        |token: &str, label: &str| json!({"token_hash": hash(token), "token_type": "claviger_api_key", "label": label});
    let expected = json!([
        label(&ended.token, "true_positive"),
        label(&kept.token, "true_positive"),
        label(&strange, "false_positive"),
        label("nobody's", "false_positive"),
    ]);
    assert_eq!(answer.json(), expected);
    assert_eq!(it.admin.with(&ended.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
    it.admin.with(&kept.token).get("/api/v1/me").await.expect(200);
    let event =
        it.admin.get(&it.at("/events?limit=1&operation=key.revoked")).await.expect(200).json()["data"][0].clone();
    assert_eq!((&event["actor"]["job"], &event["entity"]["id"]), (&json!("github-alert"), &json!(ended.id)));
    assert_eq!(event["after"]["leak"]["found_at"], "GitHub (commit): https://github.com/a/b/blob/c/d.txt");
    let event = it.admin.get(&format!("{path}/events?limit=1")).await.expect(200);
    assert_eq!(event.text_at("/data/0/operation"), "key.leak_reported");
    read_log(&it.app.app).await.unwrap();
    let told = list_notifications(&it.app.app, &it.app.admin, true, PageRequest::default()).await.unwrap().items;
    let told: BTreeSet<_> =
        told.iter().map(|it| (it.notification.kind == KeyLeaked, it.notification.facts.is_ended)).collect();
    assert_eq!(told, BTreeSet::from([(true, false), (true, true)]), "people learn of both");
    // Once more: it is dead, and was ours.
    let again = world.alert(&[&ended.token]).await.expect(200);
    assert_eq!(again.json(), json!([label(&ended.token, "true_positive")]));
    assert_eq!(world.github.connections(), 1, "the list is fetched once");
    assert!(!log.text().contains(&ended.secret_key) && !answer.text.contains(&ended.secret_key));
    assert_eq!(super::secrecy::leaks(&ended, crate::engine::Stored::of(it.app.app.store()).await.path()), [""; 0]);
}

// S2.18: where policy leaves a key as it is, people are all that stands between it and who found it.
#[tokio::test]
async fn what_policy_leaves_good_is_told_at_the_bell_and_by_mail_and_a_replay_does_not_tell_it_twice() {
    let (port, got) = receiver(0).await;
    let signer = Signer::new("f00d");
    let github = Receiver::new(list(&[&signer])).await;
    let allowed = open_config().webhook_allow_networks;
    let config = Config { github_alerts: Some(github.target()), webhook_allow_networks: allowed, ..mailing(port) };
    let world = World { it: Fixture::around(TestApp::without_jobs(config).await).await, github, signer };
    let it = &world.it;
    it.admin.patch(&it.at("/policy"), json!({"leak_action": "notify"})).await.expect(200);
    let key = it.create_key(json!({"name": "Kept"})).await;
    // The same bytes under the same signature: as GitHub repeats it, or somebody who has recorded it.
    let sent = body(&[&key.token]);
    let signature = world.signer.sign(&sent);
    let mut states = Vec::new();
    for _ in 0..2 {
        let answer = world.send("f00d", &signature, sent.clone()).await.expect(200);
        assert_eq!(answer.text_at("/0/label"), "true_positive");
        read_log(&it.app.app).await.unwrap();
        let told = list_notifications(&it.app.app, &it.app.admin, false, PageRequest::default()).await.unwrap().items;
        assert!(told.iter().all(|it| it.notification.kind == KeyLeaked && !it.notification.facts.is_ended), "{told:?}");
        states.push(told.iter().map(|it| it.notification.state).collect::<Vec<_>>());
        it.app.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(states, [vec![Unread], vec![Unread, Withdrawn]]);
    it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
    let reports = it.admin.get(&it.at("/events?operation=key.leak_reported")).await.expect(200).json();
    assert_eq!(reports["data"].as_array().map(Vec::len), Some(2), "each is on record");

    it.app.clock.advance(Duration::from_secs(600));
    send_due(&it.app.app).await.unwrap();
    let mails: Vec<_> = got.lock().unwrap().iter().map(|it| plain(it)).collect();
    let [mail] = &mails[..] else { panic!("one mail: {mails:?}") };
    let page = format!("https://keys.example.com/o/root/keys/{}", key.id);
    for part in ["Subject: An API key leaked", "Key “Kept” leaked, and was left as it is", page.as_str()] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    assert!(
        !mail.contains(&key.secret_key) && !mail.contains("github.com"),
        "no secret, and no words of others: {mail}"
    );
}

#[tokio::test]
async fn what_github_has_not_signed_ends_nothing() {
    let world = World::start().await;
    let key = world.it.create_key(json!({"name": "Good"})).await;
    let good = body(&[&key.token]);
    let stranger = Signer::new("f00d");
    let mut changed = good.clone();
    changed.push(b' ');
    let signature = world.signer.sign(&good);
    for (id, signature, body) in [
        ("f00d", stranger.sign(&good), good.clone()),
        ("f00d", signature.clone(), changed),
        ("f00d", signature.clone(), body(&[])),
        ("f00d", String::new(), good.clone()),
        ("f00d", "%%%".to_owned(), good.clone()),
        ("f00e", signature.clone(), good.clone()),
        ("", signature.clone(), good.clone()),
        ("f00d", stranger.sign(b"not json"), b"not json".to_vec()),
    ] {
        let answer = world.send(id, &signature, body).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated".into()), "{id} {signature}");
        assert!(answer.text_at("/fix").contains("GitHub has signed"), "{answer:?}");
    }
    world.it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
    // The control: the same bytes with their signature.
    world.send("f00d", &signature, good).await.expect(200);
    assert_eq!(world.it.admin.with(&key.token).get("/api/v1/me").await.status, 401);
}

#[tokio::test]
async fn an_alert_without_its_headers_is_told_which_it_lacks() {
    let world = World::start().await;
    let lacks_key = "This alert lacks its header `Github-Public-Key-Identifier`.";
    let lacks_signature = "This alert lacks its header `Github-Public-Key-Signature`.";
    let lacks_both = "This alert lacks its headers `Github-Public-Key-Identifier` and `Github-Public-Key-Signature`.";
    let signature = world.signer.sign(b"[]");
    for (id, signature, detail) in
        [("", "", lacks_both), ("", signature.as_str(), lacks_key), ("f00d", "", lacks_signature)]
    {
        let answer = world.send(id, signature, b"[]".to_vec()).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated".into()));
        assert_eq!(answer.text_at("/detail"), detail);
    }
    // What nobody says anything of is an alert without headers too.
    let bare = world.it.admin.without().post(PATH, json!([])).await;
    assert_eq!((bare.status, bare.text_at("/detail").as_str()), (401, lacks_both));
}

#[tokio::test]
async fn what_is_signed_and_no_alert_or_too_large_is_refused_in_words() {
    let world = World::start().await;
    for text in ["", "{}", "null", "[1]", r#"[{"token": "x"}]"#, "[[[["] {
        let answer = world.send("f00d", &world.signer.sign(text.as_bytes()), text.into()).await;
        assert_eq!(answer.refusal(), (400, "invalid_body".into()), "{text}");
    }
    let many = body(&vec!["x"; GITHUB_ALERT_TOKENS_MAX + 1]);
    let answer = world.send("f00d", &world.signer.sign(&many), many).await;
    assert_eq!(answer.refusal(), (413, "body_too_large".into()));
    let mut large = vec![b' '; GITHUB_ALERT_BYTES_MAX + 1];
    let answer = world.send("f00d", &world.signer.sign(&large), large.clone()).await;
    assert_eq!(answer.refusal(), (413, "body_too_large".into()));
    large.truncate(GITHUB_ALERT_BYTES_MAX - 2);
    large.extend(b"[]");
    assert_eq!(world.send("f00d", &world.signer.sign(&large), large).await.expect(200).text, "[]");
    let got = world.it.admin.without().get(PATH).await;
    assert_eq!((got.status, got.header("allow")), (405, "POST"));
}

// Whoever sends made-up names of keys makes this server ask GitHub no more often.
#[tokio::test]
async fn a_key_that_the_list_lacks_has_it_fetched_again_and_not_at_every_alert() {
    let world = World::start().await;
    world.alert(&[]).await.expect(200);
    let next = Signer::new("f00e");
    world.github.becomes(list(&[&world.signer, &next]));
    let body = body(&[]);
    let send = async || world.send(next.id, &next.sign(&body), body.clone()).await.status;
    for _ in 0..3 {
        assert_eq!(send().await, 401, "it was fetched a moment ago");
    }
    assert_eq!(world.github.connections(), 1);
    world.it.app.clock.advance(PAUSE);
    assert_eq!(send().await, 200);
    assert_eq!(send().await, 200);
    assert_eq!(world.github.received().len(), 2);
}

#[tokio::test]
async fn an_old_list_is_no_list_and_one_that_cannot_be_had_refuses_for_now() {
    let world = World::start().await;
    world.alert(&[]).await.expect(200);
    // While the list is good, it does not matter what GitHub does.
    for manner in [Manner::status(500), Manner::Reset, Manner::status(302)] {
        world.github.becomes(manner);
        world.it.app.clock.advance(PAUSE);
        world.alert(&[]).await.expect(200);
    }
    world.it.app.clock.advance(DAY);
    let long = " ".repeat(GITHUB_KEYS_BYTES_MAX + 1);
    for manner in [
        Manner::status(500),
        Manner::Reset,
        Manner::with(302, "Location: http://127.0.0.1/\r\n", ""),
        Manner::with(200, "", "not json"),
        Manner::with(200, "", r#"{"public_keys": []}"#),
        Manner::with(200, "", &long),
        Manner::Endless,
    ] {
        world.github.becomes(manner.clone());
        let answer = world.alert(&[]).await;
        assert_eq!(answer.refusal(), (503, "unavailable".into()), "{manner:?}");
        assert!(!answer.header("retry-after").is_empty());
        world.it.app.clock.advance(PAUSE);
    }
    world.github.becomes(list(&[&world.signer]));
    world.alert(&[]).await.expect(200);
    // Gone from the list: what it signs is good no more.
    world.github.becomes(list(&[&Signer::new("f00f")]));
    world.it.app.clock.advance(DAY);
    assert_eq!(world.alert(&[]).await.status, 401);
}

#[tokio::test]
async fn where_it_is_not_switched_on_or_leads_within_nothing_is_taken() {
    let it = Fixture::start().await;
    let signer = Signer::new("f00d");
    let body = body(&[]);
    let anybody = it.admin.without();
    let request = anybody.request("POST", PATH).header("github-public-key-identifier", "f00d");
    let request = request.header("github-public-key-signature", signer.sign(&body)).body(body.clone());
    assert_eq!(anybody.send(request).await.refusal(), (404, "not_found".into()));

    let github = Receiver::new(list(&[&signer])).await;
    let config = claviger::config::Config { github_alerts: Some(github.target()), ..crate::app::config() };
    let it = Fixture::around(TestApp::with_config(config).await).await;
    let anybody = it.admin.without();
    let request = anybody.request("POST", PATH).header("github-public-key-identifier", "f00d");
    let request = request.header("github-public-key-signature", signer.sign(&body)).body(body);
    assert_eq!(anybody.send(request).await.refusal(), (503, "unavailable".into()), "a private network is not called");
    assert_eq!(github.connections(), 0);
}
