//! Webhooks on the wire.

use axum::http::HeaderMap;
use claviger_core::id::{DeliveryId, EventId, KeyId, OrganizationId, WebhookId, WebhookSecretId};
use claviger_core::limits::{HEALTH_ATTEMPTS_MAX, HEALTH_HOURS};
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::Subscription;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::{Field, all_fields, at, optional, present};
use super::idempotency::{PostBody, place};
use super::key_views::{SecretStateWord, state_of};
use super::numbers::{HOOK_OVERLAP_SECS, hook_overlap, within_bounds};
use super::words::{DeliveryStateWord, HookStatusWord, KeyStateWord, ReachWord};
use crate::ops::keys::Overlap;
use crate::ops::webhooks::{DeliveryInfo, NewWebhook, Owner, ShownWebhook, WebhookInfo, WebhookPatch};

/// Whose a webhook is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HookOwnerWord {
    /// The key's that asks: it ends with it, and hears what the key may read.
    Key,
    /// The organization's.
    Organization,
}

/// What somebody may ask of a webhook.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HookSwitchWord {
    /// It goes on.
    Active,
    /// It is sent nothing until it goes on; what happens meanwhile it never learns.
    Paused,
}

/// A signing secret of a webhook, and not the secret itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SigningSecretView {
    /// Its identifier.
    #[schema(value_type = String)]
    id: WebhookSecretId,
    /// Where it stands in its life.
    state: SecretStateWord,
    /// Until when deliveries are signed with a retiring one too.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    retiring_until: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What the latest attempts of the last 24 hours say of a receiver: those at its latest 100 deliveries, at most 100. What was not sent is none of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecentView {
    /// How many they are.
    attempts: u64,
    /// How many of them were not answered with 200 to 299, and not given up by the receiver itself (`webhook-delivery: abort-message`).
    failed: u64,
    /// How many of 100 that are, rounded down; null where there was none.
    #[schema(required)]
    failed_percent: Option<u64>,
    /// Milliseconds in which 95 of 100 were over, failed ones too; null where there was none.
    #[schema(required)]
    p95_ms: Option<u64>,
}

const _: () = assert!(HEALTH_HOURS == 24 && HEALTH_ATTEMPTS_MAX == 100, "the document says so");

/// A subscription to what happens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HookView {
    /// Its identifier.
    #[schema(value_type = String, examples("whk_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: WebhookId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// The key that made it, with which it ends; null for one that is the organization's.
    #[schema(value_type = Option<String>, required)]
    pub key_id: Option<KeyId>,
    /// What that key is called.
    #[schema(required)]
    pub key_name: Option<String>,
    /// What that key looks like now; null for one that is the organization's. While it is not `active`, the webhook is told nothing of what happens,
    /// whatever its `status`.
    #[schema(required)]
    pub key_state: Option<KeyStateWord>,
    /// Where it is sent; null for who may only look, since a secret may stand in it.
    #[schema(required)]
    pub target_url: Option<String>,
    /// The same without path and query.
    #[schema(examples("https://hooks.example.com"))]
    pub target_origin: String,
    /// What it is about; `*` is everything.
    #[schema(examples("contact"))]
    pub entity: String,
    /// What happens to that; `*` is everything.
    #[schema(examples("create"))]
    pub operation: String,
    /// What it is for.
    pub description: String,
    /// How far down the tree it hears.
    pub reach: ReachWord,
    /// Whether it is sent anything.
    pub status: HookStatusWord,
    /// Since when every delivery has failed; null after a success.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub failing_since: Option<Timestamp>,
    /// How its receiver has done within the last 24 hours.
    pub recent: RecentView,
    /// Its signing secrets that are good, the current one first, and none in clear. Empty in lists.
    pub signing_secrets: Vec<SigningSecretView>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A webhook with what its deliveries are signed with from now on.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownHookView {
    /// The webhook.
    #[serde(flatten)]
    hook: HookView,
    /// The signing secret, as libraries of Standard Webhooks take it. Null where a request is repeated with its Idempotency-Key.
    #[schema(required, examples("whsec_…"))]
    signing_secret: Option<String>,
    /// What to do with it, or why it is not there.
    secret_note: &'static str,
}

const SHOWN: &str = "Keep it where deliveries are received: by it you see that they come from here. It is shown this once; rotate it for another.";
const WAS_SHOWN: &str = "It was shown once, in the first answer to this Idempotency-Key. Rotate it for another.";

