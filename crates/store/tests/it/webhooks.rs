//! Webhooks, deliveries, and what hosts report.

mod sending;

use claviger_core::decision::Reach;
use claviger_core::event::{Position, Stream};
use claviger_core::event_type::EventType;
use claviger_core::host_event::{HostEvent, HostEventBody};
use claviger_core::id::{DataKeyId, EventId, KeyId, OrganizationId, WebhookId};
use claviger_core::key::Key;
use claviger_core::name::Description;
use claviger_core::permission::PermissionSet;
use claviger_core::sealing::Purpose;
use claviger_core::secret::SecretState;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::delivery::{DeliveryState, Source};
use claviger_core::webhook::secrets::WebhookSecret;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::webhooks::deliveries::{AttemptRow, NewDelivery};
use claviger_store::webhooks::sending::{Moment, Standing};
use claviger_store::webhooks::{WebhookFilter, WebhooksOf};
use claviger_store::{Error, PageRequest, StoreResult, Tx};

use crate::engine::{harm, is_postgres};
use crate::sealing::new_data_key;
use crate::world::{World, event, id, now, tenant};

/// Behind everything that a test reports.
const LATER: (Stream, Position) = (Stream::Host, Position { epoch: 9, seq: 1 });

pub(crate) fn topic() -> Topic {
    Topic::parse("contact", "create").expect("a topic")
}

