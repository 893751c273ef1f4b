//! Events over HTTP: the revision history of what one may read, and its exports.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::Client;
use super::fixture::Fixture;

async fn events(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200).json()["data"].as_array().unwrap().clone()
}

fn operations(events: &[Value]) -> Vec<&str> {
    events.iter().map(|it| it["operation"].as_str().unwrap()).collect()
}

// S2.16: what a key does bears the name of its mapped user, and the key's.
#[tokio::test]
async fn revision_history_names_the_mapped_user_and_the_key() {
    let it = Fixture::start().await;
    let admin_role = it.built_in_role("admin").await;
    let ann = it.create_member("Ann Lee", &admin_role).await;
    // Not hers: the name is that of whom the key acts for.
    let admin = it.app.admin_id.to_string();
    let made = it.create_key(json!({"name": "Deploys", "owner_id": admin, "mapped_user_id": ann})).await;
    let role = it.create_role("analyst", &["scorecards:read"]).await;
    let change = json!({"permissions": ["scorecards/A:read"]});
    it.admin.with(&made.token).patch(&it.at(&format!("/roles/{role}")), change).await.expect(200);

    let history = events(&it.admin, &it.at(&format!("/events?entity_id={role}"))).await;
    assert_eq!(operations(&history), ["role.updated", "role.created"], "newest first");
    let actor = json!({
        "user_id": ann, "user_name": "Ann Lee", "key_id": made.id, "key_name": "Deploys", "job": null, "ip": "127.0.0.1"
    });
    assert_eq!(history[0]["actor"], actor);
    assert_eq!(history[0]["entity"], json!({"kind": "role", "id": role}));
    assert_eq!(history[0]["before"]["permissions"], json!(["scorecards:read"]));
    assert_eq!(history[0]["after"]["permissions"], json!(["scorecards/A:read"]));
    assert_eq!(history[1]["before"], Value::Null);

    // Below, the key is none of theirs; the user stands above and is known there.
    let below = it.create_organization("Below").await;
    let reaching = json!({"name": "Reaching", "owner_id": admin, "mapped_user_id": ann, "reach": "subtree"});
    let reaching = it.create_key(reaching).await;
    let path = format!("/api/v1/organizations/{below}");
    it.admin.with(&reaching.token).patch(&path, json!({"name": "Renamed"})).await.expect(200);
    let history = events(&it.admin, &format!("{path}/events")).await;
    assert_eq!(
        (&history[0]["actor"]["user_name"], &history[0]["actor"]["key_name"]),
        (&json!("Ann Lee"), &Value::Null)
    );
    assert_eq!(history[0]["actor"]["key_id"], reaching.id);
}

