//! A rotation that is under way: ended early, extended, taken back.

use serde_json::{Value, json};

use super::client::Answer;
use super::fixture::{Fixture, Made};

const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

async fn change(it: &Fixture, key: &Made, action: &str, body: Value) -> Answer {
    it.admin.post(&it.at(&format!("/keys/{}/rotation/{action}", key.id)), body).await
}

/// A key with an old and a new secret.
async fn rotated(it: &Fixture, overlap_days: u64) -> (Made, Made) {
    let old = it.create_key(json!({"name": "Rotated"})).await;
    let new = it.rotate(&old.id, json!({"overlap_secs": overlap_days * 24 * 60 * 60})).await;
    (old, new)
}

/// Whether each of the two secrets is accepted.
fn good(it: &Fixture, (old, new): &(Made, Made)) -> [bool; 2] {
    [old, new].map(|made| it.app.verify_text(&made.token, &[]).is_ok())
}

/// The states of a key's secrets, as an answer has them.
fn states(key: &Value) -> Vec<&str> {
    let secrets = key["secrets"].as_array().into_iter().flatten();
    secrets.map(|it| it["state"].as_str().unwrap_or_default()).collect()
}

/// The newest event of a key: its kind, and what it says of before and after.
async fn event(it: &Fixture, key: &Made) -> (String, Value, Value) {
    let page = it.admin.get(&it.at(&format!("/events?entity_id={}&limit=1", key.id))).await.expect(200);
    let event = page.json()["data"][0].clone();
    (event["operation"].as_str().unwrap_or_default().to_owned(), event["before"].clone(), event["after"].clone())
}

#[tokio::test]
async fn a_rotation_ended_early_stops_the_old_secret_at_once_and_leaves_the_new_one() {
    let it = Fixture::start().await;
    let both = rotated(&it, 7).await;
    assert_eq!(good(&it, &both), [true, true]);
    let key = change(&it, &both.0, "end", json!({})).await.expect(200).json();
    assert_eq!((&key["rotating_until"], states(&key)), (&Value::Null, vec!["current", "dead"]));
    assert_eq!(good(&it, &both), [false, true]);
    let again = change(&it, &both.0, "end", json!({})).await.expect(200);
    assert_eq!(again.header("etag"), "\"3\"", "nothing was left to end, so nothing changed");
    assert_eq!(states(&again.json()), ["current"]);
    let (kind, before, after) = event(&it, &both.0).await;
    assert_eq!((kind.as_str(), &before["secrets"][0]["state"]), ("key.rotation_ended", &json!("retiring")));
    assert_eq!(after["secrets"][0]["state"], "dead");
    for action in ["extend", "cancel"] {
        let body = if action == "extend" { json!({"until": it.days_from_now(2)}) } else { json!({}) };
        assert_eq!(change(&it, &both.0, action, body).await.refusal(), (409, "state_conflict".into()), "{action}");
    }
    assert_eq!(good(&it, &both), [false, true], "it never comes back");
}

// The bound is counted from when the rotation began: from now it would never be reached.
#[tokio::test]
async fn an_old_secret_is_kept_for_longer_as_far_as_policy_lets_it_from_the_beginning() {
    let it = Fixture::start().await;
    let both = rotated(&it, 7).await;
    it.advance_micros(6 * DAY_MICROS);
    let extend = async |until: String| change(&it, &both.0, "extend", json!({ "until": until })).await;
    let sooner = extend(it.days_from_now(7)).await;
    assert_eq!((sooner.status, sooner.pointers()), (400, vec!["/until".to_owned()]));
    assert_eq!(extend(it.days_from_now(31)).await.refusal(), (403, "policy_denied".into()));
    let key = extend(it.days_from_now(30)).await.expect(200);
    assert_eq!(key.text_at("/rotating_until"), it.days_from_now(30));
    it.advance_micros(20 * DAY_MICROS);
    assert_eq!(good(&it, &both), [true, true]);
    let (kind, before, after) = event(&it, &both.0).await;
    let until = |secrets: &Value| secrets["secrets"][0]["until"].clone();
    assert_eq!(kind, "key.rotation_extended");
    assert_eq!([until(&before), until(&after)], [json!(it.days_from_now(7)), json!(it.days_from_now(30))]);
    it.advance_micros(4 * DAY_MICROS);
    assert_eq!(good(&it, &both), [false, true], "30 days are over");

    // Where an ancestor has locked it, nobody gets more for one key.
    let lock = json!({"rotation_overlap_hours": 24, "locked": ["rotation_overlap_hours"]});
    it.admin.patch(&it.at("/policy"), lock).await.expect(200);
    let other = it.create_key(json!({"name": "Locked"})).await;
    it.rotate(&other.id, json!({"overlap_secs": 3600})).await;
    let day_31 = change(&it, &other, "extend", json!({"until": it.days_from_now(31)})).await.expect(200);
    assert_eq!(day_31.text_at("/rotating_until"), it.days_from_now(31));
    let refused = change(&it, &other, "extend", json!({"until": it.days_from_now(32)})).await;
    assert_eq!(refused.refusal(), (403, "policy_denied".into()));
}