pub(crate) fn webhook(organization_id: OrganizationId, key_id: Option<KeyId>) -> Webhook {
    Webhook {
        id: id(),
        organization_id,
        key_id,
        target_url: TargetUrl::parse("https://hooks.example.com/a?b=c").expect("an address"),
        subscription: Subscription::parse("contact", "*").expect("a subscription"),
        hears: PermissionSet::parse(&["contacts:read"]).expect("permissions"),
        description: Description::default(),
        reach: Reach::Organization,
        status: WebhookStatus::Active,
        failing_since: None,
        failed_at: None,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

fn secret(state: SecretState) -> WebhookSecret {
    WebhookSecret { id: id(), state, created_at: now() }
}

pub(crate) fn host_event(organization_id: OrganizationId, given_id: &str) -> HostEvent {
    HostEvent {
        id: id(),
        organization_id,
        reporter_organization_id: organization_id,
        given_id: given_id.to_owned(),
        topic: topic(),
        entity_id: Some("7".to_owned()),
        permission: topic().read_permission(),
        at: now(),
        received_at: now(),
        actor_user_id: Some(id()),
        actor_key_id: None,
        reporter_user_id: None,
        reporter_key_id: None,
        body: Some(HostEventBody::default()),
    }
}

fn event_type(organization_id: OrganizationId) -> EventType {
    EventType {
        id: id(),
        organization_id,
        topic: topic(),
        description: Description::default(),
        permission: topic().read_permission(),
        schema: None,
        example: Some(serde_json::Map::new()),
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

fn delivery<'t>(webhook: &Webhook, event_id: EventId, topic: &'t Topic) -> NewDelivery<'t> {
    NewDelivery {
        id: id(),
        webhook_id: webhook.id,
        event_id,
        event_organization_id: webhook.organization_id,
        source: Source::Host,
        topic,
        body: None,
        is_manual: false,
    }
}

fn later() -> Timestamp {
    now().saturating_add(std::time::Duration::from_secs(30))
}

fn moment(at: Timestamp) -> Moment {
    Moment { own: at, common: at }
}

fn attempt(number: u64) -> AttemptRow {
    AttemptRow {
        number,
        at: now(),
        duration_ms: 12,
        is_manual: false,
        status: Some(503),
        response: Some("later".to_owned()),
        error: None,
    }
}

/// One of everything that tells of what happens.
pub(crate) struct Told {
    pub(crate) webhook: Webhook,
    pub(crate) secret: WebhookSecret,
    pub(crate) delivery: claviger_store::webhooks::deliveries::DeliveryRow,
    /// Until when the webhook is leased.
    pub(crate) lease: Timestamp,
    pub(crate) event_type: EventType,
    pub(crate) host_event: HostEvent,
}

/// Makes one of everything.
pub(crate) async fn tell(tx: &mut Tx, tenant: &Tenant, key: &Key, data_key_id: DataKeyId) -> Told {
    let organization_id = tenant.organization_id();
    let webhook = webhook(organization_id, Some(key.id));
    let secret = secret(SecretState::Current);
    let (event_type, host_event) = (event_type(organization_id), host_event(organization_id, "h-1"));
    tx.insert_webhook(tenant, &webhook).await.expect("a webhook");
    tx.insert_webhook_secret(tenant, webhook.id, &secret, data_key_id, &vec![1]).await.expect("a secret");
    tx.insert_event_type(tenant, &event_type).await.expect("a type");
    let place = tx.begin_reporting().await.expect("a place");
    tx.insert_host_event(tenant, &host_event, host_event.fingerprint(None), place).await.expect("an event");
    let topic = topic();
    let new = delivery(&webhook, host_event.id, &topic);
    assert!(tx.insert_delivery(tenant, &new, now()).await.expect("a delivery"));
    let delivery = tx.find_delivery(tenant, webhook.id, new.id).await.expect("an answer").expect("the delivery");
    let due = Standing { state: DeliveryState::Pending, due_at: Some(now()), ended_at: None };
    assert!(tx.note_attempt(tenant, &delivery, &attempt(1), due).await.expect("an attempt"));
    let delivery = tx.find_delivery(tenant, webhook.id, new.id).await.expect("an answer").expect("the delivery");
    let lease = later();
    assert!(tx.lease_webhook(tenant, webhook.id, moment(now()), lease).await.expect("a lease"));
    Told { webhook, secret, delivery, lease, event_type, host_event }
}

impl Told {
    /// Lets `by` do to these what their own tenant could do.
    pub(crate) async fn write(
        &self,
        writer: &str,
        tx: &mut Tx,
        by: &Tenant,
        data_key_id: DataKeyId,
    ) -> StoreResult<()> {
        let organization_id = self.webhook.organization_id;
        let (own, topic) = (tenant(organization_id), topic());
        match writer {
            "insert_webhook" => tx.insert_webhook(by, &webhook(organization_id, None)).await,
            "update_webhook" => tx.update_webhook(by, &Webhook { version: 2, ..self.webhook.clone() }, 1).await,
            "delete_webhook" => tx.delete_webhook(by, self.webhook.id, now()).await,
            "insert_farewell" => tx.insert_farewell(by, &self.webhook, now()).await,
            "pause_webhooks_of_key" => {
                let key_id = self.webhook.key_id.expect("a key");
                assert_eq!(tx.pause_webhooks_of_key(by, key_id, now()).await?.len(), 1, "it is Acme's");
                Ok(())
            }
            "insert_webhook_secret" => {
                let retiring = secret(SecretState::Retiring { until: Timestamp::MAX });
                tx.insert_webhook_secret(by, self.webhook.id, &retiring, data_key_id, &vec![1]).await
            }
            "update_webhook_secret" => {
                let ended = WebhookSecret { state: SecretState::Dead, ..self.secret.clone() };
                tx.update_webhook_secret(by, &ended, now()).await
            }
            "insert_delivery" => tx.insert_delivery(by, &delivery(&self.webhook, id(), &topic), now()).await.map(drop),
            "insert_deliveries" => {
                let new = [delivery(&self.webhook, id(), &topic)];
                tx.insert_deliveries(by, &new, now()).await.map(drop)
            }
            "insert_attempt" => tx.insert_attempt(by, self.delivery.id, &attempt(2)).await,
            "resend_delivery" => tx.resend_delivery(by, self.webhook.id, self.delivery.id, now()).await,
            "recover_deliveries" => {
                let recovered = tx.recover_deliveries(by, self.webhook.id, now(), now()).await?;
                // None of them has failed; that others find none that has, `recovering` shows.
                assert_eq!(recovered, 0);
                assert_eq!(by.organization_id(), organization_id, "it is Acme's");
                Ok(())
            }
            "insert_event_type" => {
                tx.delete_event_type(&own, &self.event_type).await?;
                tx.insert_event_type(by, &event_type(organization_id)).await
            }
            "update_event_type" => {
                tx.update_event_type(by, &EventType { version: 2, ..self.event_type.clone() }, 1).await
            }
            "delete_event_type" => tx.delete_event_type(by, &self.event_type).await,
            "insert_host_event" => {
                let place = tx.begin_reporting().await?;
                let it = host_event(organization_id, "h-2");
                tx.insert_host_event(by, &it, it.fingerprint(None), place).await.map(drop)
            }
            other => self.send(other, tx, by).await,
        }
    }
}

impl Told {
    /// Lets `by` do what whoever sends these does; what answers whether it did, says that it did.
    async fn send(&self, writer: &str, tx: &mut Tx, by: &Tenant) -> StoreResult<()> {
        let (own, id) = (tenant(self.webhook.organization_id), self.webhook.id);
        if writer.ends_with("_farewell") {
            tx.insert_farewell(&own, &self.webhook, now()).await?;
        }
        let standing = Standing { state: DeliveryState::Pending, due_at: Some(later()), ended_at: None };
        let did = match writer {
            "lease_webhook" => {
                assert!(tx.release_webhook(&own, id, self.lease).await?);
                tx.lease_webhook(by, id, moment(now()), later()).await?
            }
            "bring_forward" => tx.bring_forward(by, id, now()).await?,
            "release_webhook" => tx.release_webhook(by, id, self.lease).await?,
            "note_attempt" => tx.note_attempt(by, &self.delivery, &attempt(2), standing).await?,
            "note_webhook" => tx.note_webhook(by, id, [None, None]).await?,
            "lease_farewell" => tx.lease_farewell(by, id, moment(now()), later()).await?,
            "note_farewell" => tx.note_farewell(by, id, 1, None).await?,
            other => panic!("{other} is no writer"),
        };
        assert!(did, "it is Acme's");
        Ok(())
    }
}

/// A world in which Acme has a webhook of its own and one of a key.
struct Subscribed {
    world: World,
    own: Webhook,
    of_key: Webhook,
    key: Key,
}

impl Subscribed {
    async fn new() -> Self {
        let world = World::new().await;
        let (key, _) = world.insert_key(&world.acme, "Zapier").await;
        let acme = world.acme.tenant.clone();
        let (own, of_key) = (webhook(acme.organization_id(), None), webhook(acme.organization_id(), Some(key.id)));
        let it = Self { world, own, of_key, key };
        it.change(async |tx| {
            tx.insert_webhook(&acme, &it.own).await?;
            tx.insert_webhook(&acme, &it.of_key).await
        })
        .await;
        it
    }

    async fn change<T>(&self, change: impl AsyncFnOnce(&mut Tx) -> StoreResult<T>) -> T {
        let mut tx = self.world.store.begin().await.expect("a transaction");
        let done = change(&mut tx).await.expect("a change");
        tx.commit(event(&self.world.acme.tenant, self.key.id)).await.expect("a commit");
        done
    }

    async fn deliver(&self, to: &Webhook, event_id: EventId, at: Timestamp) -> bool {
        let topic = topic();
        self.change(async |tx| tx.insert_delivery(&self.world.acme.tenant, &delivery(to, event_id, &topic), at).await)
            .await
    }

    async fn status(&self, id: WebhookId) -> Option<WebhookStatus> {
        let found = self.world.store.read().await.expect("a reader").find_webhook(&self.world.acme.tenant, id).await;
        found.expect("an answer").map(|it| it.webhook.status)
    }

    async fn number(&self, sql: &str) -> i64 {
        crate::engine::rows::<(i64,)>(&self.world.store, sql).await[0].0
    }
}

#[tokio::test]
async fn one_event_comes_to_one_webhook_once_and_the_webhook_says_when_the_earliest_is_due() {
    let it = Subscribed::new().await;
    let (event_id, later) = (id(), now().saturating_add(std::time::Duration::from_secs(60)));
    assert!(it.deliver(&it.own, event_id, later).await);
    assert!(!it.deliver(&it.own, event_id, now()).await, "it is there");
    assert!(it.deliver(&it.of_key, event_id, later).await, "another webhook has its own");
    let due = format!("SELECT due_at FROM webhook WHERE id = '{}'", it.own.id);
    assert_eq!(it.number(&due).await, later.as_micros());
    assert!(it.deliver(&it.own, id(), now()).await);
    assert_eq!(it.number(&due).await, now().as_micros());
    assert!(it.deliver(&it.own, id(), later).await);
    assert_eq!(it.number(&due).await, now().as_micros());
}

#[tokio::test]
async fn webhooks_of_a_key_end_with_it_whoever_revoked_it_and_their_receivers_are_to_be_told() {
    let it = Subscribed::new().await;
    it.deliver(&it.of_key, id(), now()).await;
    it.world.revoke_key(&it.world.acme, &it.key).await;
    assert_eq!(it.status(it.of_key.id).await, Some(WebhookStatus::OffByKey));
    assert_eq!(it.status(it.own.id).await, Some(WebhookStatus::Active));
    assert_eq!(it.number("SELECT count(*) FROM farewell").await, 1);
    assert_eq!(it.number("SELECT count(*) FROM webhook WHERE due_at IS NOT NULL").await, 0, "nothing more is sent");
    let (mut reader, acme) = (it.world.store.read().await.expect("a reader"), &it.world.acme.tenant);
    let subscribers = reader.find_subscribers(acme, &topic(), LATER, None, 9).await.expect("an answer");
    assert!(reader.find_subscribers(acme, &topic(), LATER, Some(it.own.id), 9).await.expect("an answer").is_empty());
    assert_eq!(subscribers.iter().map(|it| it.id).collect::<Vec<_>>(), [it.own.id]);
}

#[tokio::test]
async fn a_webhook_listens_behind_where_each_stream_ended_when_it_was_made_or_played() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    let heard = async |stream, seq| {
        let mut reader = it.world.store.read().await.expect("a reader");
        let at = (stream, Position { epoch: 1, seq });
        let found = reader.find_subscribers(&acme, &topic(), at, None, 9).await.expect("an answer");
        found.iter().any(|found| found.id == it.own.id)
    };
    assert!(!heard(Stream::Host, 0).await && heard(Stream::Host, 1).await);
    let ends = it.number("SELECT seq FROM log_head WHERE stream = 'change'").await as u64;
    assert!(heard(Stream::Change, ends + 9).await && !heard(Stream::Change, 1).await);
    harm(&it.world.store, "UPDATE log_head SET seq = 40 WHERE stream = 'host'").await;
    // Another change leaves it where it listens; so does playing what is on.
    let changed = |version, status| Webhook { version, status, ..it.own.clone() };
    it.change(async |tx| tx.update_webhook(&acme, &changed(2, WebhookStatus::Active), 1).await).await;
    assert!(heard(Stream::Host, 1).await);
    it.change(async |tx| tx.update_webhook(&acme, &changed(3, WebhookStatus::Paused), 2).await).await;
    it.change(async |tx| tx.update_webhook(&acme, &changed(4, WebhookStatus::Active), 3).await).await;
    assert!(!heard(Stream::Host, 40).await && heard(Stream::Host, 41).await);
}

#[tokio::test]
async fn webhooks_of_a_key_with_another_secret_wait_until_they_are_played() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    assert_eq!(it.change(async |tx| tx.pause_webhooks_of_key(&acme, it.key.id, now()).await).await.len(), 1);
    assert_eq!(it.change(async |tx| tx.pause_webhooks_of_key(&acme, it.key.id, now()).await).await.len(), 0);
    it.deliver(&it.of_key, id(), now()).await;
    let due = "SELECT count(*) FROM webhook WHERE due_at IS NOT NULL";
    assert_eq!(it.number(due).await, 0);
    let mut played = it.of_key.clone();
    played.version = 3;
    it.change(async |tx| tx.update_webhook(&acme, &played, 2).await).await;
    assert_eq!(it.number(due).await, 1, "it goes on with what has waited");
    let mut tx = it.world.store.begin().await.expect("a transaction");
    let stale = tx.update_webhook(&acme, &Webhook { version: 4, ..played.clone() }, 2).await;
    assert!(matches!(stale, Err(Error::VersionMismatch)), "{stale:?}");
}

