//! A5: kill −9 while people are told. What was noted is told once the service runs again, and told once.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_core::id::UserId;
use claviger_core::notification::NotificationKind;
use claviger_store::PageRequest;
use serde_json::{Value, json};

use super::{Data, Prepared, Server, prepare};

const ROUNDS: u64 = 6;
const KEYS_PER_ROUND: usize = 3;

// A5.4: of the notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_notice_is_lost_and_none_is_told_twice_however_often_the_service_is_killed() {
    let data = Data::new().await;
    let Prepared { organization, admin_key, readonly } = prepare(&data).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut user_id, mut keys) = (None, BTreeSet::new());
    for round in 0..ROUNDS {
        let mut server = Server::on(&data);
        let base = format!("{}/api/v1/organizations/{organization}", server.fact("Console"));
        let post = async |path: &str, body: Value| -> Value {
            let answer = http.post(format!("{base}{path}")).bearer_auth(&admin_key).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 201);
            answer.json().await.unwrap()
        };
        if user_id.is_none() {
            let made = post("/users", json!({ "name": "Ann" })).await["id"].as_str().unwrap().to_owned();
            post("/members", json!({ "user_id": made, "role_id": readonly })).await;
            user_id = Some(made);
        }
        for number in 0..KEYS_PER_ROUND {
            let body = json!({ "name": format!("Key {round} {number}"), "mapped_user_id": user_id });
            keys.insert(post("/keys", body).await["key"]["id"].as_str().unwrap().to_owned());
        }
        // People are told every two seconds: about then it is killed, now a little before and now a little after.
        tokio::time::sleep(Duration::from_millis(1700 + 120 * round)).await;
        server.kill();
    }
    let server = Server::on(&data);
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(server);
    let store = data.open().await;
    let user_id: UserId = user_id.unwrap().parse().unwrap();
    let mut reader = store.read().await.unwrap();
    let page = reader.page_notifications_unchecked(user_id, false, &PageRequest::first(100)).await.unwrap();
    assert!(page.rows.iter().all(|it| it.notification.kind == NotificationKind::KeyMade));
    assert_eq!(page.rows.len(), keys.len(), "none is told twice");
    let told: BTreeSet<_> = page.rows.into_iter().map(|it| it.notification.subject_id).collect();
    assert_eq!(told, keys);
    drop(reader);
    store.close().await;
}
