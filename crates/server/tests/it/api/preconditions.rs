//! `If-Match`, `If-None-Match` and unknown parameters, for every operation of the document: heeded, or refused, and never passed over.

use std::collections::BTreeMap;

use claviger_core::event::{Position, Stream};
use serde_json::{Value, json};

use super::document::{documented, guarded};
use super::fixture::Fixture;
use super::rights::body;
use crate::every_change::calls;

/// Which headers and parameters of the query each operation names.
fn named() -> BTreeMap<String, (Vec<String>, bool)> {
    let mut named = BTreeMap::new();
    for operation in documented().into_values().flatten().map(|(_, operation)| operation) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let of = |place: &str| {
            parameters
                .iter()
                .filter(|it| it["in"] == place)
                .map(|it| it["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let id = operation["operationId"].as_str().unwrap().to_owned();
        named.insert(id, (of("header"), !of("query").is_empty()));
    }
    named
}

async fn head(it: &Fixture) -> Position {
    it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap()
}

// A change that is bound to a version that is gone does not happen, whatever it is; where there is no version to be bound to, that is said.
#[tokio::test]
async fn every_change_heeds_a_condition_or_refuses_it() {
    let it = Fixture::start().await;
    let named = named();
    let mut heeding = 0;
    for call in calls(&it).await {
        let before = head(&it).await;
        for (header, value) in [("If-Match", "\"999999\", W/\"1\""), ("If-None-Match", "*")] {
            let request = call.request(&it.admin).header(header, value);
            let send = if call.body.is_null() { request } else { request.json(&call.body) };
            let is_named = named[call.operation].0.iter().any(|it| it == header);
            // Those that make a thing by PUT are made below, and then found there.
            if is_named && header == "If-None-Match" {
                continue;
            }
            heeding += usize::from(is_named);
            let answer = it.admin.send(send).await;
            let expected = if is_named { (412, "version_mismatch") } else { (400, "invalid_field") };
            assert_eq!(
                answer.refusal(),
                (expected.0, expected.1.to_owned()),
                "{} with {header}: {answer:?}",
                call.operation
            );
            if !is_named {
                assert_eq!(answer.pointers(), [header], "{}", call.operation);
            }
        }
        assert_eq!(head(&it).await, before, "{} changed something", call.operation);
        let answer = call.send(&it).await;
        assert!((200..300).contains(&answer.status), "{}: {answer:?}", call.operation);
    }
    assert_eq!(heeding, named.values().filter(|(headers, _)| headers.iter().any(|it| it == "If-Match")).count());
    assert!(heeding >= 19, "only {heeding} operations heed If-Match");
}

// A version that is the present one lets the change through, and any does where it only has to be there.
#[tokio::test]
async fn the_present_version_and_whatever_is_there_are_heeded() {
    let it = Fixture::start().await;
    let role = async |name: &str| {
        let made = it.admin.post(&it.at("/roles"), json!({"name": name, "permissions": []})).await.expect(201);
        it.at(&format!("/roles/{}", made.text_at("/id")))
    };
    for (name, tag) in [("One", "\"0\", \"1\""), ("Any", "*")] {
        let path = role(name).await;
        it.admin.send(it.admin.request("DELETE", &path).header("if-match", tag)).await.expect(204);
    }
    let key = it.create_key(json!({"name": "Rotated"})).await;
    for (action, tag) in [("rotate", "\"1\""), ("revoke", "\"2\"")] {
        let path = it.at(&format!("/keys/{}/{action}", key.id));
        it.admin.send(it.admin.request("POST", &path).header("if-match", tag)).await.expect(200);
    }
}

// RFC 9110 §13.1.2: what is put only if it is not there is not changed.
#[tokio::test]
async fn what_is_put_can_be_bound_to_whether_it_is_there() {
    let it = Fixture::start().await;
    let personal = format!("/users/{}/personal-key", it.app.admin_id);
    for (path, body) in [
        ("/users/by-external-id/u", json!({"name": "U"})),
        ("/organizations/by-external-id/o", json!({"name": "O"})),
        (personal.as_str(), Value::Null),
    ] {
        let put = async |header: &str, value: &str| {
            let request = it.admin.request("PUT", &it.at(path)).header(header, value);
            it.admin.send(if body.is_null() { request } else { request.json(&body) }).await
        };
        let mismatch = (412, "version_mismatch".to_owned());
        assert_eq!(put("if-match", "*").await.refusal(), mismatch, "{path} is not there");
        let made = put("if-none-match", "*").await.expect(201);
        assert_eq!(put("if-none-match", "*").await.refusal(), mismatch, "{path} is there");
        put("if-match", made.header("etag")).await.expect(200);
        put("if-match", "*").await.expect(200);
        assert_eq!(put("if-none-match", "\"1\"").await.refusal(), (400, "invalid_field".to_owned()), "{path}");
    }
}

// What is misspelt is said, on every operation.
#[tokio::test]
async fn every_operation_refuses_a_parameter_that_it_does_not_know() {
    let it = Fixture::start().await;
    for (template, operations) in guarded() {
        // RFC 6749 has words of its own for this.
        for (method, operation) in operations.into_iter().filter(|_| !template.starts_with("/oauth/")) {
            let id = operation["operationId"].as_str().unwrap();
            let path = template.replace("{organization_id}", &it.root);
            let path =
                path.split('/').map(|it| if it.starts_with('{') { "x" } else { it }).collect::<Vec<_>>().join("/");
            let request = it.admin.request(&method, &format!("{path}?is_there=1"));
            let answer = it.admin.send(match body(id) {
                Some(body) => request.json(&body),
                None => request,
            });
            let answer = answer.await;
            // Where a handler has parameters of its own, it may find first that the path names nothing.
            if answer.status != 404 {
                assert_eq!(
                    (answer.refusal(), answer.pointers()),
                    ((400, "invalid_field".into()), vec!["is_there".to_owned()]),
                    "{id}"
                );
            } else {
                assert!(named()[id].1, "{id} answers 404");
            }
        }
    }
}

// The question that hosts ask all the time has a way of its own, which refuses the same.
#[tokio::test]
async fn verification_refuses_what_it_does_not_heed() {
    let it = Fixture::start().await;
    let question = json!({"key": "ck_x"});
    for path in ["/api/v1/verify", "/api/v1/verify/batch"] {
        let body = if path.ends_with("batch") { json!({"requests": [question]}) } else { question.clone() };
        for headers in [&[][..], &[("sec-fetch-site", "same-origin")]] {
            let ask = async |path: &str, header: Option<(&str, &str)>| {
                let request = it.admin.request("POST", path).json(&body);
                let all = headers.iter().copied().chain(header);
                it.admin.send(all.fold(request, |request, (name, value)| request.header(name, value))).await
            };
            ask(path, None).await.expect(200);
            assert_eq!(ask(path, Some(("if-match", "*"))).await.pointers(), ["If-Match"]);
            assert_eq!(ask(&format!("{path}?explain=true"), None).await.pointers(), ["explain"]);
        }
    }
}
