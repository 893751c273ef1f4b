//! Keys that other products made: they go on working as they were, in whatever presentation they had, each secret with its own last use, until
//! a rotation gives them one of this service's own.

use claviger_core::secret::Digest;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::fixture::{Fixture, Made};

const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// What another product gave its customer.
#[derive(Clone, Copy)]
enum Old<'a> {
    Whole(&'a str),
    Pair(&'a str, &'a str),
}

impl Old<'_> {
    /// As the documentation of imports has it, written out here so that neither is mended without the other.
    fn sha256(self) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        match self {
            Self::Whole(text) => hash.update(text),
            Self::Pair(access, secret) => {
                hash.update(b"claviger:pair:v1\0");
                for part in [access, secret] {
                    hash.update((part.len() as u64).to_be_bytes());
                    hash.update(part);
                }
            }
        }
        HEXLOWER.encode(&hash.finalize())
    }

    fn subject(self) -> Value {
        match self {
            Self::Whole(text) => json!({ "key": text }),
            Self::Pair(access, secret) => json!({ "access_key": access, "secret_key": secret }),
        }
    }

    /// Every way to present it in headers.
    fn headers(self) -> Vec<Vec<(&'static str, String)>> {
        let basic =
            |user: &str, password: &str| format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()));
        match self {
            Self::Whole(text) => vec![
                vec![("authorization", format!("Bearer {text}"))],
                vec![("x-api-key", text.to_owned())],
                vec![("authorization", basic(text, ""))],
            ],
            Self::Pair(access, secret) => vec![
                vec![("accesskey", access.to_owned()), ("secretkey", secret.to_owned())],
                vec![("authorization", basic(access, secret))],
            ],
        }
    }
}

/// Imports one key for a user who may read contacts and keys; answers the key's id.
async fn import(it: &Fixture, name: &str, old: Old<'_>) -> String {
    let role = it.create_role(&format!("Role of {name}"), &["contacts:read", "claviger/keys:read"]).await;
    let user_id = it.create_member(&format!("User of {name}"), &role).await;
    let source_digest = HEXLOWER.encode(Digest::of_token(name.as_bytes()).as_bytes());
    let source = json!({"source_digest": source_digest, "source_name": "old.csv", "mapped_user_id": user_id});
    let import = it.admin.post(&it.at("/imports"), source).await.expect(200).text_at("/id");
    let lines = json!({"lines": [{"line": 2, "sha256": old.sha256(), "name": name}], "finished": true});
    let outcome = it.admin.post(&it.at(&format!("/imports/{import}/lines")), lines).await.expect(200).json();
    assert_eq!(outcome["import"]["accepted"], 1, "{outcome}");
    let found = it.admin.get(&it.at("/keys?origin=import&sort=created_at")).await.expect(200).json();
    let found = found["data"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!((&found["origin"], &found["access_key"]), (&json!("import"), &Value::Null), "{found}");
    found["id"].as_str().unwrap().to_owned()
}

async fn me(it: &Fixture, headers: &[(&str, String)]) -> Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    it.admin.without().get_with("/api/v1/me", &headers).await
}

/// What a gateway is told.
async fn gateway(it: &Fixture, headers: &[(&str, String)]) -> u16 {
    let client = Client::new(&format!("http://{}", it.app.authz()), None).of_a_double();
    let mut ask = client.request("GET", "/authz").header("claviger-permission", "contacts:read");
    for (name, value) in headers {
        ask = ask.header(*name, value);
    }
    client.send(ask).await.status
}

