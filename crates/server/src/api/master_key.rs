//! The master key: look, and let another take its place.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::headers::IdempotencyKey;
use super::idempotency::{NoBody, OK, Post, respond};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::master_key::MasterKeyInfo;

/// The routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_master_key)).routes(routes!(rotate_master_key))
}

/// Which master keys there are; never a key itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MasterKeyView {
    /// The name of the one that wraps what secrets are sealed with; null while nothing was ever sealed.
    #[schema(required, examples("5f0c1d7e2a9b4c38"))]
    present: Option<String>,
    /// The names of those that the answering node has read from its `master.key`, in the order of the file.
    held: Vec<String>,
    /// The name of the one that stands first in the answering node's `master.key` now, where that is not the present one: a rotation goes over to it.
    #[schema(required)]
    waiting: Option<String>,
    /// How many data keys are wrapped by another one than the present: what a rotation has still to do. Whoever has these still needs the
    /// former key.
    wrapped_by_others: u64,
}

impl From<&MasterKeyInfo> for MasterKeyView {
    fn from(it: &MasterKeyInfo) -> Self {
        Self {
            present: it.present.map(|it| it.to_string()),
            held: it.held.iter().map(ToString::to_string).collect(),
            waiting: it.waiting.map(|it| it.to_string()),
            wrapped_by_others: it.wrapped_by_others,
        }
    }
}

fn render(info: &MasterKeyInfo) -> Value {
    serde_json::to_value(MasterKeyView::from(info)).expect("a view is JSON")
}

fn untagged(_: &MasterKeyInfo) -> HeaderMap {
    HeaderMap::new()
}

/// Says which master keys there are.
///
/// Needs its permission at the root of the tree.
#[utoipa::path(
    get,
    path = "/api/v1/master-key",
    tag = "nodes",
    extensions(("x-permissions" = json!({"all": ["claviger/nodes:read"]}))),
    responses((status = 200, description = "Which there are.", body = MasterKeyView), Refusals)
)]
pub(super) async fn get_master_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> ApiResult<Json<MasterKeyView>> {
    Ok(Json(MasterKeyView::from(&ops::master_key::get_master_key(&app, &caller).await?)))
}

/// Lets another master key take the place of the present one.
///
/// It is the first in the answering node's `master.key`, which is read again for that; `claviger master-key add` puts it there, and all nodes need
/// the file before this is asked (docs/nodes.md). Everything stays as it is but how data keys are wrapped. It can be asked again: after a crash it goes on
/// where it was, and where nothing is left to do it changes nothing. Needs its permission at the root of the tree.
#[utoipa::path(
    post,
    path = "/api/v1/master-key/rotate",
    tag = "nodes",
    params(IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/nodes:update"]}))),
    responses((status = 200, description = "Which there are now.", body = MasterKeyView), WriteRefusals)
)]
pub(super) async fn rotate_master_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, render, untagged);
    let answer = ops::master_key::rotate_master_key(&app, &caller, idempotency).await?;
    Ok(respond(OK, answer, untagged, |it: &MasterKeyInfo| MasterKeyView::from(it)))
}
