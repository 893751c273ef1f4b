//! Policies over HTTP: where a value comes from, what a lock forbids, and what a change would break.

use claviger_core::event::{EventKind, Stream};
use claviger_core::tenant::Tenant;
use claviger_store::PageRequest;
use claviger_store::log::EventFilter;
use serde_json::{Value, json};

use super::client::Client;
use super::fixture::Fixture;

async fn policy(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/v1/organizations/{id}/policy")).await.expect(200).json()
}

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/organizations/{id}{rest}")
}

async fn create_below(it: &Fixture, parent: &str, name: &str) -> String {
    let made = it.admin.post(&path(parent, "/organizations"), json!({"name": name})).await;
    made.expect(201).text_at("/id")
}

#[tokio::test]
async fn each_value_says_what_holds_and_where_it_comes_from() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let location = create_below(&it, &agency, "Location").await;
    let set = json!({"idle_days": 90, "reveal": "owner", "locked": ["idle_days"]});
    it.admin.patch(&it.at("/policy"), set).await.expect(200);
    it.admin.patch(&path(&agency, "/policy"), json!({"idle_days": 30, "locked": ["leak_action"]})).await.expect(200);

    let found = policy(&it.admin, &location).await;
    let from = |source: &str, id: Option<&str>| json!({"source": source, "organization_id": id});
    let idle = json!({"effective": 30, "own": null, "inherited": 30, "set_by": from("above", Some(&agency)),
        "locked_by": from("above", Some(&it.root))});
    assert_eq!(found["idle_days"], idle);
    let reveal = json!({"effective": "owner", "own": null, "inherited": "owner", "set_by": from("above", Some(&it.root)),
        "locked_by": null});
    assert_eq!(found["reveal"], reveal);
    assert_eq!(found["expiry_days_max"]["set_by"], from("default", None));
    assert_eq!(found["leak_action"]["locked_by"], from("above", Some(&agency)));
    let own = policy(&it.admin, &agency).await;
    assert_eq!(own["idle_days"]["set_by"], from("own", Some(&agency)));
    assert_eq!((&own["idle_days"]["inherited"], &own["locked"]), (&json!(90), &json!(["leak_action"])));

    // Who does not reach the organization above is told that it is one above, and not which.
    let scopes = json!(["claviger/organizations:read"]);
    let narrow = it.admin.post(&path(&location, "/keys"), json!({"name": "Here only", "scopes": scopes})).await;
    let here = it.admin.with(&narrow.expect(201).text_at("/secret/token"));
    assert_eq!(policy(&here, &location).await["idle_days"]["set_by"], from("above", None));
}

#[tokio::test]
async fn what_is_locked_above_is_only_narrowed_and_the_rest_is_free() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let at = path(&agency, "/policy");
    it.admin.patch(&at, json!({"query_string_keys": "allow", "max_keys_per_user": 50})).await.expect(200);
    let lock = json!({"query_string_keys": "warn", "idle_days": 90, "locked": ["query_string_keys", "idle_days"]});
    it.admin.patch(&it.at("/policy"), lock).await.expect(200);

    let refused = it.admin.patch(&at, json!({"idle_days": 0, "reveal": "owner"})).await;
    assert_eq!(refused.refusal(), (403, "policy_denied".to_owned()));
    assert_eq!(refused.pointers(), ["/idle_days"]);
    let found = policy(&it.admin, &agency).await;
    assert_eq!(found["reveal"]["own"], Value::Null, "nothing of a refused change is made");
    let late = &found["query_string_keys"];
    assert_eq!((&late["own"], &late["effective"]), (&json!("allow"), &json!("warn")), "a later lock holds");

    // What had been wider before the lock stands in nobody's way.
    let changed = it.admin.patch(&at, json!({"idle_days": 30, "max_keys_per_user": null})).await.expect(200).json();
    assert_eq!(changed["idle_days"]["effective"], 30);
    assert_eq!(
        (&changed["max_keys_per_user"]["own"], &changed["max_keys_per_user"]["effective"]),
        (&Value::Null, &json!(25))
    );
    let unlock = it.admin.patch(&it.at("/policy"), json!({"locked": []})).await.expect(200).json();
    assert_eq!((&unlock["locked"], &unlock["idle_days"]["own"]), (&json!([]), &json!(90)));
    assert_eq!(policy(&it.admin, &agency).await["query_string_keys"]["effective"], "allow");

    for (body, pointer) in [
        (json!({"rotation_overlap_hours": 721}), "/rotation_overlap_hours"),
        (json!({"max_keys_per_user": 10_000_001}), "/max_keys_per_user"),
        (json!({"max_stale_secs": 4}), "/max_stale_secs"),
        (json!({"idle_notices": []}), "/idle_notices"),
        (json!({"idle_notices": [7, 7]}), "/idle_notices"),
        (json!({"expiry_notices": [366]}), "/expiry_notices"),
        (json!({"expiry_notices": [6, 5, 4, 3, 2, 1]}), "/expiry_notices"),
        (json!({"expiry_notices": [-1]}), "/expiry_notices/0"),
        (json!({"locked": ["mode"]}), "/locked/0"),
        (json!({"locked": null}), "/locked"),
        (json!({"locked": ["reveal", "reveal"]}), "/locked"),
        (json!({"mode": "strict"}), "/mode"),
    ] {
        let refused = it.admin.patch(&at, body).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]));
    }
    let stale = it.admin.request("PATCH", &at).header("if-match", "\"1\"").json(&json!({"idle_days": 7}));
    assert_eq!(it.admin.send(stale).await.refusal(), (412, "version_mismatch".to_owned()));
}

