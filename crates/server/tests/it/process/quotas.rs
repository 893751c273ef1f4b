//! D8: quotas of a day when the process ends, asked to or killed. Never more passes than the quota allows, and after an orderly end exactly that.

use std::time::Duration;

use claviger_core::quota::day_of;
use serde_json::{Value, json};

use super::{Data, Prepared, Server, prepare};
use crate::app::now;

const QUOTA: u64 = 10_000;

/// Who asks a server about a key.
struct Asking {
    http: reqwest::Client,
    admin_key: String,
}

impl Asking {
    async fn post(&self, server: &Server, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/v1{path}", server.fact("Console"));
        let answer = self.http.post(url).bearer_auth(&self.admin_key).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.unwrap()
    }

    /// Uses a key so many times; all of them pass.
    async fn use_key(&self, server: &Server, token: &str, times: usize) {
        let body = json!({"requests": vec![json!({"key": token}); times]});
        let answer = self.post(server, "/verify/batch", &body).await;
        let answers = answer["answers"].as_array().unwrap();
        assert!(answers.len() == times && answers.iter().all(|it| it["allowed"] == true), "{answer}");
    }

    /// What is left of its quota.
    async fn left(&self, server: &Server, token: &str) -> u64 {
        let answer = self.post(server, "/verify", &json!({"key": token, "explain": true})).await;
        answer["limits"]["daily_quota"]["remaining"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn a_quota_survives_the_end_of_the_process_and_a_killed_one_gives_nothing_back() {
    let data = Data::new().await;
    let Prepared { organization, admin_key, .. } = prepare(&data).await;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let asking = Asking { http, admin_key };
    let today = day_of(now());

    let mut server = Server::on(&data);
    let new = json!({"name": "Website", "limits": {"daily_quota": QUOTA}});
    let made = asking.post(&server, &format!("/organizations/{organization}/keys"), &new).await;
    let token = made["secret"]["token"].as_str().unwrap();
    asking.use_key(&server, token, 300).await;
    let before_the_end = asking.left(&server, token).await;
    assert_eq!(server.terminate(), Some(0));

    let mut server = Server::on(&data);
    let after_the_end = asking.left(&server, token).await;
    asking.use_key(&server, token, 300).await;
    // Longer than it takes to be written down.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before_the_kill = asking.left(&server, token).await;
    server.kill();

    let server = Server::on(&data);
    let after_the_kill = asking.left(&server, token).await;
    if day_of(now()) != today {
        // At midnight all begins anew, and nothing can be said of what was used before.
        return;
    }
    assert_eq!((before_the_end, after_the_end), (QUOTA - 300, QUOTA - 300));
    assert_eq!(before_the_kill, QUOTA - 600);
    // What was written ahead is lost to the key: at most twice what the last moments took.
    assert!((QUOTA - 1200..=QUOTA - 600).contains(&after_the_kill), "{after_the_kill}");
}
