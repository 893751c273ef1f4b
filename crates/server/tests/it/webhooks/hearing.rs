//! Who is told what, also days after it happened: by what is held when it is sent, read or sent again.

use claviger_core::event::Stream;
use claviger_core::id::{OrganizationId, WebhookId};
use claviger_core::limits::FAN_OUT_WEBHOOKS_MAX;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::Webhook;
use claviger_store::PageRequest;
use serde_json::{Value, json};

use super::hooks::{delivered, event, hook, member, report, subscribe, tell};
use crate::api::client::Client;
use crate::api::fixture::Fixture;

async fn put_type(it: &Fixture, organization: &str, event_type: &str, permission: &str) {
    let path = format!("/api/v1/organizations/{organization}/event-types/{event_type}");
    let answer = it.admin.send(it.admin.request("PUT", &path).json(&json!({ "permission": permission }))).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
}

fn exceeds() -> (u16, String) {
    (403, "grant_exceeds_own".to_owned())
}

async fn body_of_newest(client: &Client, id: &str) -> (String, Value) {
    let page = client.get(&format!("/api/v1/hooks/{id}/deliveries")).await.expect(200);
    let delivery = page.text_at("/data/0/id");
    let one = client.get(&format!("/api/v1/hooks/{id}/deliveries/{delivery}")).await.expect(200).json();
    (delivery, one["body"].clone())
}

#[tokio::test]
async fn a_narrowed_access_token_sends_nothing_elsewhere_or_again_that_it_may_not_read() {
    let it = Fixture::start().await;
    let key = it.create_key(json!({"name": "Zapier"})).await;
    let client = it.admin.with(&key.token);
    let id = subscribe(&client, hook("*", "*")).await;
    report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    tell(&it).await;
    let fields =
        [("grant_type", "client_credentials"), ("scope", "claviger/own-webhooks:update claviger/own-webhooks:read")];
    let nobody = it.admin.without();
    let request = nobody.request("POST", "/oauth/token").basic_auth(&key.access_key, Some(&key.secret_key));
    let token = nobody.send(request.form(&fields)).await.expect(200).text_at("/access_token");
    let bearer = nobody.with(&token);
    let path = format!("/api/v1/hooks/{id}");
    let elsewhere = json!({"target_url": "https://elsewhere.example.com/"});
    assert_eq!(bearer.patch(&path, elsewhere.clone()).await.refusal(), exceeds());
    let (delivery, body) = body_of_newest(&bearer, &id).await;
    assert_eq!(body, Value::Null, "it does not read what was sent either");
    assert_ne!(body_of_newest(&client, &id).await.1, Value::Null, "its key does");
    let again = bearer.post(&format!("{path}/deliveries/{delivery}/resend"), json!({})).await;
    assert_eq!(again.refusal(), exceeds());
    let since = json!({"since": it.now()});
    assert_eq!(bearer.post(&format!("{path}/recover"), since.clone()).await.refusal(), exceeds());
    bearer.patch(&path, json!({"status": "paused"})).await.expect(200);
    assert_eq!(bearer.patch(&path, json!({"status": "active"})).await.refusal(), exceeds());
    client.patch(&path, json!({"status": "active"})).await.expect(200);
    client.patch(&path, elsewhere).await.expect(200);
    client.post(&format!("{path}/recover"), since).await.expect(200);
}

#[tokio::test]
async fn a_key_that_may_read_less_by_now_neither_reads_what_was_sent_nor_has_it_sent_again() {
    let it = Fixture::start().await;
    let member = member(&it, "Demoted", &["contacts:read"]).await;
    let id = subscribe(&member, hook("contact", "*")).await;
    report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    tell(&it).await;
    let (delivery, body) = body_of_newest(&member, &id).await;
    assert_eq!(body["data"]["name"], "Ann");
    let roles = it.admin.get(&it.at("/roles?limit=100")).await.json();
    let role = roles["data"].as_array().expect("roles").iter().find(|it| it["name"] == "Demoted").expect("the role");
    let role = it.at(&format!("/roles/{}", role["id"].as_str().expect("an id")));
    it.admin.patch(&role, json!({"permissions": ["claviger/own-webhooks:*"]})).await.expect(200);
    assert_eq!(body_of_newest(&member, &id).await.1, Value::Null);
    for client in [&member, &it.admin] {
        let again = client.post(&format!("/api/v1/hooks/{id}/deliveries/{delivery}/resend"), json!({})).await;
        assert_eq!(again.refusal(), exceeds());
    }
    assert_eq!(body_of_newest(&it.admin, &id).await.1["data"]["name"], "Ann", "who may read contacts reads it");
}