#[tokio::test]
async fn lists_show_whose_they_are_asked_for_and_nothing_that_was_deleted() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    let ids = async |of| {
        let filter = WebhookFilter { of, status: None };
        let mut reader = it.world.store.read().await.expect("a reader");
        let page = reader.page_webhooks(&acme, &filter, &PageRequest::first(10)).await.expect("a page");
        page.rows.iter().map(|it| it.webhook.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(WebhooksOf::All).await, [it.of_key.id, it.own.id]);
    assert_eq!(ids(WebhooksOf::Key(it.key.id)).await, [it.of_key.id]);
    assert_eq!(ids(WebhooksOf::User(it.world.acme.user.id)).await, [it.of_key.id]);
    assert!(ids(WebhooksOf::User(it.world.beta.user.id)).await.is_empty());
    it.deliver(&it.own, id(), now()).await;
    it.change(async |tx| tx.delete_webhook(&acme, it.own.id, now()).await).await;
    assert_eq!(ids(WebhooksOf::All).await, [it.of_key.id]);
    let purge = async || {
        let mut tx = it.world.store.begin().await.expect("a transaction");
        let deliveries = tx.purge_deliveries_unchecked(Timestamp::MIN).await.expect("a purge");
        let webhooks = tx.purge_webhooks_unchecked().await.expect("a purge");
        tx.commit_unaudited("a test").await.expect("a commit");
        (deliveries, webhooks)
    };
    assert_eq!(purge().await, (1, 1));
    assert_eq!(it.number("SELECT count(*) FROM webhook").await, 1);
}