#[tokio::test]
async fn a_rotation_taken_back_kills_the_new_secret_and_the_old_one_stays_for_good() {
    let it = Fixture::start().await;
    it.admin.patch(&it.at("/policy"), json!({"reveal": "owner"})).await.expect(200);
    let both = rotated(&it, 1).await;
    let key = change(&it, &both.0, "cancel", json!({})).await.expect(200).json();
    assert_eq!(key["rotating_until"], Value::Null);
    assert_eq!(key["secrets"][0]["access_key"], both.0.access_key);
    assert_eq!((&key["secrets"][0]["state"], good(&it, &both)), (&json!("current"), [true, false]));
    let (kind, before, after) = event(&it, &both.0).await;
    let states = |it: &Value| [0, 1].map(|at| it["secrets"][at]["state"].as_str().unwrap_or_default().to_owned());
    assert_eq!(kind, "key.rotation_cancelled");
    assert_eq!([states(&before), states(&after)], [["retiring", "current"], ["current", "dead"]]);

    // It outlives the end that it had, and so does the copy of it that was kept.
    it.advance_micros(2 * DAY_MICROS);
    assert_eq!(good(&it, &both), [true, false]);
    let cookie = super::sessions::cookie(&it).await;
    let request = it.admin.without().request("POST", &it.at(&format!("/keys/{}/reveal", both.0.id)));
    let shown = it.admin.send(request.header("cookie", cookie).header("sec-fetch-site", "same-origin")).await;
    assert_eq!(shown.expect(200).text_at("/revealed/0/secret/token"), both.0.token);
    assert_eq!(change(&it, &both.0, "cancel", json!({})).await.refusal(), (409, "state_conflict".into()));

    // Rotated again, it goes on as any other.
    let third = it.rotate(&both.0.id, json!({"overlap_secs": 0})).await;
    assert_eq!((good(&it, &both), it.app.verify_text(&third.token, &[])), ([false, false], Ok(())));
}

#[tokio::test]
async fn a_new_secret_that_is_in_use_is_taken_back_only_by_who_says_so() {
    let it = Fixture::start().await;
    let both = rotated(&it, 7).await;
    it.admin.with(&both.1.token).get("/api/v1/me").await.expect(200);
    let refused = change(&it, &both.0, "cancel", json!({})).await;
    assert_eq!(refused.refusal(), (409, "state_conflict".into()));
    for told in [it.now(), "127.0.0.1".to_owned(), "even_if_used".to_owned()] {
        assert!(refused.text_at("/detail").contains(&told), "{told}: {refused:?}");
    }
    assert_eq!(good(&it, &both), [true, true]);
    change(&it, &both.0, "cancel", json!({"even_if_used": true})).await.expect(200);
    assert_eq!(good(&it, &both), [true, false]);
}

#[tokio::test]
async fn neither_an_expired_nor_a_revoked_key_comes_back_by_its_rotation() {
    let it = Fixture::start().await;
    let old = it.create_key(json!({"name": "Expires", "expires_at": it.days_from_now(2)})).await;
    let both = (old.clone(), it.rotate(&old.id, json!({"overlap_secs": 7 * 24 * 60 * 60})).await);
    it.advance_micros(3 * DAY_MICROS);
    let all = [("extend", json!({"until": it.days_from_now(9)})), ("cancel", json!({}))];
    for (action, body) in &all {
        let answer = change(&it, &old, action, body.clone()).await;
        assert_eq!(answer.refusal(), (409, "state_conflict".into()), "{action}");
    }
    assert_eq!(good(&it, &both), [false, false]);
    it.revoke(&old.id).await;
    for (action, body) in all.into_iter().chain([("end", json!({}))]) {
        assert_eq!(change(&it, &old, action, body).await.refusal(), (409, "state_conflict".into()), "{action}");
    }
    assert_eq!(good(&it, &both), [false, false]);
}

