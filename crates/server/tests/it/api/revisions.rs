//! The revision history over HTTP: what hosts report, by who did it, in every form.

use serde_json::{Value, json};

use super::client::Client;
use super::fixture::Fixture;

async fn report(client: &Client, events: &[Value]) {
    let answer = client.post("/api/v1/events", json!({"events": events})).await.expect(200).json();
    assert!(answer["data"].as_array().unwrap().iter().all(|it| it["is_new"] == true), "{answer}");
}

async fn ids(client: &Client, path: &str) -> Vec<String> {
    let page = client.get(path).await.expect(200).json();
    page["data"].as_array().unwrap().iter().map(|it| it["entity_id"].as_str().unwrap().to_owned()).collect()
}

fn edit(number: usize, at: &str, thing: &str, more: Value) -> Value {
    let mut event = json!({"id": format!("e{number}"), "type": "scorecard.updated", "at": at, "entity_id": thing});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

// S2.16: what a key does in the product bears the name of its mapped user, and the key's.
#[tokio::test]
async fn what_a_host_reports_stands_under_the_mapped_users_name_by_when_it_happened() {
    let it = Fixture::start().await;
    let admin_role = it.built_in_role("admin").await;
    let ann = it.create_member("Ann Lee", &admin_role).await;
    let key = it.create_key(json!({"name": "Integration", "mapped_user_id": ann})).await;
    let by = json!({"actor_key_id": key.id, "before": {"rating": 3}, "after": {"rating": 4}});
    // The later one is told first.
    report(
        &it.admin,
        &[edit(1, "2026-11-20T10:00:02Z", "B", by.clone()), edit(2, "2026-11-20T10:00:01Z", "A", by.clone())],
    )
    .await;
    let path = it.at("/revisions");
    let page = it.admin.get(&path).await.expect(200).json();
    let newest = &page["data"][0];
    assert_eq!((&newest["entity_id"], &newest["operation"]), (&json!("B"), &json!("update")));
    let actor = json!({"user_id": ann, "user_name": "Ann Lee", "key_id": key.id, "key_name": "Integration"});
    assert_eq!(newest["actor"], actor);
    assert_eq!((&newest["before"], &newest["after"]), (&json!({"rating": 3}), &json!({"rating": 4})));
    let one = it.admin.get(&format!("{path}/{}", newest["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(&one, newest);

    report(&it.admin, &[edit(3, "2026-11-20T10:00:03Z", "A", json!({"actor_user_id": ann}))]).await;
    assert_eq!(ids(&it.admin, &path).await, ["A", "B", "A"]);
    for (narrow, expected) in [
        ("entity=scorecard&entity_id=A", &["A", "A"][..]),
        ("entity=scorecard&operation=delete", &[]),
        ("operation=update&from=2026-11-20T10:00:02Z", &["A", "B"]),
        ("until=2026-11-20T10:00:02Z", &["A"]),
        (&format!("key_id={}", key.id), &["B", "A"]),
        (&format!("user_id={ann}&entity_id=B"), &["B"]),
    ] {
        assert_eq!(ids(&it.admin, &format!("{path}?{narrow}")).await, expected, "{narrow}");
    }
    // As a subscription has them.
    let found = async |words: &str| it.admin.get(&format!("{path}?{words}")).await.expect(200).json()["data"].clone();
    assert_eq!(found("operation=updated").await, found("operation=update").await);
    assert_ne!(found("operation=updated").await, found("operation=created").await);
    assert_eq!(found("entity=*&operation=*").await, found("").await);
    let mut walked = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = it.admin.get(&format!("{path}?limit=1{cursor}")).await.expect(200).json();
        walked.extend(page["data"].as_array().unwrap().iter().map(|it| it["entity_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(walked, ["A", "B", "A"]);
    for (wrong, field) in [
        ("from=yesterday", "from"),
        ("key_id=x", "key_id"),
        ("format=csv&limit=3", "limit"),
        ("operation=Update", "operation"),
        ("operation=", "operation"),
        ("entity=Scorecard", "entity"),
    ] {
        let problem = it.admin.get(&format!("{path}?{wrong}")).await.expect(400).json();
        assert!(problem["errors"].to_string().contains(field), "{problem}");
    }
}

#[tokio::test]
async fn an_export_holds_the_same_and_nothing_that_a_spreadsheet_runs() {
    let it = Fixture::start().await;
    let event = edit(1, "2026-11-20T10:00:02Z", "=1+1", json!({"after": {"rating": 4}}));
    report(&it.admin, std::slice::from_ref(&event)).await;
    let path = it.at("/revisions");
    let csv = it.admin.get(&format!("{path}?format=csv")).await.expect(200).text;
    assert!(csv.starts_with("id,at,received_at,") && csv.contains("'=1+1") && csv.contains("rating"), "{csv}");
    let lines = it.admin.get(&format!("{path}?format=jsonl")).await.expect(200).text;
    let line: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!((&line["entity_id"], &line["after"]), (&json!("=1+1"), &json!({"rating": 4})));
}

// S11: of every text that a host or a customer chooses, in whatever column, and each comes back as it was.
#[tokio::test]
async fn no_cell_of_an_export_begins_as_a_formula_does_and_every_text_comes_back() {
    let texts = ["=SUM(1)", "+1", "-1", "@SUM(1)", "'quoted", "''twice", "a,b", "say \"x\"", "ordinary"];
    let it = Fixture::start().await;
    let role = it.built_in_role("admin").await;
    let mut events = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let user = it.create_member(text, &role).await;
        let key = it.create_key(json!({"name": text, "mapped_user_id": user})).await;
        let more = json!({"actor_key_id": key.id, "data": {"=cell": text}});
        events.push(edit(number, "2026-11-20T10:00:02Z", text, more));
    }
    report(&it.admin, &events).await;
    let path = it.at("/revisions");
    let page = it.admin.get(&format!("{path}?limit=100")).await.expect(200).json();
    let csv = it.admin.get(&format!("{path}?format=csv")).await.expect(200).text;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), page["data"].as_array().map(Vec::len)), (texts.len(), Some(texts.len())));
    let mut seen = Vec::new();
    for (row, shown) in rows.iter().zip(page["data"].as_array().unwrap()) {
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        let read = |column: &str| {
            let at = columns.iter().position(|it| it == column).unwrap();
            row[at].strip_prefix('\'').unwrap_or(&row[at]).to_owned()
        };
        let (entity_id, actor) = (&shown["entity_id"], &shown["actor"]);
        let names = [&actor["user_name"], &actor["key_name"]].map(|it| it.as_str().unwrap().to_owned());
        assert_eq!((json!(read("entity_id")), [read("user_name"), read("key_name")]), (entity_id.clone(), names));
        assert_eq!(serde_json::from_str::<Value>(&read("data")).unwrap(), shown["data"]);
        seen.push(read("entity_id"));
    }
    seen.sort_unstable();
    let mut expected = texts.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(seen, expected, "{csv}");
}

#[tokio::test]
async fn who_reads_no_events_gets_none_and_nobody_gets_anothers() {
    let it = Fixture::start().await;
    let other = it.create_organization("Other").await;
    let path = format!("/api/v1/organizations/{other}/revisions");
    report(&it.admin, &[edit(1, "2026-11-20T10:00:02Z", "A", json!({"organization": other}))]).await;
    let theirs = ids(&it.admin, &path).await;
    assert_eq!((theirs, ids(&it.admin, &it.at("/revisions")).await), (vec!["A".to_owned()], vec![]));
    let page = it.admin.get(&path).await.expect(200).json();
    let id = page["data"][0]["id"].as_str().unwrap().to_owned();
    it.admin.get(&it.at(&format!("/revisions/{id}"))).await.expect(404);
    let role = it.create_role("clerk", &["contacts:read"]).await;
    let clerk = it.create_key(json!({"name": "Clerk", "role_id": role})).await;
    let clerk = it.admin.with(&clerk.token);
    clerk.get(&it.at("/revisions")).await.expect(403);
    clerk.get(&it.at(&format!("/revisions/{id}"))).await.expect(403);
    clerk.get(&path).await.expect(404);
}

#[tokio::test]
async fn how_a_thing_looked_is_told_to_whoever_may_read_such_things_and_to_nobody_else() {
    let it = Fixture::start().await;
    let rating = json!({"before": {"rating": 3}, "after": {"rating": 4}});
    let at = "2026-11-20T10:00:02Z";
    report(&it.admin, &[edit(1, at, "A", rating.clone()), edit(2, at, "B", rating)]).await;
    let path = it.at("/revisions");
    for (name, more, told) in [
        ("auditor", None, &[][..]),
        ("one", Some("scorecards/A:read"), &["A"]),
        ("all", Some("scorecards:read"), &["A", "B"]),
    ] {
        let permissions: Vec<_> = ["claviger/events:read"].into_iter().chain(more).collect();
        let role = it.create_role(name, &permissions).await;
        let key = it.create_key(json!({"name": name, "role_id": role})).await;
        let client = it.admin.with(&key.token);
        let page = client.get(&path).await.expect(200).json();
        for row in page["data"].as_array().unwrap() {
            let is_told = told.contains(&row["entity_id"].as_str().unwrap());
            assert_eq!(
                (&row["withheld"], row["after"].is_null(), row["before"].is_null()),
                (&json!(!is_told), !is_told, !is_told),
                "{name}"
            );
            let one = client.get(&format!("{path}/{}", row["id"].as_str().unwrap())).await.expect(200).json();
            assert_eq!(&one, row);
        }
        for format in ["csv", "jsonl"] {
            let export = client.get(&format!("{path}?format={format}")).await.expect(200).text;
            assert_eq!(export.matches("rating").count(), told.len() * 2, "{name}: {export}");
        }
    }
}

#[tokio::test]
async fn what_receivers_are_sent_stands_in_the_revision_and_nothing_may_be_null() {
    let it = Fixture::start().await;
    let told = json!({"data": {"rating": 4}, "before": null, "after": null});
    report(&it.admin, &[edit(1, "2026-11-20T10:00:02Z", "A", told)]).await;
    let path = it.at("/revisions");
    let page = it.admin.get(&path).await.expect(200).json();
    let row = &page["data"][0];
    assert_eq!((&row["data"], &row["before"], &row["after"]), (&json!({"rating": 4}), &Value::Null, &Value::Null));
    assert_eq!(row["erased"], false);
    let csv = it.admin.get(&format!("{path}?format=csv")).await.expect(200).text;
    assert!(csv.contains("withheld,erased,data,before,after") && csv.contains("rating"), "{csv}");
}

// Before and after, secrets never.
#[tokio::test]
async fn a_key_that_a_host_reports_is_kept_nowhere_and_the_report_can_be_repeated() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Told"})).await;
    let other = it.create_key(json!({"name": "Told too"})).await;
    let form = [("grant_type", "client_credentials")];
    let request = it.admin.with(&key.token).request("POST", "/oauth/token").form(&form);
    let token = it.admin.send(request).await.expect(200).text_at("/access_token");
    let event = |token: &str, more: &str| {
        let told = json!({"data": {"note": format!("Bearer {token}"), "more": more}, "after": {"api_key": token, "all": [{token: 1}]}});
        edit(1, "2026-11-20T10:00:02Z", "A", told)
    };
    let send = async |event: Value| it.admin.post("/api/v1/events", json!({"events": [event]})).await;
    let first = send(event(&key.token, &token)).await.expect(200).json();
    assert_eq!((&first["data"][0]["is_new"], &first["data"][0]["masked"]), (&json!(true), &json!(true)), "{first}");
    let again = send(event(&key.token, &token)).await.expect(200).json();
    assert_eq!((&again["data"][0]["is_new"], &again["data"][0]["masked"]), (&json!(false), &json!(true)), "{again}");
    assert_eq!(send(event(&other.token, &token)).await.pointers(), ["/events/0/id"], "another key is another report");
    let path = it.at("/revisions");
    let page = it.admin.get(&path).await.expect(200);
    let hint = format!("{}… (key left out)", &key.token[..7]);
    let row = &page.json()["data"][0];
    assert_eq!(row["after"], json!({"api_key": hint, "all": [{hint.as_str(): 1}]}));
    assert_eq!(
        (&row["data"]["note"], &row["data"]["more"]),
        (&json!(format!("Bearer {hint}")), &json!("(access token left out)"))
    );
    let csv = it.admin.get(&format!("{path}?format=csv")).await.expect(200).text;
    assert!(!csv.contains(&key.token) && !page.text.contains(&key.secret_key), "{csv}");
    let stored = crate::engine::Stored::of(it.app.app.store()).await;
    for file in std::fs::read_dir(stored.path()).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [&key.secret_key, &token] {
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{}", file.display());
        }
    }
}
