//! What operators' machines ask, and from where requests are taken to come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use claviger::app::App;
use claviger::clock::SystemClock;
use claviger::service::{Service, Sockets};
use claviger_core::network::IpAllowList;
use claviger_core::time::{Clock, Timestamp};
use claviger_store::Store;
use serde_json::Value;

use crate::api::log::Log;
use crate::app::{TestApp, config, master_key, new_key, permissions, refused, seeded};

async fn get(test: &TestApp, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = reqwest::Client::builder().no_proxy().build().unwrap().get(test.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_for_keys_that_may_read_them() {
    let test = TestApp::new().await;
    let (status, text) = get(&test, "/metrics", &[]).await;
    assert!(status == 200 && text.contains("claviger_replica_keys 1.0"), "{text}");

    // A proxy on this machine passes on what comes from elsewhere.
    let from_outside = ("x-forwarded-for", "203.0.113.7");
    assert_eq!(get(&test, "/metrics", &[from_outside]).await.0, 401);
    let bearer = format!("Bearer {}", test.first_key.expose());
    assert_eq!(get(&test, "/metrics", &[from_outside, ("authorization", &bearer)]).await.0, 200);
    let mut other = new_key("Other");
    other.scopes = Some(permissions(&["contacts:*"]));
    let other = test.create_key(&test.admin, test.root, other).await.unwrap();
    let bearer = format!("Bearer {}", other.token.expose());
    assert_eq!(get(&test, "/metrics", &[from_outside, ("authorization", &bearer)]).await.0, 403);
}

#[tokio::test]
async fn answers_are_counted_by_their_class() {
    let test = TestApp::new().await;
    get(&test, "/api/v1/me", &[]).await;
    get(&test, "/healthz", &[]).await;
    let (_, text) = get(&test, "/metrics", &[]).await;
    for line in ["claviger_http_answers_total{status=\"4xx\"} 1", "claviger_http_answers_total{status=\"2xx\"} 1"] {
        assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
    }
}

// Without trusted proxies a forwarded address is an assertion of the client's, and opens nothing.
#[tokio::test]
async fn an_allow_list_is_not_opened_by_what_a_client_says_of_itself() {
    let test = TestApp::new().await;
    let mut new = new_key("From the office");
    new.allowed_ips = Some(IpAllowList::parse(&["203.0.113.0/24"]).unwrap());
    let created = test.create_key(&test.admin, test.root, new).await.unwrap();
    let bearer = format!("Bearer {}", created.token.expose());
    let headers = [("x-forwarded-for", "203.0.113.7"), ("authorization", &bearer)];
    let (status, text) = get(&test, "/api/v1/me", &headers).await;
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &problem["code"]), (403, &"ip_not_allowed".into()));
}

#[tokio::test]
async fn unknown_paths_are_answered_by_the_surface_they_stand_in() {
    let test = TestApp::new().await;
    for (path, kind) in [
        ("/api/v1/nothing", "application/problem+json"),
        ("/nothing", "text/html"),
        ("/apix", "text/html"),
        ("/authz", "application/problem+json"),
    ] {
        let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(test.url(path)).send().await.unwrap();
        let found = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(answer.status() == 404 && found.starts_with(kind), "{path}: {} {found}", answer.status());
    }
    // A gateway that was pointed at the wrong port is told which one is right.
    let problem: Value = serde_json::from_str(&get(&test, "/authz", &[]).await.1).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("--authz-listen"), "{problem}");
}

#[tokio::test]
async fn a_stopped_service_takes_no_change() {
    let test = TestApp::new().await;
    test.app.shut_down().await;
    let refusal = refused(test.create_key(&test.admin, test.root, new_key("Too late")).await);
    assert_eq!(refusal.http_status(), 503);
}

/// A clock that breaks whoever asks it while it is told to: not only the first, which may be any job.
#[derive(Debug, Default)]
struct Trap(AtomicBool);

impl Clock for Trap {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "the clock broke");
        SystemClock.now()
    }
}

#[tokio::test]
async fn a_node_that_no_longer_follows_the_log_is_not_ready() {
    let log = Log::captured();
    let (clock, randomness, config) = (Arc::new(Trap::default()), seeded(1), config());
    let (sockets, store) = (Sockets::bind(&config).unwrap(), Store::throwaway(randomness()).await.unwrap());
    let app = App::start(config, store, clock.clone(), randomness, master_key());
    let service = Service::start(app.clone(), sockets, None).unwrap();
    app.follower().ready().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async || {
        let answer = client.get(format!("{}/readyz", service.base_url())).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask().await, (200, "ready\n".to_owned()));
    clock.0.store(true, Ordering::SeqCst);
    while !app.follower().has_ended() {
        tokio::task::yield_now().await;
    }
    clock.0.store(false, Ordering::SeqCst);
    let (status, text) = ask().await;
    assert!(status == 503 && text.contains("restart this node"), "{status} {text}");
    while !log.text().contains("the task that follows the log broke") {
        tokio::task::yield_now().await;
    }
    service.stop().await;
}

#[tokio::test]
async fn the_log_names_the_setting_that_a_proxy_in_front_needs() {
    let log = Log::captured();
    let test = TestApp::new().await;
    get(&test, "/healthz", &[("x-forwarded-for", "203.0.113.7")]).await;
    assert!(log.text().contains("name it in --trusted-proxies"));
}
