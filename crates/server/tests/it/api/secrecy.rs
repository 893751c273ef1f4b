//! Assurance S9: a key in a query string or a path is written down nowhere; in a query it is warned of, and refused where policy says so.

use std::fs;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::json;

use super::document::guarded;
use super::fixture::{Fixture, Made};
use super::log::Log;
use crate::engine::Stored;

/// The spellings in which a secret could stand somewhere: as it is, its second part alone, and encoded.
fn spellings(key: &Made) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for text in [&key.token, &key.secret_key] {
        let percent: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
        let bytes = text.as_bytes();
        // Base64 of a text within a longer one depends on where it begins; what is searched is the text alone.
        for spelt in
            [text.clone(), percent, HEXLOWER.encode(bytes), BASE64.encode(bytes), BASE64URL_NOPAD.encode(bytes)]
        {
            all.push(spelt.into_bytes());
        }
    }
    all
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|it| it == needle)
}

/// Where a key stands that should stand nowhere: in the log or in a file of the data folder, audit included.
pub(super) fn leaks(key: &Made, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let log = Log::captured().text();
    for spelt in spellings(key) {
        let shown = String::from_utf8_lossy(&spelt[..8]).into_owned();
        if holds(log.as_bytes(), &spelt) {
            found.push(format!("log: {shown}…"));
        }
        for file in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_file()) {
            if holds(&fs::read(&file).unwrap(), &spelt) {
                found.push(format!("{}: {shown}…", file.display()));
            }
        }
    }
    found
}

fn path(template: &str, it: &Fixture) -> String {
    template.replace("{organization_id}", &it.root).replace('{', "x").replace('}', "")
}

#[tokio::test]
async fn a_key_in_a_query_is_written_nowhere_and_warned_of_on_each_route() {
    let log = Log::captured();
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "In links", "reach": "subtree"})).await;
    let anyone = it.admin.without();
    for (template, operations) in guarded() {
        for method in operations.keys() {
            let path = format!("{}?api_key={}", path(&template, &it), key.token);
            let request = anyone.request(method, &path).header("x-request-id", "s9");
            let answer = anyone.send(request.body("{")).await;
            assert!(answer.status < 500, "{method} {template}: {answer:?}");
            assert!(answer.header("warning").starts_with("299 claviger "), "{method} {template}: {answer:?}");
            let head = format!("{:?}", answer.headers);
            for spelt in spellings(&key) {
                assert!(
                    !holds(answer.text.as_bytes(), &spelt) && !holds(head.as_bytes(), &spelt),
                    "{method} {template}"
                );
            }
        }
    }
    // A mistake in how it is sent does not write it down either.
    for query in ["apikey=", "api_key=%20", "key=", "api_key[]=", "x=1;api_key="] {
        anyone.get(&it.at(&format!("/keys?{query}{}", key.token))).await;
        it.admin.get(&it.at(&format!("/keys?{query}{}", key.token))).await;
    }
    // Nor does a key in place of an identifier, on whatever surface, and whether or not there is such a path.
    let parameter = |template: &str| {
        let parts = template.split('/').map(|it| if it.starts_with('{') { key.token.as_str() } else { it });
        parts.collect::<Vec<_>>().join("/")
    };
    for (template, operations) in guarded() {
        for method in operations.keys() {
            it.admin.send(it.admin.request(method, &parameter(&template))).await;
            anyone.send(anyone.request(method, &parameter(&template))).await;
        }
    }
    for template in [
        "/{}",
        "/api/{}",
        "/api/v1/keys/{}",
        "/docs/{}",
        "/setup/{}",
        "/o/{}",
        "/o/{}/keys",
        "/o/root/keys/{}/edit",
        "/o/root/{}",
    ] {
        let answer = anyone.get(&parameter(template)).await;
        assert!(answer.status < 500, "{template}: {answer:?}");
    }
    it.flush_uses().await;
    assert!(log.text().contains("answered"), "the log is captured");
    assert_eq!(leaks(&key, Stored::of(it.app.app.store()).await.path()), [""; 0]);
}

#[tokio::test]
async fn a_key_in_a_query_is_refused_on_each_route_where_policy_denies_it() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "In links"})).await;
    let anyone = it.admin.without();
    let asked = format!("/api/v1/me?api_key={}", key.token);
    for (policy, status, warned) in [("allow", 200, false), ("warn", 200, true), ("deny", 400, false)] {
        it.app.set_policy(it.app.root, &format!(r#"{{"query_string_keys": "{policy}"}}"#)).await;
        let answer = anyone.get(&asked).await;
        assert_eq!((answer.status, !answer.header("warning").is_empty()), (status, warned), "{policy}");
    }
    for (template, operations) in guarded() {
        for method in operations.keys() {
            let path = format!("{}?api_key={}", path(&template, &it), key.token);
            let answer = anyone.send(anyone.request(method, &path)).await;
            // OAuth has errors of its own.
            if template.starts_with("/oauth/") {
                assert_eq!((answer.status, answer.text_at("/error")), (400, "invalid_request".into()), "{template}");
            } else {
                assert_eq!(answer.refusal(), (400, "query_string_key_denied".into()), "{method} {template}");
            }
        }
    }
    // Who has proven nothing is told nothing of the policy; and a header is always good.
    let wrong = anyone.get("/api/v1/me?api_key=somebodys-guess").await;
    assert_eq!(wrong.refusal(), (401, "unauthenticated".into()));
    it.admin.with(&key.token).get("/api/v1/me").await.expect(200);
}

// The control: a service that logs the whole target, and one that keeps a key in a file, are both caught.
#[tokio::test]
async fn a_leak_is_found() {
    let log = Log::captured();
    let it = Fixture::start().await;
    let (logged, kept) = (it.create_key(json!({"name": "L"})).await, it.create_key(json!({"name": "K"})).await);
    let stored = Stored::of(it.app.app.store()).await;
    let folder = stored.path();
    assert_eq!(leaks(&logged, folder), [""; 0]);
    tracing::info!(target: "claviger", "GET /api/v1/me?api_key={}", logged.token);
    assert!(log.text().contains(&logged.token));
    assert!(leaks(&logged, folder).iter().any(|it| it.starts_with("log: ")));
    fs::write(folder.join("planted"), HEXLOWER.encode(kept.secret_key.as_bytes())).unwrap();
    assert!(leaks(&kept, folder).iter().any(|it| it.contains("planted")));
}