#[tokio::test]
async fn signing_secrets_of_a_deleted_webhook_are_kept_until_its_receiver_has_been_told() {
    let it = Subscribed::new().await;
    let (acme, beta) = (it.world.acme.tenant.clone(), it.world.beta.tenant.clone());
    let row = new_data_key(acme.organization_id(), Purpose::Webhook);
    let data_key_id = it.change(async |tx| tx.insert_data_key(&acme, Purpose::Webhook, &row, now()).await).await.id;
    for webhook in [&it.own, &it.of_key] {
        let current = secret(SecretState::Current);
        it.change(async |tx| tx.insert_webhook_secret(&acme, webhook.id, &current, data_key_id, &vec![1]).await).await;
    }
    it.change(async |tx| tx.insert_farewell(&acme, &it.of_key, now()).await).await;
    for webhook in [&it.own, &it.of_key] {
        it.change(async |tx| tx.delete_webhook(&acme, webhook.id, now()).await).await;
    }
    let left = "SELECT count(*) FROM webhook_secret";
    assert_eq!(it.number(left).await, 1, "that of whom nobody has to tell is gone at once");
    it.change(async |tx| tx.note_farewell(&beta, it.of_key.id, 1, None).await).await;
    assert_eq!(it.number(left).await, 1, "it is Acme's");
    it.change(async |tx| tx.note_farewell(&acme, it.of_key.id, 1, None).await).await;
    assert_eq!(it.number(left).await, 0);
}