/// Whether it is let in wherever it can be shown, and as which key.
async fn passes(it: &Fixture, old: Old<'_>, key_id: &str) {
    for headers in old.headers() {
        let answer = me(it, &headers).await.expect(200);
        assert_eq!(answer.text_at("/key/id"), key_id, "{headers:?}");
        assert_eq!(gateway(it, &headers).await, 200, "{headers:?}");
    }
    let mut asked = old.subject();
    asked["permissions"] = json!(["contacts:read"]);
    let said = it.verify(asked).await;
    assert_eq!((&said["allowed"], &said["key"]["id"]), (&json!(true), &json!(key_id)), "{said}");
    if let Old::Whole(text) = old {
        let encoded: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
        let answer = it.admin.without().get(&format!("/api/v1/me?api_key={encoded}")).await.expect(200);
        assert_eq!(answer.text_at("/key/id"), key_id);
        let form = [("token", text)];
        let introspected = it.admin.send(it.admin.request("POST", "/oauth/introspect").form(&form)).await.expect(200);
        assert_eq!(
            (introspected.text_at("/active"), introspected.text_at("/client_id")),
            ("true".into(), key_id.into())
        );
        assert!(
            introspected.text_at("/jti").starts_with("sec_"),
            "it stands for nothing but itself: {}",
            introspected.text
        );
    }
}

async fn is_refused(it: &Fixture, old: Old<'_>) {
    for headers in old.headers() {
        me(it, &headers).await.expect(401);
        assert_eq!(gateway(it, &headers).await, 401, "{headers:?}");
    }
    assert_eq!(it.verify(old.subject()).await["allowed"], false);
}

/// The secrets of a key, newest first: whether there is a public part, the state, and the last use's instant, address and user agent.
async fn secrets(it: &Fixture, key_id: &str) -> Vec<(bool, String, Value)> {
    it.flush_uses().await;
    let shown = it.admin.get(&it.at(&format!("/keys/{key_id}"))).await.expect(200).json();
    let secrets = shown["secrets"].as_array().unwrap().iter();
    secrets
        .map(|it| (!it["access_key"].is_null(), it["state"].as_str().unwrap().to_owned(), it["last_use"].clone()))
        .collect()
}

/// The whole life: as it was, a last use of its own, a rotation into a native key, and the old value's end.
async fn live_through(it: &Fixture, key_id: &str, old: Old<'_>) {
    assert_eq!(secrets(it, key_id).await, [(false, "current".to_owned(), Value::Null)]);
    passes(it, old, key_id).await;
    let mut headers = old.headers().remove(0);
    headers.push(("user-agent", "legacy-export/1.0".to_owned()));
    it.advance_micros(1_000_000);
    me(it, &headers).await.expect(200);
    let used = json!({"at": it.now(), "ip": "127.0.0.1", "user_agent": "legacy-export/1.0"});
    assert_eq!(secrets(it, key_id).await, [(false, "current".to_owned(), used.clone())]);

    let native = it.rotate(key_id, json!({"overlap_secs": 7 * 24 * 60 * 60})).await;
    assert!(native.token.starts_with("ck_"), "{}", native.access_key);
    let before = secrets(it, key_id).await;
    assert_eq!(before, [(true, "current".to_owned(), Value::Null), (false, "retiring".to_owned(), used)]);
    passes(it, old, key_id).await;
    passes(it, Old::Whole(&native.token), key_id).await;
    passes(it, Old::Pair(&native.access_key, &native.secret_key), key_id).await;
    it.advance_micros(1_000_000);
    let agent = |name: &str| ("user-agent", name.to_owned());
    me(it, &[old.headers().remove(0), vec![agent("still-old/1")]].concat()).await.expect(200);
    me(it, &[("x-api-key", native.token.clone()), agent("new/2")]).await.expect(200);
    let both: Vec<_> = secrets(it, key_id).await.into_iter().map(|it| it.2["user_agent"].clone()).collect();
    assert_eq!(both, [json!("new/2"), json!("still-old/1")], "each secret says who called with it");

    it.advance_micros(7 * DAY_MICROS);
    is_refused(it, old).await;
    passes(it, Old::Whole(&native.token), key_id).await;
    it.revoke(key_id).await;
    is_refused(it, Old::Whole(&native.token)).await;
    let subject = Old::Whole(&native.token).subject();
    assert_eq!(it.verify(subject).await["code"], "revoked");
}

// An opaque value, such as 32 hexadecimal digits.
#[tokio::test]
async fn an_imported_opaque_key_works_as_it_was_until_a_rotation_gives_it_one_of_our_own() {
    let it = Fixture::start().await;
    let old = Old::Whole("9e107d9d372bb6826bd81d3542a419d6");
    let key_id = import(&it, "Old integration", old).await;
    live_through(&it, &key_id, old).await;
}

