//! Webhooks: subscribe, list, look, change, end, and what they would be sent.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use claviger_core::id::{EventId, KeyId, OrganizationId, UserId, WebhookId};
use claviger_core::time::Timestamp;
use claviger_core::webhook::message::Message;
use claviger_store::webhooks::{WebhookFilter, WebhooksOf};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::fields::{all_fields, optional};
use super::headers::{IdempotencyKey, IfMatch, entity_tag};
use super::hook_views::{HookPatchBody, HookView, NewHookBody, RotateHookBody, ShownHookView, place_of};
use super::idempotency::{CREATED, OK, Post, no_headers, respond};
use super::page::{PageQuery, PageView, page};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::HookStatusWord;
use crate::app::App;
use crate::ops;
use crate::ops::webhooks::{NewWebhook, ShownWebhook, WebhookPatch};

/// The routes of webhooks.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_hook, list_hooks))
        .routes(routes!(list_hook_samples))
        .routes(routes!(get_hook, update_hook, delete_hook))
        .routes(routes!(rotate_hook_secret))
}

/// `/hooks/{hook_id}`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct HookPath {
    /// The webhook.
    #[param(value_type = String, example = "whk_01kapxb4q0e8mv5r3g2t9w7yzn")]
    pub hook_id: WebhookId,
}

/// Which webhooks are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HookQuery {
    /// Those of this organization; left out it is the key's own. A session names one.
    organization_id: Option<String>,
    /// Those of this key.
    key_id: Option<String>,
    /// Those of the keys of this user.
    user_id: Option<String>,
    /// Those that stand so.
    #[param(inline)]
    status: Option<HookStatusWord>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
}

/// Of what samples are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SampleQuery {
    /// Those of this organization; left out it is the key's own. A session names one.
    organization_id: Option<String>,
    /// What they are about, such as `contact`; `*` is everything. Needed.
    entity: Option<String>,
    /// What happens to that, such as `create`; `*` is everything. Needed.
    operation: Option<String>,
}

/// What a webhook is sent, as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageView {
    /// The event's identifier, which is in `webhook-id` too: by it a receiver knows one that comes twice.
    #[schema(value_type = String)]
    id: EventId,
    /// What has happened.
    #[serde(rename = "type")]
    #[schema(examples("contact.created"))]
    event_type: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// What kind of thing it happened to.
    entity: String,
    /// What was done with it.
    operation: String,
    /// Which one it happened to; null where that is not said.
    #[schema(required)]
    entity_id: Option<String>,
    /// Where it happened.
    #[schema(value_type = String)]
    organization_id: OrganizationId,
    /// The user who did it.
    #[schema(value_type = Option<String>, required)]
    actor_user_id: Option<UserId>,
    /// The key it was done with.
    #[schema(value_type = Option<String>, required)]
    actor_key_id: Option<KeyId>,
    /// Whether it is a test, or an example.
    test: bool,
    /// What there is to know of it: of a host's event what the host says, of a change how it was and is.
    #[schema(value_type = Option<Object>, required)]
    data: Value,
}

impl From<Message> for MessageView {
    fn from(it: Message) -> Self {
        Self {
            id: it.id,
            event_type: it.event_type,
            timestamp: it.timestamp,
            entity: it.entity,
            operation: it.operation,
            entity_id: it.entity_id,
            organization_id: it.organization_id,
            actor_user_id: it.actor_user_id,
            actor_key_id: it.actor_key_id,
            test: it.test,
            data: it.data,
        }
    }
}

/// Subscribes a webhook.
///
/// What happens is sent to its address from now on, signed as Standard Webhooks 1.0 says. One that a key makes is the key's: it hears what the key
/// may read, and ends with it. Who holds `claviger/webhooks:create` makes ones that are the organization's (`owner`). Either takes the right to
/// what it tells: `contacts:read` for a `contact`, or what the catalogue of event types says, and `claviger/events:read` for Claviger's own changes.
/// The signing secret is in this answer and in no other.
#[utoipa::path(
    post,
    path = "/api/v1/hooks",
    tag = "webhooks",
    params(IdempotencyKey),
    request_body = NewHookBody,
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:create"], "own": "claviger/own-webhooks:create"}))),
    responses(
        (status = 201, description = "The webhook, with its signing secret.", body = ShownHookView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_hook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    post: Post<NewHookBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, ShownHookView::render, place_of);
    let new = NewWebhook::try_from(body)?;
    let answer = ops::webhooks::create_webhook(&app, &caller, new, idempotency).await?;
    Ok(respond(CREATED, answer, place_of, |it: &ShownWebhook| ShownHookView::from(it)))
}