// Each secret has its own last use, so that it is seen when the old one is used no more.
#[tokio::test]
async fn each_secret_says_when_from_where_and_with_what_it_was_used_last() {
    let it = Fixture::start().await;
    let both = rotated(&it, 7).await;
    let call = async |token: &str, agent: &str| {
        let request = it.admin.with(token).request("GET", "/api/v1/me").header("user-agent", agent);
        it.admin.send(request).await.expect(200);
    };
    call(&both.0.token, "old/1").await;
    let first = it.now();
    it.advance_micros(DAY_MICROS);
    call(&both.1.token, "new/2").await;
    it.flush_uses().await;
    let key = it.admin.get(&it.at(&format!("/keys/{}", both.0.id))).await.expect(200).json();
    let use_of = |at: usize| key["secrets"][at]["last_use"].clone();
    assert_eq!(use_of(0), json!({"at": it.now(), "ip": "127.0.0.1", "user_agent": "new/2"}));
    assert_eq!(use_of(1), json!({"at": first, "ip": "127.0.0.1", "user_agent": "old/1"}));
}

/// A key that was rotated twice: its first, second and current secret, with their identifiers.
async fn rotated_twice(it: &Fixture) -> ([Made; 3], [String; 3]) {
    let first = it.create_key(json!({"name": "Rotated"})).await;
    it.advance_micros(1_000_000);
    let second = it.rotate(&first.id, json!({"overlap_secs": 7 * 24 * 60 * 60 - 1})).await;
    it.advance_micros(1_000_000);
    let third = it.rotate(&first.id, json!({"overlap_secs": 20 * 24 * 60 * 60 - 2})).await;
    let key = it.admin.get(&it.at(&format!("/keys/{}", first.id))).await.expect(200).json();
    let id = |at: usize| key["secrets"][at]["id"].as_str().unwrap_or_default().to_owned();
    ([first, second, third], [id(2), id(1), id(0)])
}

fn all_good(it: &Fixture, made: &[Made; 3]) -> [bool; 3] {
    made.each_ref().map(|made| it.app.verify_text(&made.token, &[]).is_ok())
}

#[tokio::test]
async fn of_two_old_secrets_the_one_that_is_named_ends_and_the_others_go_on() {
    let it = Fixture::start().await;
    let (made, ids) = rotated_twice(&it).await;
    assert_eq!(all_good(&it, &made), [true, true, true]);
    let end = async |id: &str| change(&it, &made[0], "end", json!({ "secret_id": id })).await;
    let key = end(&ids[1]).await.expect(200).json();
    assert_eq!(all_good(&it, &made), [true, false, true]);
    let said: Vec<_> =
        key["secrets"].as_array().unwrap().iter().map(|it| (it["id"].as_str(), it["state"].as_str())).collect();
    let expected = [(&ids[2], "current"), (&ids[0], "retiring"), (&ids[1], "dead")];
    assert_eq!(said, expected.map(|(id, state)| (Some(id.as_str()), Some(state))));
    assert_eq!(key["rotating_until"], it.days_from_now(7));
    let (_, before, after) = event(&it, &made[0]).await;
    assert_eq!(after["secrets"], json!([{"id": ids[1], "hint": format!("{}…", &made[1].token[..7]), "state": "dead"}]));
    assert_eq!((&before["secrets"][0]["id"], &before["secrets"][0]["state"]), (&json!(ids[1]), &json!("retiring")));
    assert_eq!(states(&end(&ids[1]).await.expect(200).json()), ["current", "retiring"], "twice is no error");

    assert_eq!(end(&ids[2]).await.refusal(), (409, "state_conflict".into()), "the current one is none to end");
    let other = it.create_key(json!({"name": "Other"})).await;
    let foreign = it.admin.get(&it.at(&format!("/keys/{}", other.id))).await.expect(200).text_at("/secrets/0/id");
    for wrong in [foreign.as_str(), "sec_01kapxb4q0e8mv5r3g2t9w7yzn", "sec_x", ""] {
        let refused = end(wrong).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec!["/secret_id".to_owned()]), "{wrong}");
    }
    assert_eq!(all_good(&it, &made), [true, false, true]);
    it.advance_micros(7 * DAY_MICROS);
    assert_eq!(all_good(&it, &made), [false, false, true]);
}

