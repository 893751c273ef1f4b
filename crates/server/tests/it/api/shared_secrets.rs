//! Shared secrets that were replaced, over HTTP: ended early, or left good for longer.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::fixture::{Fixture, Made};

const HOUR: Duration = Duration::from_secs(3600);

/// An organization whose shared secret was rotated with an hour of overlap, and a key that signs in there.
struct Overlapping {
    it: Fixture,
    key: Made,
    old: String,
    new: String,
}

impl Overlapping {
    async fn start() -> Self {
        let it = Fixture::start().await;
        let key = it.create_key(json!({"name": "ci"})).await;
        let old = it.admin.post(&it.at("/shared-secret"), json!({})).await.expect(201).text_at("/shared_secret");
        let mut at = Self { it, key, new: String::new(), old };
        at.it.app.clock.advance(HOUR);
        at.new = at.rotate().await;
        at
    }

    async fn rotate(&self) -> String {
        let path = self.it.at("/shared-secret/rotate");
        self.it.admin.post(&path, json!({"overlap_secs": 3600})).await.expect(200).text_at("/shared_secret")
    }

    /// Whether a client that signs with this shared secret gets in now.
    async fn signs_in(&self, secret: &str, jti: &str) -> bool {
        self.sign_in(secret, jti).await.is_some()
    }

    /// The access token that a client gets who signs with this shared secret, if it gets in.
    async fn sign_in(&self, secret: &str, jti: &str) -> Option<String> {
        let claims = json!({
            "iat": self.it.app.now().as_secs(), "jti": jti, "appname": "ci", "appkey": self.key.token, "shortname": "root"
        });
        let jwt =
            jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        let answer = self.it.admin.without().post("/api/v1/auth/token", json!({ "jwt": jwt })).await;
        assert!([200, 401].contains(&answer.status), "{answer:?}");
        (answer.status == 200).then(|| answer.text_at("/access_token"))
    }

    /// What is answered to an access token.
    async fn asks(&self, token: &str) -> u16 {
        self.it.admin.without().with(token).get("/api/v1/me").await.status
    }