#[tokio::test]
async fn events_are_filtered_and_come_in_pages() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "CI"})).await;
    it.advance_micros(1_000_000);
    let from = it.now();
    it.admin.patch(&it.at(&format!("/keys/{}", key.id)), json!({"description": "x"})).await.expect(200);
    it.advance_micros(1_000_000);
    let until = it.now();
    it.revoke(&key.id).await;
    for (filter, expected) in [
        (format!("entity_id={}", key.id), vec!["key.revoked", "key.updated", "key.created"]),
        (format!("entity_id={}&operation=key.revoked", key.id), vec!["key.revoked"]),
        (format!("entity_kind=key&from={from}"), vec!["key.revoked", "key.updated"]),
        (format!("from={from}&until={until}"), vec!["key.updated"]),
        (format!("entity_id={}&until={from}", key.id), vec!["key.created"]),
        (format!("entity_kind=role&entity_id={}", key.id), vec![]),
        (format!("key_id={}", key.id), vec![]),
        ("user_id=usr_01kapxb4q0e8mv5r3g2t9w7yzn".to_owned(), vec![]),
    ] {
        let found = events(&it.admin, &it.at(&format!("/events?{filter}"))).await;
        assert_eq!(operations(&found), expected, "{filter}");
    }
    let user = it.app.admin_id;
    assert!(!events(&it.admin, &it.at(&format!("/events?user_id={user}"))).await.is_empty());

    let all = events(&it.admin, &it.at("/events?limit=100")).await;
    let (mut paged, mut next) = (Vec::new(), it.at("/events?limit=2"));
    loop {
        let page = it.admin.get(&next).await.expect(200).json();
        paged.extend(page["data"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = it.at(&format!("/events?limit=2&cursor={cursor}")),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let places: Vec<_> = all.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert!(places.is_sorted_by(|a, b| b < a), "{places:?}");

    for (query, name) in [
        ("operation=key.exploded", "operation"),
        ("entity_id=sec_01kapxb4q0e8mv5r3g2t9w7yzn", "entity_id"),
        ("from=yesterday", "from"),
        ("entity_kind=thing", "entity_kind"),
        ("format=xml", "format"),
        ("format=csv&limit=5", "limit"),
        ("format=jsonl&cursor=x", "cursor"),
        ("cursor=x", "cursor"),
    ] {
        let refused = it.admin.get(&it.at(&format!("/events?{query}"))).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![name.to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn export_holds_the_same_events_in_every_form_and_nothing_that_a_spreadsheet_runs() {
    let it = Fixture::start().await;
    let formula = "=cmd|'/C calc'!A0";
    it.admin.post(&it.at("/users"), json!({"name": formula})).await.expect(201);
    let formula_admin = it.create_member("+1-800", &it.built_in_role("admin").await).await;
    let key = json!({"name": "@SUM(1)", "owner_id": formula_admin, "mapped_user_id": formula_admin});
    let key = it.create_key(key).await;
    it.admin.with(&key.token).patch(&it.at(""), json!({"name": "Root, \"renamed\""})).await.expect(200);
    // More than one page.
    for number in 0..120 {
        it.admin.patch(&it.at(""), json!({"name": format!("Root {number}")})).await.expect(200);
    }
    let (mut listed, mut next) = (Vec::new(), it.at("/events?limit=100"));
    loop {
        let page = it.admin.get(&next).await.expect(200).json();
        listed.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = it.at(&format!("/events?limit=100&cursor={cursor}"));
    }
    assert!(120 < listed.len());

    let lines = it.admin.get_with(&it.at("/events"), &[("accept", "application/jsonl")]).await.expect(200);
    assert_eq!(lines.header("content-type"), "application/jsonl");
    let lines: Vec<Value> = lines.text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines, listed);

    let table = it.admin.get(&it.at("/events?format=csv")).await.expect(200);
    assert_eq!(table.header("content-disposition"), "attachment; filename=\"events.csv\"");
    let mut reader = csv::Reader::from_reader(table.text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let column = |name: &str| names.iter().position(|it| it == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), listed.len());
    for (row, event) in rows.iter().zip(&listed) {
        assert!(row.iter().all(|it| !it.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
        assert_eq!(row[column("seq")], event["seq"].to_string());
        let actor = row[column("user_name")].strip_prefix('\'').unwrap_or(&row[column("user_name")]);
        assert_eq!(actor, event["actor"]["user_name"].as_str().unwrap_or_default());
        let after = &row[column("after")];
        assert_eq!(serde_json::from_str::<Value>(after).unwrap_or_default(), event["after"]);
    }
    // What nobody did a job did: it has a column of its own, and a person's has none of it.
    for (row, event) in rows.iter().zip(&listed) {
        let said = ["user_id", "key_id", "job"].map(|it| (&row[column(it)], event["actor"][it].as_str()));
        assert!(said.iter().all(|(cell, told)| *cell == told.unwrap_or_default()), "{said:?}");
    }
    assert!(rows.iter().any(|it| &it[column("user_name")] == "'+1-800" && &it[column("key_name")] == "'@SUM(1)"));
}

#[tokio::test]
async fn who_reads_no_events_gets_none_and_nobody_gets_anothers() {
    let it = Fixture::start().await;
    let other = it.create_organization("Other").await;
    let path = format!("/api/v1/organizations/{other}/events");
    for (scopes, status) in [(json!(["claviger/events:read"]), 200), (json!(["claviger/keys:read"]), 403)] {
        let body = json!({"name": format!("Only {status}"), "scopes": scopes});
        let made = it.admin.post(&format!("/api/v1/organizations/{other}/keys"), body).await.expect(201);
        let client = it.admin.with(&made.text_at("/secret/token"));
        assert_eq!(client.get(&path).await.status, status);
        for format in ["csv", "jsonl"] {
            assert_eq!(client.get(&format!("{path}?format={format}")).await.status, status);
            let above = client.get(&it.at(&format!("/events?format={format}"))).await;
            assert_eq!(above.refusal(), (404, "not_found".to_owned()));
        }
        assert_eq!(client.get(&it.at("/events")).await.refusal(), (404, "not_found".to_owned()));
    }
    let theirs = events(&it.admin, &path).await;
    assert!(theirs.iter().all(|it| it["organization_id"] == other.as_str()), "{theirs:?}");
}

// Assurance: neither a secret nor what is kept of it stands in a history.
#[tokio::test]
async fn no_secret_stands_in_any_form_of_the_history() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Canary"})).await;
    let rotated = it.rotate(&made.id, json!({})).await;
    it.revoke(&made.id).await;
    let mut texts = Vec::new();
    for query in ["?limit=100", "?format=csv", "?format=jsonl"] {
        texts.push(it.admin.get(&it.at(&format!("/events{query}"))).await.expect(200).text);
    }
    for key in [&made, &rotated] {
        let digest = HEXLOWER.encode(&Sha256::digest(&key.token));
        for canary in [&key.token, &key.secret_key, &digest] {
            assert!(texts.iter().all(|it| !it.contains(canary.as_str())));
        }
    }
    // The control: what may stand there is found by the same search.
    assert!(texts.iter().all(|it| it.contains("Canary") && it.contains(&made.id)));
}
