//! A service whose webhooks may be sent to this machine, and a key that subscribes and reports.

use std::time::Duration;

use claviger::app::App;
use claviger::ops::caller::Caller;
use claviger::ops::events::list_events;
use claviger::ops::host_events::{NewHostEvent, report_events};
use claviger::ops::keys::{Overlap, revoke_key, set_key_active};
use claviger::ops::page::PageRequest;
use claviger::ops::webhooks::{
    NewWebhook, WebhookPatch, create_webhook, get_delivery, get_webhook, list_deliveries, recover_deliveries,
    resend_delivery, rotate_secret, test_webhook, update_webhook,
};
use claviger_core::decision::Reach;
use claviger_core::event::EventKind;
use claviger_core::host_event::HostEventBody;
use claviger_core::id::{EventId, KeyId, WebhookId};
use claviger_core::key::RevocationReason;
use claviger_core::name::Description;
use claviger_core::network::IpAllowList;
use claviger_core::time::Timestamp;
use claviger_core::webhook::Webhook;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_store::log::EventFilter;
use claviger_store::webhooks::deliveries::{AttemptRow, DeliveryRow};
use data_encoding::BASE64;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::receiver::{Received, Receiver};
use crate::app::{TestApp, config, new_key};

pub(crate) struct World {
    pub(crate) test: TestApp,
    /// The key that subscribes.
    pub(crate) key_id: KeyId,
    pub(crate) caller: Caller,
}

/// A webhook and what its deliveries are signed with.
pub(crate) struct Hook {
    pub(crate) id: WebhookId,
    pub(crate) secret: String,
}

