//! Deliveries of webhooks: look at them, have one sent again, or all that failed; and a test.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use claviger_core::id::{DeliveryId, WebhookId};
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{Path, Query};
use super::fields::{all_fields, text};
use super::headers::IdempotencyKey;
use super::hook_views::{DeliveryDetailView, DeliveryView};
use super::hooks::HookPath;
use super::idempotency::{CREATED, NoBody, OK, Post, PostBody, no_headers, respond};
use super::page::{PageQuery, PageView, page};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::DeliveryStateWord;
use crate::app::App;
use crate::ops;
use crate::ops::webhooks::{DeliveryInfo, Recovered};

/// The routes of deliveries.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_deliveries))
        .routes(routes!(get_delivery))
        .routes(routes!(resend_delivery))
        .routes(routes!(recover_deliveries))
        .routes(routes!(test_hook))
}

/// `/hooks/{hook_id}/deliveries/{delivery_id}`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct DeliveryPath {
    /// The webhook.
    #[param(value_type = String, example = "whk_01kapxb4q0e8mv5r3g2t9w7yzn")]
    hook_id: WebhookId,
    /// The delivery.
    #[param(value_type = String, example = "dlv_01kapxb4q0e8mv5r3g2t9w7yzn")]
    delivery_id: DeliveryId,
}

/// Which deliveries are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    /// Those that stand so.
    #[param(inline)]
    state: Option<DeliveryStateWord>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
}

/// Since when deliveries that failed are sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"since": "2026-11-22T00:00:00Z"}))]
pub(super) struct RecoverBody {
    /// Those that were made from this instant on.
    #[schema(value_type = String, format = DateTime)]
    since: String,
}

impl PostBody for RecoverBody {}

/// What is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecoveredView {
    /// How many deliveries.
    delivery_count: u64,
    /// Whether there are more, for which the same is asked again.
    has_more: bool,
}

impl From<&Recovered> for RecoveredView {
    fn from(it: &Recovered) -> Self {
        Self { delivery_count: it.deliveries, has_more: it.has_more }
    }
}

fn render(it: &DeliveryInfo) -> Value {
    serde_json::to_value(DeliveryDetailView::from(it)).expect("a view is JSON")
}

fn render_recovered(it: &Recovered) -> Value {
    serde_json::to_value(RecoveredView::from(it)).expect("a view is JSON")
}

/// Lists the deliveries of a webhook.
///
/// Newest first; they are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/hooks/{hook_id}/deliveries",
    tag = "webhooks",
    params(HookPath, DeliveryQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:read"], "own": "claviger/own-webhooks:read"}))),
    responses((status = 200, description = "A page of deliveries.", body = PageView<DeliveryView>), Refusals)
)]
pub(super) async fn list_deliveries(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<DeliveryQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "deliveries";
    let request = PageQuery { cursor: query.cursor, limit: query.limit }.request(LIST)?;
    let state = query.state.map(Into::into);
    let found = ops::webhooks::list_deliveries(&app, &caller, hook_id, state, request).await?;
    Ok(page(&uri, LIST, found, |it| DeliveryView::from(&it)))
}

/// Shows one delivery with its attempts.
///
/// What it sends is shown to who may read such events, and of an own webhook.
#[utoipa::path(
    get,
    path = "/api/v1/hooks/{hook_id}/deliveries/{delivery_id}",
    tag = "webhooks",
    params(DeliveryPath),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:read"], "own": "claviger/own-webhooks:read"}))),
    responses((status = 200, description = "The delivery.", body = DeliveryDetailView), Refusals)
)]
pub(super) async fn get_delivery(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(DeliveryPath { hook_id, delivery_id }): Path<DeliveryPath>,
) -> ApiResult<Json<DeliveryDetailView>> {
    let info = ops::webhooks::get_delivery(&app, &caller, hook_id, delivery_id).await?;
    Ok(Json(DeliveryDetailView::from(&info)))
}

/// Has a delivery sent again.
///
/// Whatever came of it, at once, with the same `webhook-id`. Takes the right to what the webhook tells. What was erased is refused: it is sent no
/// more.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/{hook_id}/deliveries/{delivery_id}/resend",
    tag = "webhooks",
    params(DeliveryPath, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:update"], "own": "claviger/own-webhooks:update"}))),
    responses((status = 200, description = "The delivery, which is pending.", body = DeliveryDetailView), WriteRefusals)
)]
pub(super) async fn resend_delivery(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(DeliveryPath { hook_id, delivery_id }): Path<DeliveryPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, render, no_headers);
    let answer = ops::webhooks::resend_delivery(&app, &caller, hook_id, delivery_id, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &DeliveryInfo| DeliveryDetailView::from(it)))
}

/// Has the deliveries sent again that failed.
///
/// Those made since an instant that were given up, and those with an attempt that failed since then, which do not wait for the next one; the oldest
/// first, at most 1,000 at a time. What is on its way already is not sent twice, and what was erased is not sent again. Takes the right to what the
/// webhook tells.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/{hook_id}/recover",
    tag = "webhooks",
    params(HookPath, IdempotencyKey),
    request_body = RecoverBody,
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:update"], "own": "claviger/own-webhooks:update"}))),
    responses((status = 200, description = "How many there are.", body = RecoveredView), WriteRefusals)
)]
pub(super) async fn recover_deliveries(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
    post: Post<RecoverBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, render_recovered, no_headers);
    let since = text::<Timestamp>("/since", &body.since);
    let (since,) = all_fields!(since)?;
    let answer = ops::webhooks::recover_deliveries(&app, &caller, hook_id, since, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &Recovered| RecoveredView::from(it)))
}

/// Sends a webhook a test.
///
/// A real delivery, signed and tried like any other, with what the catalogue of event types has for an example and `test: true`. Refused while the key
/// that it hangs on is not active: nothing else would come.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/{hook_id}/test",
    tag = "webhooks",
    params(HookPath, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/webhooks:update"], "own": "claviger/own-webhooks:update"}))),
    responses((status = 201, description = "The delivery, which is pending.", body = DeliveryDetailView), WriteRefusals)
)]
pub(super) async fn test_hook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(HookPath { hook_id }): Path<HookPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(CREATED, render, no_headers);
    let answer = ops::webhooks::test_webhook(&app, &caller, hook_id, idempotency).await?;
    Ok(respond(CREATED, answer, no_headers, |it: &DeliveryInfo| DeliveryDetailView::from(it)))
}