impl From<&WebhookInfo> for HookView {
    fn from(it: &WebhookInfo) -> Self {
        let webhook = &it.row.webhook;
        let secret = |it: &claviger_core::webhook::secrets::WebhookSecret| {
            let (state, retiring_until) = state_of(it.state, None);
            SigningSecretView { id: it.id, state, retiring_until, created_at: it.created_at }
        };
        Self {
            id: webhook.id,
            organization_id: webhook.organization_id,
            key_id: webhook.key_id,
            key_name: it.row.key_name.as_ref().map(ToString::to_string),
            key_state: it.key_state.map(Into::into),
            target_url: it.shows_target.then(|| webhook.target_url.as_str().to_owned()),
            target_origin: webhook.target_url.origin(),
            entity: webhook.subscription.entity().to_owned(),
            operation: webhook.subscription.operation().to_owned(),
            description: webhook.description.to_string(),
            reach: webhook.reach.into(),
            status: webhook.status.into(),
            failing_since: webhook.failing_since,
            recent: RecentView {
                attempts: it.health.attempts,
                failed: it.health.failed,
                failed_percent: it.health.failed_percent(),
                p95_ms: it.health.p95_ms,
            },
            signing_secrets: it.secrets.iter().map(secret).collect(),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl From<&ShownWebhook> for ShownHookView {
    fn from(it: &ShownWebhook) -> Self {
        let signing_secret = Some(it.secret.expose().expose_secret().to_owned());
        Self { hook: HookView::from(&it.info), signing_secret, secret_note: SHOWN }
    }
}

impl ShownHookView {
    /// The answer as it is kept for a repetition: without the secret.
    pub(super) fn render(it: &ShownWebhook) -> Value {
        let view = Self { signing_secret: None, secret_note: WAS_SHOWN, ..Self::from(it) };
        serde_json::to_value(view).expect("a view is JSON")
    }
}

pub(super) fn place_of(it: &ShownWebhook) -> HeaderMap {
    let webhook = &it.info.row.webhook;
    place(&format!("/api/v1/hooks/{}", webhook.id), webhook.version)
}

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"target_url": "https://hooks.example.com/contacts", "entity": "contact", "operation": "create"}))]
pub(super) struct NewHookBody {
    /// Where it is sent. `targetUrl`, `hookUrl` and `url` are read as this too.
    #[serde(alias = "targetUrl", alias = "hookUrl", alias = "url")]
    #[schema(max_length = 2000)]
    target_url: String,
    /// What it is about, such as `contact`, or `key` for Claviger's own; `*` is everything.
    #[schema(max_length = 40)]
    entity: String,
    /// What happens to that, such as `create`; `*` is everything. `created`, `updated` and `deleted` are read as what they come of.
    #[schema(max_length = 40)]
    operation: String,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 500)]
    description: Option<String>,
    /// The organization; left out it is the key's own. A session names one.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    organization_id: Option<String>,
    /// How far down the tree it hears.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = ReachWord, required = false, default = "organization")]
    reach: Option<ReachWord>,
    /// Whose it is; left out it is the key's that asks, and of a session the organization's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = HookOwnerWord, required = false)]
    owner: Option<HookOwnerWord>,
}

impl PostBody for NewHookBody {}

fn subscription(entity: &str, operation: &str) -> Field<Subscription> {
    const ANY: &str = "*";
    let of = |entity: &str, operation: &str| Subscription::parse(entity, operation);
    at("/entity", of(entity, ANY))?;
    at("/operation", of(ANY, operation))?;
    at("/entity", of(entity, operation))
}

impl TryFrom<NewHookBody> for NewWebhook {
    type Error = Reject;

    fn try_from(body: NewHookBody) -> Result<Self, Reject> {
        let target_url = at("/target_url", TargetUrl::parse(&body.target_url));
        let subscription = subscription(&body.entity, &body.operation);
        let description = optional("/description", body.description.as_deref());
        let organization_id = optional("/organization_id", body.organization_id.as_deref());
        let (target_url, subscription, description, organization_id) =
            all_fields!(target_url, subscription, description, organization_id)?;
        Ok(Self {
            organization_id,
            target_url,
            subscription,
            description: description.unwrap_or_default(),
            reach: body.reach.unwrap_or(ReachWord::Organization).into(),
            owner: body.owner.map(|it| match it {
                HookOwnerWord::Key => Owner::Key,
                HookOwnerWord::Organization => Owner::Organization,
            }),
        })
    }
}