#[tokio::test]
async fn days_of_notices_are_inherited_and_below_a_lock_none_is_left_out() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let at = path(&agency, "/policy");
    let found = policy(&it.admin, &agency).await;
    assert_eq!(found["idle_notices"]["effective"], json!([15, 7, 1]));
    assert_eq!(found["expiry_notices"]["effective"], json!([30, 7, 1]));
    assert_eq!(found["expiry_notices"]["set_by"]["source"], "default");
    let above = json!({"idle_notices": [3, 60], "locked": ["idle_notices"]});
    it.admin.patch(&it.at("/policy"), above).await.expect(200);
    assert_eq!(policy(&it.admin, &agency).await["idle_notices"]["effective"], json!([60, 3]));

    let refused = it.admin.patch(&at, json!({"idle_notices": [60, 30]})).await;
    assert_eq!(
        (refused.refusal(), refused.pointers()),
        ((403, "policy_denied".to_owned()), vec!["/idle_notices".into()])
    );
    let own = json!({"idle_notices": [1, 3, 60], "expiry_notices": [5]});
    let changed = it.admin.patch(&at, own).await.expect(200).json();
    assert_eq!(
        (&changed["idle_notices"]["own"], &changed["idle_notices"]["set_by"]["source"]),
        (&json!([60, 3, 1]), &json!("own"))
    );
    assert_eq!(changed["expiry_notices"]["effective"], json!([5]));
    let back = it.admin.patch(&at, json!({"idle_notices": null, "expiry_notices": null})).await.expect(200).json();
    assert_eq!((&back["idle_notices"]["effective"], &back["idle_notices"]["own"]), (&json!([60, 3]), &Value::Null));
    assert_eq!(back["expiry_notices"]["effective"], json!([30, 7, 1]));
}

#[tokio::test]
async fn preview_says_which_keys_would_break_a_policy_and_changes_nothing() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let free = create_below(&it, &agency, "Free").await;
    it.admin.patch(&path(&free, "/policy"), json!({"expiry_days_max": 0})).await.expect(200);
    for number in 0..12 {
        it.admin.post(&path(&agency, "/keys"), json!({"name": format!("Endless {number}")})).await.expect(201);
        it.advance_micros(1000);
    }
    for (name, days) in [("Short", 29), ("Long", 31)] {
        let key = json!({"name": name, "expires_at": it.days_from_now(days)});
        it.admin.post(&path(&agency, "/keys"), key).await.expect(201);
    }
    it.admin.post(&path(&free, "/keys"), json!({"name": "Free"})).await.expect(201);
    let head = async || it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap();
    let before = head().await;

    let preview =
        async |at: &str, change: Value| it.admin.post(&path(at, "/policy/preview"), change).await.expect(200).json();
    let found = preview(&agency, json!({"expiry_days_max": 30, "max_keys_per_user": 10})).await;
    assert_eq!(found["effective"]["expiry_days_max"], 30);
    assert_eq!((&found["organization_count"], &found["is_partial"]), (&json!(2), &json!(false)));
    let counts: Vec<_> =
        found["broken"].as_array().unwrap().iter().map(|it| (it["rule"].clone(), it["key_count"].clone())).collect();
    let expected = [("expiry_required", 12), ("lifetime_too_long", 1), ("too_many_keys", 4)];
    assert_eq!(counts, expected.map(|(rule, count)| (json!(rule), json!(count))));
    let named = found["broken"][0]["keys"].as_array().unwrap();
    assert_eq!((named.len(), &named[0]["name"]), (5, &json!("Endless 0")));
    assert_eq!(found["broken"][1]["keys"][0]["name"], "Long");
    assert_eq!(found["broken"][2]["keys"][0]["name"], "Endless 10", "the newest are those that are too many");

    // The lock reaches what had set itself free.
    let locked = preview(&agency, json!({"expiry_days_max": 30, "locked": ["expiry_days_max"]})).await;
    assert_eq!(locked["broken"][0]["key_count"], 13);
    // What does not change breaks nothing new.
    assert_eq!(preview(&agency, json!({})).await["broken"], json!([]));
    let above = preview(&it.root, json!({"expiry_days_max": 30})).await;
    assert_eq!(above["broken"][0]["key_count"], 14, "those below, and the two keys of the root");
    assert_eq!(head().await, before, "a preview leaves no event");
    assert_eq!(policy(&it.admin, &agency).await["expiry_days_max"]["own"], Value::Null);
}

