//! How a change is made: whole or not at all, once for each idempotency key, and known to the replica when it is answered.

use std::sync::Arc;
use std::time::Duration;

use claviger::ops::idempotency::{Answer, Idempotency};
use claviger::ops::keys::{
    CreatedKey, KeyFilter, KeyQuery, Overlap, create_key, list_keys, revoke_key, rotate_key, set_key_active,
};
use claviger::ops::page::PageRequest;
use claviger_core::event::Stream;
use claviger_core::key::RevocationReason;
use claviger_core::reject::RejectCode;
use claviger_core::tenant::Tenant;
use claviger_store::PageRequest as StorePage;
use claviger_store::log::EventFilter;
use serde_json::{Value, json};

use crate::app::{TestApp, new_key, refused};

fn idempotency(fingerprint: u8) -> Option<Idempotency<CreatedKey>> {
    fn render(created: &CreatedKey) -> Value {
        json!({ "id": created.info.key.id })
    }
    let headers = |_: &CreatedKey| http::HeaderMap::new();
    Some(Idempotency { key: "once".to_owned(), fingerprint: [fingerprint; 32], status: 201, render, headers })
}

// D5: 64 clients send the same request at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_equal_requests_one_makes_the_key_and_all_get_its_answer() {
    let test = Arc::new(TestApp::new().await);
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let test = Arc::clone(&test);
            #[expect(clippy::disallowed_methods, reason = "a client is no task of the service")]
            tokio::spawn(async move {
                create_key(&test.app, &test.admin, test.root, new_key("CI"), idempotency(1)).await.unwrap()
            })
        })
        .collect();
    let (mut fresh, mut replayed) = (Vec::new(), Vec::new());
    for client in clients {
        match client.await.unwrap() {
            Answer::Fresh(created) => fresh.push(json!({ "id": created.info.key.id })),
            Answer::Replayed { status, body, .. } => {
                assert_eq!(status, 201);
                replayed.push(body);
            }
        }
    }
    assert_eq!((fresh.len(), replayed.len()), (1, 63));
    assert!(replayed.iter().all(|it| *it == fresh[0]));
    let other = create_key(&test.app, &test.admin, test.root, new_key("CI"), idempotency(2)).await;
    assert_eq!(refused(other), RejectCode::IdempotencyMismatch);
    // Another caller's key of the same name is another one.
    let (second, ..) = test.member(test.root, "Second", claviger_core::role::BuiltIn::Admin).await;
    let made = create_key(&test.app, &second, test.root, new_key("Another"), idempotency(1)).await.unwrap();
    assert!(made.fresh().is_some());
}

// A client that hangs up drops its future. The change goes on, wholly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_cuts_nothing_in_half() {
    let test = TestApp::new().await;
    for number in 0..40 {
        let text = format!("Cut {number}");
        let creating = create_key(&test.app, &test.admin, test.root, with_nobody(&text), None);
        // Some are dropped before they begin to write, some in the middle, some at the end.
        drop(tokio::time::timeout(Duration::from_micros(number * 60), creating).await);
    }
    // All tasks have ended once the writer is free for a change that came after them.
    test.create_key(&test.admin, test.root, with_nobody("Last")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let query = KeyQuery::from(KeyFilter { search: Some("Cut".to_owned()), ..KeyFilter::default() });
    let list =
        list_keys(&test.app, &test.admin, test.root, query, PageRequest { after: None, limit: 100 }).await.unwrap();
    let tenant = Tenant::system(test.root, "test");
    let mut reader = test.app.store().read().await.unwrap();
    for item in &list.page.items {
        let filter = EventFilter { entity: Some(item.key.id.into()), ..EventFilter::default() };
        let events = reader.page_events(&tenant, &filter, &StorePage::default()).await.unwrap().rows;
        let secrets = reader.find_live_secrets(&tenant, item.key.id).await.unwrap();
        assert_eq!((events.len(), secrets.len()), (1, 1), "{}", item.key.name);
    }
    let head = reader.head(Stream::Change).await.unwrap();
    assert_eq!(test.app.replica().position(), Some(head));
}

fn with_nobody(text: &str) -> claviger::ops::keys::NewKey {
    claviger::ops::keys::NewKey { owner_id: Some(None), ..new_key(text) }
}