#[tokio::test]
async fn what_failed_is_sent_again_when_somebody_asks_and_what_is_old_goes() {
    let it = Subscribed::new().await;
    let acme = it.world.acme.tenant.clone();
    for _ in 0..3 {
        it.deliver(&it.own, id(), now()).await;
    }
    let erased = host_event(acme.organization_id(), "erased");
    let mut tx = it.world.store.begin().await.expect("a transaction");
    let place = tx.begin_reporting().await.expect("a place");
    tx.insert_host_event(&acme, &erased, erased.fingerprint(None), place).await.expect("an event");
    tx.erase_host_event(&acme, erased.id).await.expect("an answer");
    tx.commit_unaudited("a test").await.expect("a commit");
    it.deliver(&it.own, erased.id, now()).await;
    harm(&it.world.store, "UPDATE delivery SET state = 'failed', due_at = NULL").await;
    harm(&it.world.store, "UPDATE webhook SET due_at = NULL").await;
    let beta = &it.world.beta.tenant;
    let recover =
        async |by: &Tenant, since| it.change(async |tx| tx.recover_deliveries(by, it.own.id, since, now()).await).await;
    assert_eq!(recover(beta, now()).await, 0);
    assert_eq!(recover(&acme, now().saturating_add(std::time::Duration::from_secs(1))).await, 0);
    assert_eq!(recover(&acme, now()).await, 3, "without what was erased");
    assert_eq!(it.number("SELECT count(*) FROM webhook WHERE due_at IS NOT NULL").await, 1);
    let page = async |state| {
        let mut reader = it.world.store.read().await.expect("a reader");
        let page = reader.page_deliveries(&acme, it.own.id, state, &PageRequest::first(2)).await.expect("a page");
        (page.rows.len(), page.next.is_some())
    };
    assert_eq!(page(None).await, (2, true));
    assert_eq!(page(Some(DeliveryState::Pending)).await, (2, true));
    assert_eq!(page(Some(DeliveryState::Failed)).await, (1, false));
    let mut tx = it.world.store.begin().await.expect("a transaction");
    assert_eq!(tx.purge_deliveries_unchecked(now()).await.expect("a purge"), 4);
}

