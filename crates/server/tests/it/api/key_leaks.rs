//! Leaks that are reported by hand.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::client::Client;
use super::fixture::Fixture;
use super::log::Log;

async fn report(client: &Client, it: &Fixture, body: Value) -> (String, Value) {
    let answer = client.post(&it.at("/leaks"), body).await.expect(200).json();
    (answer["outcome"].as_str().unwrap().to_owned(), answer["key"]["id"].clone())
}

// S2.18: a compromised key is ended by whoever finds its secret, whole or in two parts, in this organization or below.
#[tokio::test]
async fn a_leaked_secret_ends_its_key_whatever_form_it_was_found_in() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let path = format!("/api/v1/organizations/{below}/keys");
    let there = super::fixture::Made::of(&it.admin.post(&path, json!({"name": "There"})).await.expect(201));
    let [whole, pair, rotated] = [
        it.create_key(json!({"name": "Whole"})).await,
        it.create_key(json!({"name": "Pair"})).await,
        it.create_key(json!({"name": "Rotated"})).await,
    ];
    it.rotate(&rotated.id, json!({"overlap_secs": 3600})).await;
    let cases = [
        (&whole, json!({"key": format!(" {}\n", whole.token)})),
        (
            &pair,
            json!({"access_key": pair.access_key, "secret_key": pair.secret_key, "found_at": "a public repository"}),
        ),
        (&rotated, json!({"key": rotated.token})),
        (&there, json!({"key": there.token})),
    ];
    for (key, body) in cases {
        assert_eq!(report(&it.admin, &it, body.clone()).await, ("revoked".into(), json!(key.id)));
        assert_eq!(it.admin.with(&key.token).get("/api/v1/me").await.refusal(), (401, "revoked".into()));
        assert_eq!(report(&it.admin, &it, body).await, ("dead".into(), json!(key.id)));
    }
    let shown = it.admin.get(&it.at(&format!("/keys/{}", whole.id))).await.expect(200);
    assert_eq!(shown.text_at("/revocation/reason"), "key_compromise");
    assert_eq!(shown.json()["last_use"], Value::Null, "a report is no use");
}

// A token is not its key: with a report all tokens of its sign-in end, and the key stays.
#[tokio::test]
async fn a_leaked_token_of_either_kind_ends_its_sign_in_and_not_its_key() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "ci"})).await;
    let secret = it.admin.post(&it.at("/shared-secret"), json!({})).await.expect(201).text_at("/shared_secret");
    let sign_in = async |jti: &str| {
        let iat = it.app.now().as_secs();
        let claims = json!({"iat": iat, "jti": jti, "appname": "ci", "appkey": key.token, "shortname": "root"});
        let signed = EncodingKey::from_secret(secret.as_bytes());
        let jwt = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &signed).unwrap();
        it.admin.without().post("/api/v1/auth/token", json!({ "jwt": jwt })).await.expect(200)
    };
    for kind in ["access_token", "refresh_token"] {
        let said = sign_in(kind).await;
        let token = said.text_at(&format!("/{kind}"));
        let body = json!({"key": token, "found_at": "a public repository"});
        assert_eq!(report(&it.admin, &it, body.clone()).await, ("token_ended".into(), json!(key.id)), "{kind}");
        let bearer = it.admin.with(&said.text_at("/access_token"));
        assert_eq!(bearer.get("/api/v1/me").await.refusal(), (401, "revoked".into()));
        assert_eq!(report(&it.admin, &it, body).await, ("dead".into(), json!(key.id)));
        let events = it.admin.get(&it.at("/events?limit=1")).await.expect(200);
        assert_eq!(events.text_at("/data/0/operation"), "sign_in.ended");
        assert_eq!(events.text_at("/data/0/after/leak/found_at"), "a public repository");
    }
    it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
    let over = sign_in("over").await.text_at("/access_token");
    it.app.clock.advance(std::time::Duration::from_secs(900));
    assert_eq!(report(&it.admin, &it, json!({"key": over})).await, ("dead".into(), json!(key.id)));
    let stranger = it.create_key(json!({"name": "Reader", "scopes": ["*:read"]})).await;
    let live = sign_in("live").await.text_at("/access_token");
    let refused = it.admin.with(&stranger.token).post(&it.at("/leaks"), json!({"key": live})).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    it.admin.with(&live).get("/api/v1/me").await.expect(200);
}