#[tokio::test]
async fn what_takes_another_right_below_or_later_is_not_told_to_who_was_not_judged_for_it() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let scopes = ["claviger/webhooks:*", "contacts:read"];
    let half = it.create_key(json!({"name": "Half", "scopes": scopes, "reach": "subtree"})).await;
    let half = it.admin.with(&half.token);
    let mut asks = hook("contact", "*");
    (asks["reach"], asks["owner"]) = (json!("subtree"), json!("organization"));
    let (narrow, wide) = (subscribe(&half, asks.clone()).await, subscribe(&it.admin, asks).await);
    put_type(&it, &below, "contact.salary_changed", "salaries:read").await;
    report(&it, &[event(&it, "1", "contact.created", &below), event(&it, "2", "contact.salary_changed", &below)]).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &narrow).await, ["contact.created"]);
    assert_eq!(delivered(&it.admin, &wide).await.len(), 2, "whoever made this one may read everything");

    put_type(&it, &it.root, "contact.created", "secrets:read").await;
    report(&it, &[event(&it, "3", "contact.created", &it.root)]).await;
    tell(&it).await;
    assert_eq!((delivered(&it.admin, &narrow).await.len(), delivered(&it.admin, &wide).await.len()), (1, 3));
    let elsewhere = json!({"target_url": "https://elsewhere.example.com/"});
    let refused = half.patch(&format!("/api/v1/hooks/{narrow}"), elsewhere.clone()).await;
    assert_eq!(refused.refusal(), exceeds());
    it.admin.patch(&format!("/api/v1/hooks/{narrow}"), elsewhere).await.expect(200);
    report(&it, &[event(&it, "4", "contact.created", &it.root)]).await;
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &narrow).await.len(), 2, "it is judged by who sent it here last");
}

#[tokio::test]
async fn the_right_to_one_thing_is_none_to_another_of_the_same_number() {
    let it = Fixture::start().await;
    put_type(&it, &it.root, "comment.created", "scorecards:read").await;
    let member = member(&it, "Seven", &["scorecards/7:read"]).await;
    let id = subscribe(&member, hook("*", "*")).await;
    report(&it, &[event(&it, "1", "comment.created", &it.root), event(&it, "2", "scorecard.updated", &it.root)]).await;
    tell(&it).await;
    assert_eq!(delivered(&member, &id).await, ["scorecard.updated"]);
}

#[tokio::test]
async fn a_suspended_organizations_webhook_never_learns_of_what_happens_meanwhile() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let mut asks = hook("organization", "*");
    (asks["organization_id"], asks["owner"]) = (json!(below), json!("organization"));
    let id = subscribe(&it.admin, asks).await;
    let path = format!("/api/v1/organizations/{below}");
    for change in [json!({"status": "suspended"}), json!({"name": "Elsewhere"}), json!({"status": "active"})] {
        it.admin.patch(&path, change).await.expect(200);
        tell(&it).await;
    }
    assert!(delivered(&it.admin, &id).await.is_empty(), "not even that it was suspended");
    it.admin.patch(&path, json!({"name": "Below again"})).await.expect(200);
    tell(&it).await;
    assert_eq!(delivered(&it.admin, &id).await, ["organization.updated"]);
}

#[tokio::test]
async fn what_very_many_webhooks_ask_for_comes_to_each_once_in_more_than_one_turn() {
    let it = Fixture::start().await;
    let mut of_organization = hook("contact", "create");
    of_organization["owner"] = json!("organization");
    let first = subscribe(&it.admin, of_organization).await;
    let root: OrganizationId = it.root.parse().expect("an id");
    let (tenant, first): (_, WebhookId) = (Tenant::system(root, "a test"), first.parse().expect("an id"));
    let store = it.app.app.store();
    let mut reader = store.read().await.expect("a reader");
    let pattern = reader.find_webhook(&tenant, first).await.expect("an answer").expect("the webhook").webhook;
    let mut tx = store.begin().await.expect("a transaction");
    let mut hooks = vec![first];
    for number in 0..FAN_OUT_WEBHOOKS_MAX as u128 + 20 {
        let id = WebhookId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number);
        tx.insert_webhook(&tenant, &Webhook { id, ..pattern.clone() }).await.expect("a webhook");
        hooks.push(id);
    }
    tx.commit_unaudited("a test").await.expect("a commit");
    report(&it, &[event(&it, "1", "contact.created", &it.root), event(&it, "2", "contact.created", &it.root)]).await;
    tell(&it).await;
    assert!(reader.find_fan_out_unchecked(Stream::Host).await.expect("an answer").is_some(), "one turn was cut short");
    for id in hooks {
        let page = reader.page_deliveries(&tenant, id, None, &PageRequest::first(9)).await.expect("a page");
        assert_eq!(page.rows.len(), 2, "{id}");
    }
}