// S3: days of idleness are counted from the last use, and from the making where there was none.
#[tokio::test]
async fn preview_counts_the_copies_of_secrets_that_would_be_destroyed_here_and_below() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let free = it.create_organization("Free").await;
    let patch = async |at: &str, change: Value| {
        it.admin.patch(&format!("/api/v1/organizations/{at}/policy"), change).await.expect(200);
    };
    patch(&it.root, json!({"reveal": "owner"})).await;
    patch(&free, json!({"reveal": "owner"})).await;
    for (at, count) in [(&it.root, 2), (&below, 3), (&free, 1)] {
        for number in 0..count {
            let path = format!("/api/v1/organizations/{at}/keys");
            it.admin.post(&path, json!({"name": format!("Kept {number}")})).await.expect(201);
        }
    }
    let preview = async |change: Value| {
        it.admin.post(&it.at("/policy/preview"), change).await.expect(200).json()["destroyed_copy_count"].clone()
    };
    assert_eq!(preview(json!({"reveal": "once"})).await, 5, "one below chooses for itself");
    assert_eq!(preview(json!({"reveal": "once", "locked": ["reveal"]})).await, 6);
    assert_eq!(preview(json!({"reveal": "owner_and_admins"})).await, 0);
    assert_eq!(preview(json!({"idle_days": 90})).await, 0);
    let standing = async |status: &str| {
        it.admin.patch(&format!("/api/v1/organizations/{below}"), json!({"status": status})).await.expect(200);
    };
    standing("suspended").await;
    assert_eq!(preview(json!({"reveal": "once"})).await, 5, "what is suspended loses its copies too");
    standing("active").await;
    patch(&it.root, json!({"reveal": "once"})).await;
    assert_eq!(preview(json!({"reveal": "once", "locked": ["reveal"]})).await, 1, "the others are gone");
}

#[tokio::test]
async fn preview_counts_keys_that_would_be_idle_at_once() {
    let it = Fixture::start().await;
    let used = it.create_key(json!({"name": "Used"})).await;
    it.create_key(json!({"name": "Never used"})).await;
    it.app.clock.advance(crate::app::DAY * 100);
    let used = it.admin.with(&used.token);
    used.get("/api/v1/me").await.expect(200);
    it.admin.get("/api/v1/me").await.expect(200);
    it.flush_uses().await;
    let found = it.admin.post(&it.at("/policy/preview"), json!({"idle_days": 90})).await.expect(200).json();
    let names: Vec<_> = found["broken"][0]["keys"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert!(names.contains(&json!("Never used")) && !names.contains(&json!("Used")), "{found}");
    assert_eq!((&found["broken"][0]["rule"], &found["broken"][0]["setting"]), (&json!("idle"), &json!("idle_days")));
}

/// Whoever comes second is judged on what the first has left.
#[tokio::test]
async fn a_policy_that_is_locked_above_while_it_is_widened_below_ends_up_narrow() {
    let it = Fixture::start().await;
    for round in 0..10 {
        let agency = it.create_organization(&format!("Agency {round}")).await;
        let location = create_below(&it, &agency, "Location").await;
        let (above, below) = (path(&agency, "/policy"), path(&location, "/policy"));
        let (locked, widened) = tokio::join!(
            it.admin.patch(&above, json!({"reveal": "once", "locked": ["reveal"]})),
            it.admin.patch(&below, json!({"reveal": "owner"})),
        );
        locked.expect(200);
        let found = policy(&it.admin, &location).await;
        assert_eq!(found["reveal"]["effective"], "once");
        let places = updates(&it, [&agency, &location]).await;
        match widened.status {
            200 => assert!(places[1] < places[0], "round {round}: it was widened behind the lock"),
            _ => assert_eq!((widened.refusal(), places[1]), ((403, "policy_denied".to_owned()), None)),
        }
    }
}

/// Where in the log the update of each organization stands.
async fn updates(it: &Fixture, ids: [&str; 2]) -> [Option<claviger_core::event::Position>; 2] {
    let mut reader = it.app.app.store().read().await.unwrap();
    let mut places = [None; 2];
    for (place, id) in places.iter_mut().zip(ids) {
        let tenant = Tenant::system(id.parse().unwrap(), "test");
        let page = reader.page_events(&tenant, &EventFilter::default(), &PageRequest::first(100)).await.unwrap();
        *place = page.rows.iter().find(|it| it.kind == EventKind::OrganizationPolicyUpdated).map(|it| it.position);
    }
    places
}