#[tokio::test]
async fn what_hosts_report_has_its_place_in_their_own_stream() {
    let world = World::new().await;
    let (acme, beta) = (world.acme.tenant.clone(), world.beta.tenant.clone());
    let mut told = Vec::new();
    for (by, name) in [(&acme, "a"), (&acme, "b"), (&beta, "a")] {
        let mut tx = world.store.begin().await.expect("a transaction");
        let place = tx.begin_reporting().await.expect("a place");
        let it = host_event(by.organization_id(), name);
        let place = tx.insert_host_event(by, &it, it.fingerprint(None), place).await.expect("an event");
        tx.commit_unaudited("a test").await.expect("a commit");
        told.push((place, it));
    }
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.head(Stream::Host).await.expect("a head"), Position { epoch: 1, seq: 3 });
    let before = Position { epoch: 1, seq: 0 };
    let read = reader.host_events_behind_unchecked(before, 10).await.expect("events");
    let expected: Vec<_> = told.iter().map(|(place, it)| (*place, Some(it.clone()))).collect();
    assert_eq!(read, expected);
    assert_eq!(reader.host_events_behind_unchecked(before, 2).await.expect("events").len(), 2);
    let again = HostEvent { id: id(), ..host_event(acme.organization_id(), "a") };
    let known = reader.find_reported(&acme, &again).await.expect("an answer").expect("it is known");
    assert_eq!((known.id, known.fingerprint), (told[0].1.id, again.fingerprint(None)));
    let mut tx = world.store.begin().await.expect("a transaction");
    let place = tx.begin_reporting().await.expect("a place");
    let twice = tx.insert_host_event(&acme, &again, again.fingerprint(None), place).await;
    assert!(matches!(twice, Err(Error::Taken(_))), "{twice:?}");
}

#[tokio::test]
async fn of_two_who_say_something_of_a_type_the_upper_one_counts() {
    let world = World::new().await;
    let acme = world.acme.tenant.clone();
    let (upper, lower) = (event_type(world.root.organization_id()), event_type(acme.organization_id()));
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_event_type(&acme, &lower).await.expect("a type");
    assert_eq!(tx.find_event_type(&acme, &topic()).await.expect("an answer").map(|it| it.id), Some(lower.id));
    tx.insert_event_type(&world.root, &upper).await.expect("a type");
    assert_eq!(tx.find_event_type(&acme, &topic()).await.expect("an answer").map(|it| it.id), Some(upper.id));
    assert_eq!(tx.find_own_event_type(&acme, &topic()).await.expect("an answer").map(|it| it.id), Some(lower.id));
    assert_eq!(tx.page_event_types(&acme, &PageRequest::first(9)).await.expect("a page").rows.len(), 2);
}