// A secret that was replaced and is dead ends nothing.
#[tokio::test]
async fn a_dead_secret_of_a_good_key_ends_nothing() {
    let it = Fixture::start().await;
    let old = it.create_key(json!({"name": "Rotated"})).await;
    let new = it.rotate(&old.id, json!({"overlap_secs": 0})).await;
    assert_eq!(report(&it.admin, &it, json!({"key": old.token})).await, ("dead".into(), json!(old.id)));
    it.admin.with(&new.token).get("/api/v1/me").await.expect(200);
}

// The policy of the key's own organization decides.
#[tokio::test]
async fn where_policy_only_notifies_the_key_stays_good_and_the_report_is_on_record() {
    let it = Fixture::start().await;
    it.app.set_policy(it.app.root, r#"{"leak_action": "notify"}"#).await;
    let key = it.create_key(json!({"name": "Kept"})).await;
    let body = json!({"key": key.token, "found_at": "a chat"});
    let request = || it.admin.request("POST", &it.at("/leaks")).header("idempotency-key", "leak-1").json(&body);
    let first = it.admin.send(request()).await.expect(200);
    assert_eq!((first.text_at("/outcome"), first.text_at("/key/name")), ("reported".into(), "Kept".into()));
    let again = it.admin.send(request()).await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", first.json()));
    it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
    let tenant = claviger_core::tenant::Tenant::system(it.app.root, "test");
    let mut reader = it.app.app.store().read().await.unwrap();
    let events = reader.page_events(&tenant, &Default::default(), &Default::default()).await.unwrap().rows;
    let told: Vec<_> = events.iter().filter(|it| it.kind.as_str() == "key.leak_reported").collect();
    assert_eq!((told.len(), told[0].entity.to_string()), (1, key.id.clone()));
    assert_eq!(told[0].after, Some(json!({"found_at": "a chat"})));
}

// Who may not revoke a key is told no more of it than of one that never was: byte by byte the same answer.
#[tokio::test]
async fn what_the_caller_may_not_revoke_is_answered_like_what_is_not_there() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let path = format!("/api/v1/organizations/{below}/keys");
    let inner = it.admin.post(&path, json!({"name": "Admin below"})).await.expect(201).text_at("/secret/token");
    let outer = it.create_key(json!({"name": "Outer"})).await;
    let role = it.built_in_role("member").await;
    it.admin.patch(&it.at(&format!("/roles/{role}")), json!({"api_access": true})).await.expect(200);
    let sam = it.create_member("Sam", &role).await;
    let own = it.create_key(json!({"name": "Sam's", "owner_id": sam, "mapped_user_id": sam})).await;
    let leaks = format!("/api/v1/organizations/{below}/leaks");
    let unknown = it.admin.with(&inner).post(&leaks, json!({"key": "nobodys"})).await.expect(200);
    assert_eq!(unknown.text_at("/outcome"), "unknown");
    for (client, path, token) in [
        (it.admin.with(&inner), leaks.clone(), &outer.token),
        (it.admin.clone(), leaks.clone(), &outer.token),
        (it.admin.with(&own.token), it.at("/leaks"), &outer.token),
    ] {
        assert_eq!(client.post(&path, json!({"key": token})).await.expect(200).text, unknown.text);
    }
    it.admin.with(&outer.token).get("/api/v1/me").await.expect(200);
    assert_eq!(report(&it.admin.with(&own.token), &it, json!({"key": own.token})).await.0, "revoked");
    for (body, pointer) in [
        (json!({}), "/key"),
        (json!({"access_key": "a"}), "/secret_key"),
        (json!({"secret_key": "a"}), "/access_key"),
        (json!({"key": "a", "secret_key": "a"}), "/key"),
    ] {
        assert_eq!(it.admin.post(&it.at("/leaks"), body).await.expect(400).pointers(), [pointer]);
    }
}

