//! What is due, who sends it, and what waits for what.

use std::collections::BTreeMap;

use claviger_core::event::{Entity, EventKind};
use claviger_core::limits::HEALTH_ATTEMPTS_MAX;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::Hold;
use claviger_store::log::EventFilter;
use claviger_store::webhooks::deliveries::DeliveryRow;
use claviger_store::webhooks::sending::Standing;
use sqlx::{AssertSqlSafe, Row as _};

use super::*;
use crate::engine::{embedded, file};

#[tokio::test]
async fn a_webhook_is_leased_once_and_found_again_when_its_lease_has_run_out() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    it.deliver(&it.own, id(), now()).await;
    let due = async |at| {
        let mut reader = it.world.store.read().await.expect("a reader");
        let [healthy, failing] = [
            reader.find_due_webhooks_unchecked(false, moment(at), 9).await.expect("an answer"),
            reader.find_due_webhooks_unchecked(true, moment(at), 9).await.expect("an answer"),
        ];
        (healthy.len(), failing.len())
    };
    let lease =
        async |at, until| it.change(async |tx| tx.lease_webhook(&acme, it.own.id, moment(at), until).await).await;
    let much_later = later().saturating_add(std::time::Duration::from_secs(30));
    assert_eq!(due(Timestamp::MIN).await, (0, 0));
    assert_eq!(due(now()).await, (1, 0));
    assert!(lease(now(), later()).await && !lease(now(), later()).await);
    assert_eq!(due(now()).await, (0, 0));
    assert_eq!(due(later()).await, (1, 0), "its holder is gone");
    assert!(lease(later(), much_later).await);
    let released = it.change(async |tx| tx.release_webhook(&acme, it.own.id, later()).await).await;
    assert!(!released, "that was another lease");
    assert!(it.change(async |tx| tx.release_webhook(&acme, it.own.id, much_later).await).await);

    let mut reader = it.world.store.read().await.expect("a reader");
    let found = reader.find_due_deliveries(&acme, it.own.id, now(), 9).await.expect("an answer").remove(0);
    let standing = Standing { state: DeliveryState::Pending, due_at: Some(later()), ended_at: None };
    let note = async |number| {
        it.change(async |tx| {
            let noted = tx.note_attempt(&acme, &found, &attempt(number), standing).await?;
            assert!(tx.note_webhook(&acme, it.own.id, [Some(now()), None]).await?);
            Ok(noted)
        })
        .await
    };
    assert!(note(1).await && !note(1).await, "one attempt is written down once");
    assert_eq!((due(now()).await, due(later()).await), ((0, 0), (0, 1)), "it waits for its next attempt");
    it.change(async |tx| tx.resend_delivery(&acme, it.own.id, found.id, now()).await).await;
    let again = reader.find_due_deliveries(&acme, it.own.id, now(), 9).await.expect("an answer").remove(0);
    assert_eq!((again.attempts, again.is_manual), (1, true));
    // Somebody asks once more while an attempt is under way that nobody had asked for.
    let read = DeliveryRow { is_manual: false, ..again.clone() };
    it.change(async |tx| tx.note_attempt(&acme, &read, &attempt(2), standing).await).await;
    let still = reader.find_due_deliveries(&acme, it.own.id, now(), 9).await.expect("an answer");
    assert_eq!((still.len(), still[0].attempts), (1, 2), "it is counted, and made again");
}

#[tokio::test]
async fn a_receiver_is_judged_by_what_was_tried_however_much_waits_behind_it() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    let tries = async || {
        let mut reader = it.world.store.read().await.expect("a reader");
        reader.find_recent_tries(&acme, it.own.id, now()).await.expect("an answer").len()
    };
    it.deliver(&it.own, id(), now()).await;
    let tried = async || {
        let mut reader = it.world.store.read().await.expect("a reader");
        reader.find_due_deliveries(&acme, it.own.id, now(), 1).await.expect("an answer").remove(0)
    };
    let first = tried().await;
    let standing = Standing { state: DeliveryState::Pending, due_at: Some(later()), ended_at: None };
    assert!(it.change(async |tx| tx.note_attempt(&acme, &first, &attempt(1), standing).await).await);
    assert_eq!(tries().await, 1);
    for _ in 0..HEALTH_ATTEMPTS_MAX {
        it.deliver(&it.own, id(), now()).await;
    }
    assert_eq!(tries().await, 1, "they are waiting, and it is as well as before");
    let second = tried().await;
    assert!(it.change(async |tx| tx.note_attempt(&acme, &second, &attempt(1), standing).await).await);
    assert_eq!(tries().await, 2);
}