#[tokio::test]
async fn each_old_secret_is_extended_and_taken_back_to_by_its_own_identifier() {
    let it = Fixture::start().await;
    let (made, ids) = rotated_twice(&it).await;
    let step = async |action: &str, body: Value| change(&it, &made[0], action, body).await;
    let first = json!({"until": it.days_from_now(25), "secret_id": ids[0]});
    assert_eq!(step("extend", first).await.expect(200).text_at("/secrets/2/retiring_until"), it.days_from_now(25));
    let last = step("extend", json!({"until": it.days_from_now(21)})).await.expect(200).json();
    assert_eq!(last["secrets"][1]["retiring_until"], it.days_from_now(21), "the one that was replaced last");
    assert_eq!(last["secrets"][2]["retiring_until"], it.days_from_now(25));
    assert_eq!(last["rotating_until"], it.days_from_now(25));
    let key = step("cancel", json!({"secret_id": ids[0]})).await.expect(200).json();
    assert_eq!((all_good(&it, &made), states(&key)), ([true, true, false], vec!["retiring", "current", "dead"]));
    it.advance_micros(26 * DAY_MICROS);
    assert_eq!(all_good(&it, &made), [true, false, false]);
}

// What an answer promises is what holds: no secret outlives its key.
#[tokio::test]
async fn an_overlap_beyond_the_end_of_the_key_is_told_as_ending_with_it() {
    let it = Fixture::start().await;
    let expiry = it.days_from_now(2);
    let old = it.create_key(json!({"name": "Ends soon", "expires_at": expiry})).await;
    let path = it.at(&format!("/keys/{}", old.id));
    let rotated = it.admin.post(&format!("{path}/rotate"), json!({"overlap_secs": 7 * 24 * 60 * 60})).await.expect(200);
    let note = rotated.text_at("/secret_note");
    assert!(note.contains(&expiry) && note.contains("the key expires then"), "{note}");
    for key in [rotated.json()["key"].clone(), it.admin.get(&path).await.json()] {
        assert_eq!([&key["rotating_until"], &key["secrets"][1]["retiring_until"]], [&expiry, &expiry]);
    }
    assert_eq!(it.admin.get(&it.at("/keys?search=ends")).await.text_at("/data/0/rotating_until"), expiry);
    it.advance_micros(2 * DAY_MICROS);
    assert_eq!(it.app.verify_text(&old.token, &[]), Err("expired"));
    let refused = it.admin.post(&format!("{path}/rotate"), json!({})).await;
    assert_eq!(refused.refusal(), (409, "state_conflict".into()));
    assert!(refused.text_at("/detail").contains("would not make it good again"));
    assert_eq!(it.admin.get(&path).await.json()["rotating_until"], Value::Null);
    // Given a later end, the key is good again, and the old secret stays ended: it was said when it ends.
    it.admin.patch(&path, json!({"expires_at": it.days_from_now(9)})).await.expect(200);
    assert_eq!(it.admin.get(&path).await.json()["rotating_until"], Value::Null);
    assert_eq!(it.app.verify_text(&old.token, &[]), Err("revoked"));
    assert_eq!(it.app.verify_text(&rotated.text_at("/secret/token"), &[]), Ok(()));
}

#[tokio::test]
async fn many_expired_keys_that_are_extended_bring_no_old_secret_back() {
    let it = Fixture::start().await;
    let expiry = it.days_from_now(2);
    let old = it.create_key(json!({"name": "Ends soon", "expires_at": expiry})).await;
    let new = it.rotate(&old.id, json!({"overlap_secs": 7 * 24 * 60 * 60})).await;
    it.advance_micros(2 * DAY_MICROS);
    let body = json!({"keys": {"ids": [old.id]}, "expires_at": it.days_from_now(9)});
    it.admin.post(&it.at("/keys/bulk/extend"), body).await.expect(200);
    assert_eq!(good(&it, &(old, new)), [false, true]);
}