/// A configuration in which webhooks may be sent to this machine.
pub(crate) fn open_config() -> claviger::config::Config {
    let mut config = config();
    config.webhook_allow_networks = Some(IpAllowList::parse(&["127.0.0.0/8"]).unwrap());
    config
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(TestApp::with_config(open_config()).await).await
    }

    /// One in which nothing is fanned out or sent unless the test does it.
    pub(crate) async fn without_jobs() -> Self {
        Self::of(TestApp::without_jobs(open_config()).await).await
    }

    async fn of(test: TestApp) -> Self {
        let made = test.create_key(&test.admin, test.root, new_key("Zapier")).await.unwrap();
        Self { caller: test.caller(&made.token), key_id: made.info.key.id, test }
    }

    pub(crate) async fn stop(self) {
        self.test.stop().await;
    }

    /// Subscribes to contacts that are made.
    pub(crate) async fn subscribe(&self, receiver: &Receiver) -> Hook {
        let new = NewWebhook {
            organization_id: None,
            target_url: receiver.target(),
            subscription: Subscription::parse("contact", "create").unwrap(),
            description: Description::default(),
            reach: Reach::Organization,
            owner: None,
        };
        let made = create_webhook(&self.test.app, &self.caller, new, None).await.unwrap().fresh().unwrap();
        Hook { id: made.info.row.webhook.id, secret: made.secret.expose().expose_secret().to_owned() }
    }

    /// A contact was made.
    pub(crate) async fn happen(&self, name: &str) {
        self.happen_at(&self.test.app, name).await;
    }

    /// The same, told to this node. Answers by which identifier receivers know it.
    pub(crate) async fn happen_at(&self, node: &App, name: &str) -> EventId {
        let data = serde_json::from_value(serde_json::json!({ "name": name, "note": "ä ✓ \u{1f511}" })).unwrap();
        let new = NewHostEvent {
            given_id: name.to_owned(),
            topic: Topic::parse("contact", "create").unwrap(),
            organization: None,
            at: self.test.now(),
            entity_id: None,
            actor_key_id: None,
            actor_user_id: None,
            body: HostEventBody { data, before: None, after: None },
        };
        report_events(node, &self.caller, vec![new], None).await.unwrap().fresh().unwrap()[0].event_id
    }

    pub(crate) async fn hook(&self, hook: &Hook) -> Webhook {
        get_webhook(&self.test.app, &self.caller, hook.id).await.unwrap().row.webhook
    }

    /// Another signing secret, with the overlap that is usual.
    pub(crate) async fn rotate(&self, hook: &Hook) -> String {
        let made = rotate_secret(&self.test.app, &self.caller, hook.id, Overlap::Policy, None).await.unwrap();
        made.fresh().unwrap().secret.expose().expose_secret().to_owned()
    }

    pub(crate) async fn play(&self, hook: &Hook) {
        let patch = WebhookPatch { active: Some(true), ..WebhookPatch::default() };
        update_webhook(&self.test.app, &self.caller, hook.id, patch).await.unwrap();
    }

    pub(crate) async fn pause(&self, hook: &Hook) {
        self.switch_at(&self.test.app, hook.id, false).await;
    }

    /// The admin plays or pauses a webhook at this node.
    pub(crate) async fn switch_at(&self, node: &App, id: WebhookId, active: bool) {
        let patch = WebhookPatch { active: Some(active), ..WebhookPatch::default() };
        update_webhook(node, &self.test.admin, id, patch).await.unwrap();
    }

    pub(crate) async fn recover(&self, hook: &Hook, since: Timestamp) -> u64 {
        let made = recover_deliveries(&self.test.app, &self.caller, hook.id, since, None).await.unwrap();
        made.fresh().unwrap().deliveries
    }

    pub(crate) async fn test_event(&self, hook: &Hook) {
        test_webhook(&self.test.app, &self.caller, hook.id, None).await.unwrap();
    }

    /// Has the newest delivery sent again.
    pub(crate) async fn resend(&self, hook: &Hook) {
        let newest = self.deliveries(hook).await.remove(0);
        resend_delivery(&self.test.app, &self.caller, hook.id, newest.id, None).await.unwrap();
    }

    pub(crate) async fn revoke_key(&self) {
        let (test, reason) = (&self.test, RevocationReason::Unspecified);
        revoke_key(&test.app, &test.admin, test.root, self.key_id, reason, None).await.unwrap();
    }

    pub(crate) async fn set_key_active(&self, active: bool) {
        let test = &self.test;
        set_key_active(&test.app, &test.admin, test.root, self.key_id, active, None, None).await.unwrap();
    }

    /// Newest first.
    pub(crate) async fn deliveries(&self, hook: &Hook) -> Vec<DeliveryRow> {
        self.deliveries_of(hook.id).await
    }

    /// As [`Self::deliveries`], by the webhook's identifier.
    pub(crate) async fn deliveries_of(&self, id: WebhookId) -> Vec<DeliveryRow> {
        let page = list_deliveries(&self.test.app, &self.test.admin, id, None, PageRequest::default()).await;
        page.unwrap().items.into_iter().map(|it| it.row).collect()
    }

    /// The attempts at the newest delivery, newest first.
    pub(crate) async fn attempts(&self, hook: &Hook) -> Vec<AttemptRow> {
        let newest = self.deliveries(hook).await.remove(0);
        get_delivery(&self.test.app, &self.test.admin, hook.id, newest.id).await.unwrap().attempts
    }

    /// Waits until so many attempts have been noted, of all deliveries together. Answers the newest delivery.
    pub(crate) async fn settled(&self, hook: &Hook, attempts: u64) -> DeliveryRow {
        let settled = async || self.deliveries(hook).await.iter().map(|it| it.attempts).sum::<u64>() == attempts;
        self.until(settled).await;
        self.deliveries(hook).await.remove(0)
    }

    /// How often something is told in the log.
    pub(crate) async fn events(&self, kind: EventKind) -> usize {
        let filter = EventFilter { kind: Some(kind), ..EventFilter::default() };
        let test = &self.test;
        list_events(&test.app, &test.admin, test.root, &filter, PageRequest::default()).await.unwrap().items.len()
    }

    pub(crate) async fn until(&self, is_so: impl AsyncFn() -> bool) {
        for _ in 0..1000 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it has not come to that");
    }

    /// Waits for as long as it takes to see what is due now.
    pub(crate) async fn look(&self) {
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
}

/// Whether a request is signed with this secret, computed as RFC 2104 and the standard have it and not by our own code.
pub(crate) fn verifies(it: &Received, secret: &str) -> bool {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let head = format!("{}.{}.", it.header("webhook-id"), it.header("webhook-timestamp"));
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(head).chain_update(&it.body).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    let expected = format!("v1,{}", BASE64.encode(&outer));
    it.header("webhook-signature").split(' ').any(|it| it == expected)
}