// Assurance S9: the reported secret is written down nowhere.
#[tokio::test]
async fn a_reported_secret_is_written_nowhere() {
    let log = Log::captured();
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Leaked"})).await;
    it.admin.post(&it.at("/leaks"), json!({"key": key.token, "found_at": "a paste"})).await.expect(200);
    it.admin.post(&it.at("/leaks"), json!({"key": format!("{}x", key.token)})).await.expect(200);
    assert!(!log.text().contains(&key.secret_key));
    let tenant = claviger_core::tenant::Tenant::system(it.app.root, "test");
    let mut reader = it.app.app.store().read().await.unwrap();
    let events = reader.page_events(&tenant, &Default::default(), &Default::default()).await.unwrap().rows;
    let revoked = events.iter().find(|it| it.kind.as_str() == "key.revoked").unwrap();
    assert_eq!(revoked.after.as_ref().unwrap()["leak"], json!({"found_at": "a paste"}));
    assert!(!format!("{events:?}").contains(&key.secret_key));
}

// The text beside the secret stands in the audit, where many read it.
#[tokio::test]
async fn the_place_of_a_leak_does_not_carry_the_secret_into_the_audit() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Leaked"})).await;
    let pair = || json!({"access_key": key.access_key, "secret_key": key.secret_key});
    let whole = || json!({"key": format!(" {}", key.token)});
    let basic = || json!({"key": format!("{}:{}", key.access_key, key.secret_key)});
    for (mut body, found_at) in [
        (whole(), format!("https://example.com/?api_key={}&page=2", key.token)),
        (whole(), key.token.clone()),
        (whole(), format!("secret {} in a log", key.secret_key)),
        (pair(), format!("password {}", key.secret_key)),
        (pair(), key.token.clone()),
        (basic(), format!("password {}", key.secret_key)),
    ] {
        body["found_at"] = json!(found_at);
        let answer = it.admin.post(&it.at("/leaks"), body).await;
        assert_eq!(
            (answer.refusal(), answer.pointers()),
            ((400, "invalid_field".into()), vec!["/found_at".to_owned()])
        );
        assert!(!answer.text.contains(&key.secret_key), "{answer:?}");
    }
    let events = it.admin.get(&it.at("/events?limit=100")).await.expect(200);
    assert!(!events.text.contains(&key.secret_key));
    // What lists show of a key says which one it was.
    let mut body = whole();
    body["found_at"] = json!(format!("{} in a public repository", key.access_key));
    assert_eq!(report(&it.admin, &it, body).await, ("revoked".into(), json!(key.id)));
}

// Whoever finds a key finds a line with it; to say that nobody has such a key would leave it good.
#[tokio::test]
async fn a_key_is_found_in_the_text_around_it_and_what_is_no_key_is_refused() {
    let it = Fixture::start().await;
    let [found, one, two] = [
        it.create_key(json!({"name": "Found"})).await,
        it.create_key(json!({"name": "One"})).await,
        it.create_key(json!({"name": "Two"})).await,
    ];
    let line = json!({"key": format!("export KEY=\"{}\" # do not share", found.token)});
    assert_eq!(report(&it.admin, &it, line).await, ("revoked".into(), json!(found.id)));
    for text in [format!("{} {}", one.token, two.token), "export KEY=\"something else\"".to_owned()] {
        let refused = it.admin.post(&it.at("/leaks"), json!({"key": text})).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec!["/key".to_owned()]), "{refused:?}");
    }
    it.admin.with(&one.token).get("/api/v1/me").await.expect(200);
    let place = json!({"key": format!("KEY={}", one.token), "found_at": format!("it says {}", one.token)});
    assert_eq!(it.admin.post(&it.at("/leaks"), place).await.pointers(), ["/found_at"]);
}