/// What is to be changed on a webhook (RFC 7396): what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HookPatchBody {
    /// Where it is sent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 2000)]
    target_url: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 500)]
    description: Option<String>,
    /// Whether it is sent anything.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = HookSwitchWord, required = false)]
    status: Option<HookSwitchWord>,
}

impl TryFrom<HookPatchBody> for WebhookPatch {
    type Error = Reject;

    fn try_from(body: HookPatchBody) -> Result<Self, Reject> {
        let target_url = at("/target_url", body.target_url.as_deref().map(TargetUrl::parse).transpose());
        let description = optional("/description", body.description.as_deref());
        let (target_url, description) = all_fields!(target_url, description)?;
        let active = body.status.map(|it| matches!(it, HookSwitchWord::Active));
        Ok(Self { target_url, description, active })
    }
}

/// How a signing secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateHookBody {
    /// Seconds for which deliveries are signed with the old secret too; zero ends it at once, absent means a day.
    #[serde(default, deserialize_with = "hook_overlap")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 604_800)]
    overlap_secs: Option<u32>,
}

impl PostBody for RotateHookBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}

impl TryFrom<RotateHookBody> for Overlap {
    type Error = Reject;

    fn try_from(body: RotateHookBody) -> Result<Self, Reject> {
        let Some(secs) = body.overlap_secs else { return Ok(Self::Policy) };
        within_bounds("/overlap_secs", secs, &HOOK_OVERLAP_SECS).map_err(|it| Reject::fields(vec![it]))?;
        Ok(Self::For(std::time::Duration::from_secs(secs.into())))
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryView {
    /// Its identifier.
    #[schema(value_type = String, examples("dlv_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    id: DeliveryId,
    /// The webhook.
    #[schema(value_type = String)]
    hook_id: WebhookId,
    /// What the receiver knows it by, in `webhook-id`: the same in every attempt.
    #[schema(value_type = String)]
    event_id: EventId,
    /// Where that happened.
    #[schema(value_type = String)]
    event_organization_id: OrganizationId,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(examples("contact.created"))]
    event_type: String,
    /// Where it stands.
    state: DeliveryStateWord,
    /// How often it was tried.
    attempt_count: u64,
    /// When it is tried next; null where it is not.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_attempt_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it arrived, or was given up.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
}

/// Why an attempt was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TriggerWord {
    /// Its time had come.
    Scheduled,
    /// Somebody asked for it.
    Manual,
}

/// One try of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttemptView {
    /// Counts the tries from one.
    number: u64,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How many milliseconds it took.
    duration_ms: u64,
    /// Why it was made.
    trigger: TriggerWord,
    /// The HTTP status that was answered; null where there was no answer.
    #[schema(required)]
    http_status: Option<u16>,
    /// What was answered, at most 4 kB of it.
    #[schema(required)]
    response: Option<String>,
    /// Why there was no answer.
    #[schema(required)]
    error: Option<String>,
}

/// A delivery with its attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryDetailView {
    /// The delivery.
    #[serde(flatten)]
    delivery: DeliveryView,
    /// What it sends; null for who may not read such events, and where the event was erased or is kept no longer.
    #[schema(value_type = Option<Object>, required)]
    body: Option<Value>,
    /// The latest tries, newest first, at most 100.
    attempts: Vec<AttemptView>,
}

impl From<&DeliveryInfo> for DeliveryView {
    fn from(it: &DeliveryInfo) -> Self {
        let row = &it.row;
        Self {
            id: row.id,
            hook_id: row.webhook_id,
            event_id: row.event_id,
            event_organization_id: row.event_organization_id,
            event_type: row.topic.event_type(),
            state: row.state.into(),
            attempt_count: row.attempts,
            next_attempt_at: row.due_at,
            created_at: row.created_at,
            ended_at: row.ended_at,
        }
    }
}

impl From<&DeliveryInfo> for DeliveryDetailView {
    fn from(it: &DeliveryInfo) -> Self {
        let attempt = |it: &claviger_store::webhooks::deliveries::AttemptRow| AttemptView {
            number: it.number,
            at: it.at,
            duration_ms: it.duration_ms,
            trigger: if it.is_manual { TriggerWord::Manual } else { TriggerWord::Scheduled },
            http_status: it.status,
            response: it.response.clone(),
            error: it.error.clone(),
        };
        Self {
            delivery: it.into(),
            body: it.body.as_deref().and_then(|it| serde_json::from_str(it).ok()),
            attempts: it.attempts.iter().map(attempt).collect(),
        }
    }
}