// S2.24, S2.25: two parts that another product called access key and secret key.
#[tokio::test]
async fn an_imported_pair_works_in_both_its_presentations_and_in_halves_not_at_all() {
    let it = Fixture::start().await;
    let (access, secret) = ("AKIA-of-another-product", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY:EXAMPLE");
    let old = Old::Pair(access, secret);
    let key_id = import(&it, "Old pair", old).await;
    let joined = format!("{access}{secret}");
    let wrong = [
        Old::Pair(secret, access),
        Old::Pair(access, "another"),
        Old::Pair("AKIA", "-of-another-productwJalrXUtnFEMI/K7MDENG+bPxRfiCY:EXAMPLE"),
        Old::Whole(&joined),
        Old::Whole(secret),
    ];
    for wrong in wrong {
        is_refused(&it, wrong).await;
    }
    live_through(&it, &key_id, old).await;
}

// A JWT that another product gave out as a key, and checked by looking it up: to us it is an opaque value and proves nothing by itself.
#[tokio::test]
async fn an_imported_jwt_is_a_key_as_any_other_and_never_an_access_token() {
    let it = Fixture::start().await;
    let part = |json: Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let header = part(json!({"alg": "HS256", "typ": "JWT"}));
    let claims = |sub: &str| {
        part(json!({"location_id": "ve9EPM428h8vShlRW1KT", "version": 1, "iat": 1_714_000_000_000_u64, "sub": sub}))
    };
    let signature = BASE64URL_NOPAD.encode(&[7; 32]);
    let jwt = format!("{header}.{}.{signature}", claims("zR4kfyAuTgkbOkZ1x1bM"));
    assert!(claviger_core::access_token::looks_like_one(jwt.as_bytes()), "else this tries nothing");
    let key_id = import(&it, "Marketing Automation", Old::Whole(&jwt)).await;
    let unsigned = part(json!({"alg": "none", "typ": "JWT"}));
    let others = [
        format!("{header}.{}.{signature}", claims("somebody else")),
        format!("{unsigned}.{}.", claims("zR4kfyAuTgkbOkZ1x1bM")),
        jwt[..jwt.len() - 1].to_owned(),
        format!("{jwt}A"),
    ];
    for other in &others {
        is_refused(&it, Old::Whole(other)).await;
        assert_eq!(it.verify(json!({"key": other})).await["code"], "not_found", "whatever it says of itself");
    }
    live_through(&it, &key_id, Old::Whole(&jwt)).await;
}

// What signed in with its key and secret goes on signing in with them.
#[tokio::test]
async fn an_imported_pair_gets_access_tokens_and_takes_them_along_when_it_ends() {
    let it = Fixture::start().await;
    let (access, secret) = ("client-17", "s3cr3t-of-another-product-0123456789");
    let key_id = import(&it, "Old client", Old::Pair(access, secret)).await;
    let nobody = it.admin.without();
    let grant = [("grant_type", "client_credentials")];
    let basic = format!("Basic {}", BASE64.encode(format!("{access}:{secret}").as_bytes()));
    let by_basic = nobody.request("POST", "/oauth/token").header("authorization", basic).form(&grant);
    let by_basic = nobody.send(by_basic).await.expect(200).text_at("/access_token");
    let fields = [grant[0], ("client_id", access), ("client_secret", secret)];
    let by_post = nobody.send(nobody.request("POST", "/oauth/token").form(&fields)).await.expect(200);
    for token in [&by_basic, &by_post.text_at("/access_token")] {
        assert_eq!(nobody.with(token).get("/api/v1/me").await.expect(200).text_at("/key/id"), key_id);
    }
    let native: Made = it.rotate(&key_id, json!({"overlap_secs": 0})).await;
    nobody.with(&by_basic).get("/api/v1/me").await.expect(401);
    nobody.with(&native.token).get("/api/v1/me").await.expect(200);
}