#[tokio::test]
async fn what_was_tried_is_found_without_reading_what_waits() {
    let store = embedded().await;
    let mut connection = file(&store, "claviger.db").await;
    let statements: BTreeMap<_, _> = claviger_store::statements().into_iter().collect();
    let sql = format!("EXPLAIN QUERY PLAN {}", statements["FIND_RECENT_TRIES"]);
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("a plan");
    let steps: Vec<String> = rows.iter().map(|it| it.get("detail")).collect();
    assert!(steps.iter().any(|it| it.starts_with("SEARCH d USING INDEX delivery_tried ")), "{steps:#?}");
}

#[tokio::test]
async fn what_is_due_waits_while_the_organization_is_suspended() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    it.deliver(&it.own, id(), now()).await;
    let lease =
        async |until| it.change(async |tx| tx.lease_webhook(&acme, it.own.id, moment(now()), until).await).await;
    assert!(lease(later()).await);
    let mut reader = it.world.store.read().await.expect("a reader");
    assert!(reader.holds_lease(&acme, it.own.id, later()).await.expect("an answer"));
    let due = async || {
        let mut reader = it.world.store.read().await.expect("a reader");
        reader.find_due_webhooks_unchecked(false, moment(later()), 9).await.expect("an answer").len()
    };
    assert_eq!(due().await, 1);
    harm(&it.world.store, "UPDATE organization SET status = 'suspended' WHERE parent_id IS NULL").await;
    assert_eq!(due().await, 0, "one above it is enough");
    assert!(!reader.holds_lease(&acme, it.own.id, later()).await.expect("an answer"), "a turn ends");
    harm(&it.world.store, "UPDATE organization SET status = 'active'").await;
    assert_eq!(due().await, 1);
}

#[tokio::test]
async fn with_its_key_a_webhook_ends_or_is_paused_unless_it_is_gone() {
    use WebhookStatus::{Active, DisabledFailing, Gone, OffByKey, Paused};
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    let cases = [
        (Active, Paused, OffByKey),
        (Paused, Paused, OffByKey),
        (DisabledFailing, DisabledFailing, OffByKey),
        (Gone, Gone, Gone),
        (OffByKey, OffByKey, OffByKey),
    ];
    let hooks = cases.map(|(status, ..)| Webhook { status, ..webhook(acme.organization_id(), Some(it.key.id)) });
    it.change(async |tx| {
        for hook in &hooks {
            tx.insert_webhook(&acme, hook).await?;
        }
        tx.pause_webhooks_of_key(&acme, it.key.id, now()).await
    })
    .await;
    for (hook, (_, paused, _)) in hooks.iter().zip(cases) {
        assert_eq!(it.status(hook.id).await, Some(paused), "{:?}", hook.status);
    }
    it.world.revoke_key(&it.world.acme, &it.key).await;
    for (hook, (_, _, ended)) in hooks.iter().zip(cases) {
        assert_eq!(it.status(hook.id).await, Some(ended), "{:?}", hook.status);
    }
    // The log tells of those that ended, and of no other, right before it tells of the key.
    let mut reader = it.world.store.read().await.expect("a reader");
    let told = reader.page_events(&acme, &EventFilter::default(), &PageRequest::first(20)).await.expect("a page").rows;
    let status = |picture: &Option<serde_json::Value>| picture.as_ref().map(|it| it["status"].clone());
    let mut ended: Vec<_> =
        told[1..5].iter().map(|it| (it.kind, it.entity, status(&it.before), status(&it.after))).collect();
    ended.sort_by_key(|it| it.1);
    let before = |hook: &Webhook| match hook.status {
        Active | Paused => Paused,
        other => other,
    };
    let own = Webhook { status: Paused, ..it.of_key.clone() };
    let mut expected: Vec<_> = [&own].into_iter().chain(&hooks[..3]).collect();
    expected.sort_by_key(|it| it.id);
    let expected = expected.into_iter().map(|it| {
        let words = [before(it), OffByKey].map(|it| Some(serde_json::Value::from(it.as_str())));
        let [before, after] = words;
        (EventKind::WebhookEnded, Entity::from(it.id), before, after)
    });
    assert_eq!(ended, expected.collect::<Vec<_>>());
    assert!(told[5].kind != EventKind::WebhookEnded && told[0].kind != EventKind::WebhookEnded, "{told:?}");
}