/// Lists webhooks.
///
/// Newest first. Who holds `claviger/own-webhooks:read` instead sees those of the key that asks.
#[utoipa::path(
    get,
    path = "/api/v1/hooks",
    tag = "webhooks",
    params(HookQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:read"], "own": "claviger/own-webhooks:read"}))),
    responses((status = 200, description = "A page of webhooks.", body = PageView<HookView>), Refusals)
)]
pub(super) async fn list_hooks(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<HookQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "hooks";
    let organization_id = optional("organization_id", query.organization_id.as_deref());
    let key_id = optional("key_id", query.key_id.as_deref());
    let user_id = optional("user_id", query.user_id.as_deref());
    let (organization_id, key_id, user_id) = all_fields!(organization_id, key_id, user_id)?;
    let of = match (key_id, user_id) {
        (None, None) => WebhooksOf::All,
        (Some(id), None) => WebhooksOf::Key(id),
        (None, Some(id)) => WebhooksOf::User(id),
        (Some(_), Some(_)) => {
            return Err(claviger_core::reject::Reject::field("user_id", "does not go with `key_id`").into());
        }
    };
    let filter = WebhookFilter { of, status: query.status.map(Into::into) };
    let request = PageQuery { cursor: query.cursor, limit: query.limit }.request(LIST)?;
    let found = ops::webhooks::list_webhooks(&app, &caller, organization_id, filter, request).await?;
    Ok(page(&uri, LIST, found, |it| HookView::from(&it)))
}

/// Lists samples of what a subscription would be sent.
///
/// The latest ones, newest first, exactly as they are delivered, and as a bare array (Zapier's "Perform List"). Where there is none that the
/// caller may read it is one example, marked as a test.
#[utoipa::path(
    get,
    path = "/api/v1/hooks/samples",
    tag = "webhooks",
    params(SampleQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:read"], "own": "claviger/own-webhooks:read"}))),
    responses((status = 200, description = "The samples.", body = Vec<MessageView>), Refusals)
)]
pub(super) async fn list_hook_samples(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<SampleQuery>,
) -> ApiResult<Json<Vec<MessageView>>> {
    let organization_id = optional("organization_id", query.organization_id.as_deref());
    let (organization_id,) = all_fields!(organization_id)?;
    let words = (query.entity.as_deref(), query.operation.as_deref());
    let samples = ops::webhooks::list_samples(&app, &caller, organization_id, words).await?;
    Ok(Json(samples.into_iter().map(Into::into).collect()))
}

/// Shows one webhook.
///
/// By its identifier alone, in whichever organization it is.
#[utoipa::path(
    get,
    path = "/api/v1/hooks/{hook_id}",
    tag = "webhooks",
    params(HookPath),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:read"], "own": "claviger/own-webhooks:read"}))),
    responses(
        (status = 200, description = "The webhook.", body = HookView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_hook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
) -> ApiResult<Response> {
    let info = ops::webhooks::get_webhook(&app, &caller, hook_id).await?;
    Ok((entity_tag(info.row.webhook.version), Json(HookView::from(&info))).into_response())
}

/// Changes a webhook, pauses or plays it.
///
/// What is left out stays as it is (RFC 7396). Played, it is the same subscription with the same secret; one that is gone, or whose key is, has to
/// be subscribed again. Another address, and playing it, takes the right to what it tells.
#[utoipa::path(
    patch,
    path = "/api/v1/hooks/{hook_id}",
    tag = "webhooks",
    params(HookPath, IfMatch),
    request_body = HookPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:update"], "own": "claviger/own-webhooks:update"}))),
    responses(
        (status = 200, description = "The webhook as it is now.", body = HookView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_hook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
    JsonBody(body): JsonBody<HookPatchBody>,
) -> ApiResult<Response> {
    let patch = WebhookPatch::try_from(body)?;
    let info = ops::webhooks::update_webhook(&app, &caller, hook_id, patch).await?;
    Ok((entity_tag(info.row.webhook.version), Json(HookView::from(&info))).into_response())
}

/// Unsubscribes a webhook.
///
/// It is sent nothing any more. Where somebody else than its key does this, its receiver is told by a `DELETE` of its address.
#[utoipa::path(
    delete,
    path = "/api/v1/hooks/{hook_id}",
    tag = "webhooks",
    params(HookPath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:delete"], "own": "claviger/own-webhooks:delete"}))),
    responses((status = 204, description = "The webhook is no more."), WriteRefusals)
)]
pub(super) async fn delete_hook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
) -> ApiResult<StatusCode> {
    ops::webhooks::delete_webhook(&app, &caller, hook_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook another signing secret.
///
/// For the overlap, by default a day, deliveries carry both signatures, so that a receiver that knows only one of them is content.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/{hook_id}/rotate-secret",
    tag = "webhooks",
    params(HookPath, IdempotencyKey),
    request_body(content = Option<RotateHookBody>),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:update"], "own": "claviger/own-webhooks:update"}))),
    responses((status = 200, description = "The webhook, with its new signing secret.", body = ShownHookView), WriteRefusals)
)]
pub(super) async fn rotate_hook_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
    post: Post<RotateHookBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, ShownHookView::render, no_headers);
    let answer = ops::webhooks::rotate_secret(&app, &caller, hook_id, body.try_into()?, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &ShownWebhook| ShownHookView::from(it)))
}