    async fn list(&self) -> Vec<Value> {
        let list = self.it.admin.get(&self.it.at("/shared-secret")).await.expect(200).json();
        list["data"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn an_old_shared_secret_ends_early_and_only_the_one_that_is_named() {
    let at = Overlapping::start().await;
    at.it.app.clock.advance(Duration::from_secs(60));
    let newest = at.rotate().await;
    let list = at.list().await;
    assert_eq!(
        list.iter().map(|it| it["state"].as_str().unwrap()).collect::<Vec<_>>(),
        ["current", "retiring", "retiring"]
    );
    let path = at.it.at("/shared-secret/rotation/end");
    let named = |place: usize| json!({"shared_secret_id": list[place]["id"]});
    assert_eq!(at.it.admin.post(&path, named(0)).await.refusal(), (409, "state_conflict".into()), "it is no old one");
    let left = at.it.admin.post(&path, named(2)).await.expect(200).json();
    assert_eq!(left["data"].as_array().unwrap().len(), 2);
    assert!(!at.signs_in(&at.old, "1").await);
    assert!(at.signs_in(&at.new, "2").await && at.signs_in(&newest, "3").await);
    assert_eq!(at.it.admin.post(&path, named(2)).await.refusal(), (400, "invalid_field".into()), "it is gone");
    for _ in 0..2 {
        at.it.admin.post(&path, json!({})).await.expect(200);
        assert!(!at.signs_in(&at.new, "4").await && at.list().await.len() == 1);
    }
    assert!(at.signs_in(&newest, "5").await);
    let events = at.it.admin.get(&at.it.at("/events?operation=shared_secret.rotation_ended")).await.expect(200).json();
    assert_eq!(events["data"].as_array().unwrap().len(), 2, "one for each that ended something: {events}");
}

#[tokio::test]
async fn an_old_shared_secret_works_for_longer_as_far_as_policy_lets_it() {
    let at = Overlapping::start().await;
    let path = at.it.at("/shared-secret/rotation/extend");
    let until = |later: Duration| json!({"until": at.it.app.now().saturating_add(later).to_string()});
    assert_eq!(at.it.admin.post(&path, until(HOUR)).await.refusal(), (400, "invalid_field".into()), "it is no later");
    let extended = at.it.admin.post(&path, until(3 * HOUR)).await.expect(200).json();
    assert_eq!(extended["data"][1]["retiring_until"], until(3 * HOUR)["until"]);
    // Counted from when it was replaced.
    at.it.app.clock.advance(2 * HOUR);
    assert!(at.signs_in(&at.old, "1").await);
    let days = Duration::from_secs(30 * 24 * 3600);
    assert_eq!(at.it.admin.post(&path, until(days)).await.refusal(), (403, "policy_denied".into()));
    at.it.admin.post(&path, until(days - 2 * HOUR)).await.expect(200);
    at.it.app.clock.advance(days - 2 * HOUR);
    assert!(!at.signs_in(&at.old, "2").await && at.signs_in(&at.new, "3").await);
    assert_eq!(
        at.it.admin.post(&path, until(HOUR)).await.refusal(),
        (409, "state_conflict".into()),
        "it never revives"
    );
    let events = at.it.admin.get(&at.it.at("/events?operation=shared_secret.rotation_extended")).await.expect(200);
    assert_eq!(events.json()["data"].as_array().unwrap().len(), 2);
    assert!(!events.text.contains(&at.old) && !events.text.contains(&at.new));
}

#[tokio::test]
async fn an_access_token_ends_with_the_shared_secret_it_was_got_by_and_with_no_other() {
    let at = Overlapping::start().await;
    let by_key = at.it.admin.without().with(&at.key.token);
    let (first, second) = (at.sign_in(&at.old, "1").await.unwrap(), at.sign_in(&at.new, "2").await.unwrap());
    assert_eq!((at.asks(&first).await, at.asks(&second).await), (200, 200));
    at.it.admin.post(&at.it.at("/shared-secret/rotation/end"), json!({})).await.expect(200);
    assert_eq!((at.asks(&first).await, at.asks(&second).await), (401, 200), "ended early");

    // An overlap that is shorter than a token is good for.
    let path = at.it.at("/shared-secret/rotate");
    let rotate = async |overlap: u64| {
        at.it.admin.post(&path, json!({ "overlap_secs": overlap })).await.expect(200).text_at("/shared_secret")
    };
    let third = rotate(60).await;
    let third_token = at.sign_in(&third, "3").await.unwrap();
    let late = at.sign_in(&at.new, "late").await.unwrap();
    let payload = BASE64URL_NOPAD.decode(late.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["exp"], at.it.app.now().as_secs() + 60, "for no longer than the secret it was got by");
    at.it.app.clock.advance(Duration::from_secs(59));
    assert_eq!((at.asks(&second).await, at.asks(&third_token).await), (200, 200));
    let until = json!({"until": at.it.app.now().saturating_add(Duration::from_secs(61)).to_string()});
    at.it.admin.post(&at.it.at("/shared-secret/rotation/extend"), until).await.expect(200);
    at.it.app.clock.advance(Duration::from_secs(60));
    assert_eq!(at.asks(&second).await, 200, "extended");
    let looked = at.it.admin.send(at.it.admin.request("POST", "/oauth/introspect").form(&[("token", &second)])).await;
    let looked = looked.expect(200).json();
    assert_eq!(looked["exp"], at.it.app.now().as_secs() + 1, "and it says when it ends");
    at.it.app.clock.advance(Duration::from_secs(1));
    assert_eq!((at.asks(&second).await, at.asks(&third_token).await), (401, 200));
    claviger::jobs::purge(&at.it.app.app).await.unwrap();
    assert_eq!(at.asks(&second).await, 401, "also when the secret itself is cleared away");

    let fourth = rotate(0).await;
    let fourth_token = at.sign_in(&fourth, "4").await.unwrap();
    assert_eq!((at.asks(&third_token).await, at.asks(&fourth_token).await), (401, 200), "rotated at once");
    at.it.admin.send(at.it.admin.request("DELETE", &at.it.at("/shared-secret"))).await.expect(204);
    assert_eq!(at.asks(&fourth_token).await, 401, "deleted");
    by_key.get("/api/v1/me").await.expect(200);
}
