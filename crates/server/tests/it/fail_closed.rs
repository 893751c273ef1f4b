//! Assurance A2: no change without its event. Where the event cannot be written, nothing else is, and keys are verified all the same.

use claviger_core::event::Stream;
use claviger_core::time::Timestamp;
use serde_json::json;

use crate::api::fixture::Fixture;
use crate::engine::is_postgres;
use crate::every_change::{Call, calls};
use crate::raw::{Contents, Raw, differing};

/// Where a transaction puts its event, on the engine of this run.
fn place_of_events() -> &'static str {
    if is_postgres() { "INSERT ON outbox" } else { "INSERT ON event" }
}

/// Why an answer and what became of the tables are not those of a change that was refused as a whole.
fn fault(call: &Call, status: u16, before: &Contents, after: &Contents) -> Option<String> {
    let changed = differing(before, after);
    if !changed.is_empty() {
        return Some(format!("{} changed {changed:?}", call.operation));
    }
    (!(500..600).contains(&status)).then(|| format!("{} was answered with {status}", call.operation))
}

#[tokio::test]
async fn a_change_whose_event_cannot_be_written_is_no_change() {
    let it = Fixture::start().await;
    let calls = calls(&it).await;
    let good = it.create_key(json!({"name": "Good"})).await;
    let mut raw = Raw::of(it.app.app.store()).await;
    raw.plant(place_of_events()).await;
    let before = raw.contents().await;
    for call in &calls {
        let answer = call.send(&it).await;
        assert_eq!(fault(call, answer.status, &before, &raw.contents().await), None, "{answer:?}");
        assert_eq!(answer.code(), "internal", "{}: {answer:?}", call.operation);
        assert_eq!(it.verify(json!({"key": good.token})).await["allowed"], true, "after {}", call.operation);
    }
    raw.mend(place_of_events()).await;
    let head = async || it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap().seq;
    let events = head().await;
    for call in &calls {
        let answer = call.send(&it).await;
        assert!((200..300).contains(&answer.status), "{} once it is mended: {answer:?}", call.operation);
    }
    assert_eq!(head().await, events + calls.len() as u64);
}

// On PostgreSQL an event waits in the outbox, committed with its change, until it is given its place. Where it cannot be given one, whoever made
// the change is told that it was made, and nobody changes anything more on what they cannot have heard of.
#[tokio::test]
async fn a_change_whose_event_finds_no_place_is_said_to_be_made_and_is_the_last() {
    let it = Fixture::start().await;
    let good = it.create_key(json!({"name": "Good"})).await;
    let mut raw = Raw::of(it.app.app.store()).await;
    raw.plant("INSERT ON event").await;
    let create = async |name: &str| it.admin.post(&it.at("/roles"), json!({"name": name, "permissions": []})).await;
    let first = create("First").await;
    if is_postgres() {
        assert_eq!(first.refusal(), (503, "unavailable".to_owned()));
        assert!(first.text_at("/detail").starts_with("The change was made"), "{first:?}");
    } else {
        assert_eq!(first.refusal(), (500, "internal".to_owned()));
    }
    let before = raw.contents().await;
    let second = create("Second").await;
    assert!((500..600).contains(&second.status), "{second:?}");
    assert_eq!(differing(&before, &raw.contents().await), [""; 0]);
    assert_eq!(it.verify(json!({"key": good.token})).await["allowed"], true);

    raw.mend("INSERT ON event").await;
    create("Second").await.expect(201);
    let again = create("First").await;
    assert_eq!(again.status, if is_postgres() { 409 } else { 201 }, "{again:?}");
    let waiting: i64 = match is_postgres() {
        true => raw.rows::<(i64,)>("SELECT count(*) FROM outbox").await[0].0,
        false => 0,
    };
    assert_eq!(waiting, 0);
}

// The control: a change that goes by its event is found by the same comparison, and so is a call that is let through.
#[tokio::test]
async fn a_change_that_goes_without_its_event_is_found() {
    let it = Fixture::start().await;
    let mut raw = Raw::of(it.app.app.store()).await;
    raw.plant(place_of_events()).await;
    let before = raw.contents().await;
    let mut tx = it.app.app.store().begin().await.unwrap();
    tx.put_password_unchecked(it.app.admin_id, "$planted$", Timestamp::MIN).await.unwrap();
    tx.commit_unaudited("the planted fault").await.unwrap();
    let call = Call { operation: "planted", method: "POST", path: String::new(), body: json!({}), cookie: None };
    let after = raw.contents().await;
    assert_eq!(fault(&call, 500, &before, &after).as_deref(), Some("planted changed [\"password\"]"));
    assert_eq!(fault(&call, 200, &before, &before).as_deref(), Some("planted was answered with 200"));
    assert_eq!(fault(&call, 500, &before, &before), None);
}
