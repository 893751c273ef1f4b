//! Erasing what an event tells, and the end of the chain that this leaves whole.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use claviger_core::id::{EventId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::headers::IdempotencyKey;
use super::idempotency::{OK, Post, PostBody, no_headers, respond};
use super::paths::{EventPath, OrganizationPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::erasure::{Erased, Erasure};

/// The routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(erase_event)).routes(routes!(get_chain_head))
}

/// Why an event is erased.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseEventBody {
    /// Why, in your words. It stands in the audit for good, so it must not repeat what is erased.
    #[schema(min_length = 1, max_length = 500, example = "Erasure request 4711")]
    reason: String,
}

impl PostBody for EraseEventBody {}

/// What became of an event.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErasedWord {
    /// What it told is gone now.
    Erased,
    /// That was gone before; nothing was changed.
    AlreadyErased,
    /// It never told more than that it happened; nothing was changed.
    NothingToErase,
}

/// What came of erasing an event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureView {
    /// Which event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// What became of it.
    outcome: ErasedWord,
}

impl From<&Erasure> for ErasureView {
    fn from(it: &Erasure) -> Self {
        let outcome = match it.erased {
            Erased::Now => ErasedWord::Erased,
            Erased::Before => ErasedWord::AlreadyErased,
            Erased::Nothing => ErasedWord::NothingToErase,
        };
        Self { event_id: it.event_id, outcome }
    }
}

fn render(it: &Erasure) -> Value {
    serde_json::to_value(ErasureView::from(it)).expect("a view is JSON")
}

/// Erases what an event tells.
///
/// What it looked like before and after, and the address that the request came from, are gone for good, also of an event that a host reported.
/// When it happened, what it was about and who did it stay, and so does a commitment, so that the chain of the log is whole as before. That it was
/// erased, by whom and why is an event itself, which cannot be erased. What was sent to webhooks or exported before stays where it is.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/events/{event_id}/erase",
    tag = "events",
    params(EventPath, IdempotencyKey),
    request_body = EraseEventBody,
    extensions(("x-permissions" = json!({"all": ["claviger/events:delete"]}))),
    responses((status = 200, description = "What became of it.", body = ErasureView), WriteRefusals)
)]
pub(super) async fn erase_event(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(EventPath { organization_id, event_id }): Path<EventPath>,
    post: Post<EraseEventBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, render, no_headers);
    let reason = ops::erasure::reason(&body.reason)?;
    let answer = ops::erasure::erase_event(&app, &caller, organization_id, event_id, reason, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &Erasure| ErasureView::from(it)))
}

/// Where the chain of an organization's log ends.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChainHeadView {
    /// Whose chain.
    #[schema(value_type = String)]
    organization_id: OrganizationId,
    /// How many events are linked in it.
    number: u64,
    /// The last link, 64 hexadecimal digits; null where nothing is linked yet.
    #[schema(required)]
    link: Option<String>,
}

/// Gets the end of the chain.
///
/// Every event is linked to the one before it in its organization, within some five seconds. What is answered here and kept where nobody who can
/// write in the database can reach it proves later that nothing up to it was altered: it is a line of the file that `claviger audit verify --kept`
/// takes.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/chain-head",
    tag = "events",
    params(OrganizationPath),
    extensions(("x-permissions" = json!({"all": ["claviger/events:read"]}))),
    responses((status = 200, description = "Where it ends.", body = ChainHeadView), Refusals)
)]
pub(super) async fn get_chain_head(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
) -> ApiResult<Json<ChainHeadView>> {
    let head = ops::erasure::get_chain_head(&app, &caller, organization_id).await?;
    let number = head.map_or(0, |it| it.number);
    Ok(Json(ChainHeadView { organization_id, number, link: head.map(|it| it.link.to_string()) }))
}