#[tokio::test]
async fn a_key_ends_also_where_one_of_its_webhooks_cannot_be_read() {
    let it = Subscribed::new().await;
    let id = it.of_key.id;
    harm(&it.world.store, &format!("UPDATE webhook SET target_url = 'nonsense', reach = 'far' WHERE id = '{id}'"))
        .await;
    it.world.revoke_key(&it.world.acme, &it.key).await;
    let (mut reader, acme) = (it.world.store.read().await.expect("a reader"), &it.world.acme.tenant);
    let filter = EventFilter { kind: Some(EventKind::WebhookEnded), ..EventFilter::default() };
    let told = reader.page_events(acme, &filter, &PageRequest::first(2)).await.expect("a page").rows;
    assert_eq!(told.len(), 1);
    let after = told[0].after.as_ref().expect("what it tells");
    assert_eq!((&after["target"], &after["status"]), (&serde_json::Value::Null, &"off_by_key".into()));
}

/// Who fans out has one webhook of a key and wants another; who pauses or ends all of the key's takes them in the same order, and waits for the first.
#[tokio::test]
async fn several_webhooks_are_taken_in_one_order() {
    if !is_postgres() {
        return;
    }
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    let (first, second) = [0, 1].map(|_| webhook(acme.organization_id(), Some(it.key.id))).into();
    it.change(async |tx| {
        tx.insert_webhook(&acme, &second).await?;
        tx.insert_webhook(&acme, &first).await
    })
    .await;
    harm(&it.world.store, &format!("DELETE FROM webhook WHERE id = '{}'", it.of_key.id)).await;
    let mut telling = it.world.store.begin().await.expect("a transaction");
    assert!(telling.bring_forward(&acme, first.id, now()).await.expect("a change"));
    let pausing = it.change(async |tx| tx.pause_webhooks_of_key(&acme, it.key.id, now()).await);
    let told = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(telling.bring_forward(&acme, second.id, now()).await.expect("no deadlock"));
        telling.commit_unaudited("a test").await.expect("a commit");
    };
    assert_eq!(tokio::join!(pausing, told).0.len(), 2);
}

/// Who notes what came of an attempt asks which deliveries are left, and one that is made at that moment is one of them.
#[tokio::test]
async fn a_delivery_that_is_made_beside_a_note_is_not_overlooked() {
    let it = Subscribed::new().await;
    let (acme, topic) = (it.world.acme.tenant.clone(), topic());
    it.deliver(&it.own, id(), now()).await;
    harm(&it.world.store, "UPDATE delivery SET state = 'delivered', due_at = NULL").await;
    let mut making = it.world.store.begin().await.expect("a transaction");
    assert!(making.insert_delivery(&acme, &delivery(&it.own, id(), &topic), now()).await.expect("a delivery"));
    let noting = it.change(async |tx| {
        tx.hold([Hold::alone(it.own.id)]).await?;
        tx.note_webhook(&acme, it.own.id, [None, None]).await
    });
    let made = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        making.commit(event(&acme, it.key.id)).await.expect("a commit")
    };
    assert!(tokio::join!(noting, made).0);
    assert_eq!(it.number("SELECT count(*) FROM webhook WHERE due_at IS NOT NULL").await, 1);
}