// S0.12: on the writing node there is no allow after the answer to a revocation, nor to another change that ends what the key was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_never_answered_before_it_holds() {
    let test = TestApp::new().await;
    for number in 0..50 {
        let created = test.create_key(&test.admin, test.root, with_nobody(&format!("Key {number}"))).await.unwrap();
        assert_eq!(test.verify(&created.token, &[]), Ok(()));
        let id = created.info.key.id;
        let (app, admin, root) = (&test.app, &test.admin, test.root);
        let code = match number % 3 {
            0 => {
                revoke_key(app, admin, root, id, RevocationReason::Unspecified, None).await.unwrap();
                "revoked"
            }
            1 => {
                rotate_key(app, admin, root, id, Overlap::For(Duration::ZERO), None).await.unwrap();
                "revoked"
            }
            _ => {
                set_key_active(app, admin, root, id, false, None, None).await.unwrap();
                "inactive"
            }
        };
        assert_eq!(test.verify(&created.token, &[]), Err(code));
    }
}

// Whoever loses a right while waiting for the writer does not use it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_lost_while_waiting_is_lost() {
    let test = Arc::new(TestApp::new().await);
    let (second, _, member_id) = test.member(test.root, "Second", claviger_core::role::BuiltIn::Admin).await;
    // Somebody holds the writer; the demotion queues behind it, and the second admin's change behind that.
    let held = test.app.store().begin().await.unwrap();
    let demoting = {
        let test = Arc::clone(&test);
        #[expect(clippy::disallowed_methods, reason = "a client is no task of the service")]
        tokio::spawn(async move {
            claviger::ops::members::delete_member(&test.app, &test.admin, test.root, member_id).await
        })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let creating = {
        let test = Arc::clone(&test);
        #[expect(clippy::disallowed_methods, reason = "a client is no task of the service")]
        tokio::spawn(async move { test.create_key(&second, test.root, new_key("Too late")).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(held);
    demoting.await.unwrap().unwrap();
    assert_eq!(refused(creating.await.unwrap()), RejectCode::NotFound);
}

// S3.11: a use appears once it is written down.
#[tokio::test]
async fn a_use_is_counted_in_memory_and_written_down() {
    let test = TestApp::new().await;
    let answer = test.get("/api/v1/me", test.first_key.expose()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    test.app.uses().flush().await.unwrap();
    let list = list_keys(&test.app, &test.admin, test.root, KeyQuery::default(), PageRequest::default()).await.unwrap();
    assert_eq!(list.page.items[0].last_use.as_ref().unwrap().at, test.now());
    let body = json!({ "key": test.first_key.expose() });
    let verified = test.post("/api/v1/verify", test.first_key.expose(), &body).await;
    assert_eq!((verified.status, &verified.body["allowed"]), (200, &Value::Bool(true)));
    test.stop().await;
}

#[tokio::test]
async fn lists_that_take_long_keep_no_revocation_waiting() {
    const READERS: usize = 8;
    let test = TestApp::new().await;
    let made = test.create_key(&test.admin, test.root, new_key("CI")).await.unwrap();
    let mut lists = Vec::new();
    for _ in 0..READERS {
        lists.push(test.app.store().read().await.unwrap());
    }
    let (id, reason) = (made.info.key.id, RevocationReason::KeyCompromise);
    let revoked = revoke_key(&test.app, &test.admin, test.root, id, reason, None);
    tokio::time::timeout(Duration::from_secs(5), revoked).await.expect("nobody waits for the lists").unwrap();
    assert_eq!(test.verify(&made.token, &[]), Err("revoked"));
}

// Every change commits with its event, also what the first start makes.
#[tokio::test]
async fn the_first_key_has_an_event_of_its_own_behind_that_of_the_installation() {
    let test = TestApp::new().await;
    let query = KeyQuery::from(KeyFilter { search: Some("First key".to_owned()), ..KeyFilter::default() });
    let list = list_keys(&test.app, &test.admin, test.root, query, PageRequest::default()).await.unwrap();
    let key_id = list.page.items[0].key.id;
    let tenant = Tenant::system(test.root, "test");
    let mut reader = test.app.store().read().await.unwrap();
    let filter = EventFilter { entity: Some(key_id.into()), ..EventFilter::default() };
    let events = reader.page_events(&tenant, &filter, &StorePage::default()).await.unwrap().rows;
    assert_eq!(events.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["key.created"]);
    assert_eq!(events[0].after.as_ref().unwrap()["name"], "First key");
    let all = reader.page_events(&tenant, &EventFilter::default(), &StorePage::default()).await.unwrap().rows;
    let kinds: Vec<_> = all.iter().rev().map(|it| it.kind.as_str()).take(2).collect();
    assert_eq!(kinds, ["installation.created", "key.created"]);
}