#[tokio::test]
async fn what_was_reported_can_be_reported_again_whoever_did_it_is_gone_or_another_by_then() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let admin_role = it.built_in_role("admin").await;
    let (ann, ben) = (it.create_member("Ann", &admin_role).await, it.create_member("Ben", &admin_role).await);
    let key = it.create_key(json!({"name": "Integration", "mapped_user_id": ann})).await;
    let by_key = |id: &str| {
        let mut it = event(&it, id, "contact.created", &it.root);
        it["actor_key_id"] = json!(key.id);
        it
    };
    let (first, at) = (by_key("1"), it.now());
    report(&it, std::slice::from_ref(&first)).await;
    it.admin.patch(&it.at(&format!("/keys/{}", key.id)), json!({"mapped_user_id": ben})).await.expect(200);
    let again = report(&it, std::slice::from_ref(&first)).await;
    assert_eq!(again["data"][0]["is_new"], false, "the host says the same");
    it.revoke(&key.id).await;
    let batch = report(&it, &[first.clone(), by_key("2")]).await;
    assert_eq!((&batch["data"][0]["is_new"], &batch["data"][1]["is_new"]), (&json!(false), &json!(true)));

    let by_user = |id: &str, user: &str| {
        let mut it = event(&it, id, "contact.created", &it.root);
        (it["actor_user_id"], it["at"]) = (json!(user), json!(at));
        it
    };
    report(&it, &[by_user("3", &ann)]).await;
    let members = it.admin.get(&it.at("/members?limit=100")).await.expect(200).json();
    let member = members["data"].as_array().expect("a list").iter().find(|it| it["user"]["id"] == json!(ann));
    let path = it.at(&format!("/members/{}", member.expect("the member")["id"].as_str().expect("an id")));
    it.admin.send(it.admin.request("DELETE", &path)).await.expect(204);
    let batch = report(&it, &[by_user("3", &ann), by_user("4", &ann)]).await;
    assert_eq!((&batch["data"][0]["is_new"], &batch["data"][1]["is_new"]), (&json!(false), &json!(true)));
    let users = format!("/api/v1/organizations/{below}/users");
    let stranger = it.admin.post(&users, json!({"name": "Stranger"})).await.expect(201).text_at("/id");
    let refused = it.admin.post("/api/v1/events", json!({"events": [by_user("5", &stranger)]})).await;
    assert_eq!((refused.status, refused.pointers()), (400, vec!["/events/0/actor_user_id".to_owned()]));
    let other = it.admin.post("/api/v1/events", json!({"events": [by_user("3", &ben)]})).await;
    assert_eq!(other.pointers(), ["/events/0/id"], "who did it is what the host says");
}

// Nobody may be kept from reporting on because somebody left whom another organization manages: a host's batch would be refused for ever.
#[tokio::test]
async fn new_events_of_a_former_member_who_is_managed_elsewhere_are_taken_and_those_of_a_stranger_are_not() {
    let it = Fixture::start().await;
    let below = it.create_organization("Below").await;
    let users = format!("/api/v1/organizations/{below}/users");
    let user = async |name: &str| it.admin.post(&users, json!({"name": name})).await.expect(201).text_at("/id");
    let (ann, stranger) = (user("Ann").await, user("Stranger").await);
    let role = it.built_in_role("admin").await;
    let member = it.admin.post(&it.at("/members"), json!({"user_id": ann, "role_id": role})).await.expect(201);
    let done = |id: &str, user: &str| {
        let mut it = event(&it, id, "contact.created", &it.root);
        it["actor_user_id"] = json!(user);
        it
    };
    report(&it, &[done("1", &ann)]).await;
    let path = it.at(&format!("/members/{}", member.text_at("/id")));
    it.admin.send(it.admin.request("DELETE", &path)).await.expect(204);
    let batch = report(&it, &[done("2", &ann)]).await;
    assert_eq!(batch["data"][0]["is_new"], true);
    let refused = it.admin.post("/api/v1/events", json!({"events": [done("3", &stranger)]})).await;
    assert_eq!((refused.status, refused.pointers()), (400, vec!["/events/0/actor_user_id".to_owned()]));
}
