//! An organization's shared secret: create, list, show again, rotate, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use claviger_core::id::SharedSecretId;
use claviger_core::shared_secret::SharedSecret;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::fields::{all_fields, optional, text};
use super::headers::IdempotencyKey;
use super::idempotency::{CREATED, NoBody, OK, Post, PostBody, no_headers, respond};
use super::key_bodies::RotateKeyBody;
use super::key_views::{SecretStateWord, state_of};
use super::paths::OrganizationPath;
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::shared_secrets::{OldSharedSecretChange, ShownSharedSecret, change_old_shared_secrets};

/// The routes of shared secrets.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_shared_secrets, create_shared_secret, delete_shared_secret))
        .routes(routes!(rotate_shared_secret))
        .routes(routes!(end_shared_secret_rotation))
        .routes(routes!(extend_shared_secret_rotation))
        .routes(routes!(reveal_shared_secret))
}

const SHOWN: &str =
    "Keep it safe: with a key of the organization beside it, it signs in. That it was shown stands in the audit log.";
const WAS_SHOWN: &str =
    "What was shown is shown once, in the first answer to this Idempotency-Key; `reveal` shows it again.";

/// One version of an organization's shared secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SharedSecretView {
    /// Its identifier.
    #[schema(value_type = String)]
    id: SharedSecretId,
    /// Where it stands in its life.
    state: SecretStateWord,
    /// Until when a retiring one is accepted.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    retiring_until: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What an organization has of shared secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SharedSecretListView {
    /// Those that are good, the current one first. Empty where there is none.
    data: Vec<SharedSecretView>,
}

/// An organization's shared secret in clear.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownSharedSecretView {
    /// Those that are good, the current one first.
    data: Vec<SharedSecretView>,
    /// The current one: what assertions are signed with, as it stands here. Null where a request is repeated with its Idempotency-Key.
    #[schema(required, examples("css_…"))]
    shared_secret: Option<String>,
    /// What to do with it, or why it is not there.
    secret_note: &'static str,
}

impl From<&SharedSecret> for SharedSecretView {
    fn from(it: &SharedSecret) -> Self {
        let (state, retiring_until) = state_of(it.state, None);
        Self { id: it.id, state, retiring_until, created_at: it.created_at }
    }
}

impl From<&ShownSharedSecret> for ShownSharedSecretView {
    fn from(it: &ShownSharedSecret) -> Self {
        let shared_secret = Some(it.token.expose().to_owned());
        Self { data: it.secrets.iter().map(Into::into).collect(), shared_secret, secret_note: SHOWN }
    }
}

impl From<&Vec<SharedSecret>> for SharedSecretListView {
    fn from(it: &Vec<SharedSecret>) -> Self {
        Self { data: it.iter().map(Into::into).collect() }
    }
}

impl SharedSecretListView {
    /// The answer as it is kept for a repetition; no secret is in it.
    fn render(it: &Vec<SharedSecret>) -> Value {
        serde_json::to_value(Self::from(it)).expect("a view is JSON")
    }
}

/// Which old shared secrets end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndSharedSecretRotationBody {
    /// Which one; the others keep their time. Absent means all of them.
    shared_secret_id: Option<String>,
}

/// Until when an old shared secret stays good.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtendSharedSecretRotationBody {
    /// When it stops (RFC 3339): later than it does now, and at most as long after it was replaced as policy lets an overlap be, which is 30 days
    /// unless it is locked.
    #[schema(format = DateTime)]
    until: String,
    /// Which one; absent means the one that was replaced last.
    shared_secret_id: Option<String>,
}

impl PostBody for EndSharedSecretRotationBody {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }
}
impl PostBody for ExtendSharedSecretRotationBody {}

impl ShownSharedSecretView {
    /// The answer as it is kept for a repetition: without the secret.
    fn render(it: &ShownSharedSecret) -> Value {
        let view = Self { shared_secret: None, secret_note: WAS_SHOWN, ..Self::from(it) };
        serde_json::to_value(view).expect("a view is JSON")
    }
}

/// Lists an organization's shared secrets: the current one, and those before it that are still good.
///
/// None of them is in it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/shared-secret",
    tag = "tokens",
    params(OrganizationPath),
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:read"]}))),
    responses((status = 200, description = "Those that are good.", body = SharedSecretListView), Refusals)
)]
pub(super) async fn list_shared_secrets(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
) -> ApiResult<Json<SharedSecretListView>> {
    let secrets = ops::shared_secrets::list_shared_secrets(&app, &caller, organization_id).await?;
    Ok(Json(SharedSecretListView::from(&secrets)))
}

/// Creates an organization's shared secret.
///
/// Its clients sign with it what they sign in with: see `POST /api/v1/auth/token`. There is one; where there is one already, 409.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/shared-secret",
    tag = "tokens",
    params(OrganizationPath, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:create"]}))),
    responses((status = 201, description = "The shared secret.", body = ShownSharedSecretView), WriteRefusals)
)]
pub(super) async fn create_shared_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(CREATED, ShownSharedSecretView::render, no_headers);
    let answer = ops::shared_secrets::create_shared_secret(&app, &caller, organization_id, idempotency).await?;
    Ok(respond(CREATED, answer, no_headers, |it: &ShownSharedSecret| ShownSharedSecretView::from(it)))
}

/// Rotates an organization's shared secret.
///
/// What is signed with the one before is taken until the overlap ends; by default as long as the policy `rotation_overlap_hours` says. Access tokens
/// that were got by it end then, too.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/shared-secret/rotate",
    tag = "tokens",
    params(OrganizationPath, IdempotencyKey),
    request_body(content = Option<RotateKeyBody>),
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:update"]}))),
    responses((status = 200, description = "The new shared secret.", body = ShownSharedSecretView), WriteRefusals)
)]
pub(super) async fn rotate_shared_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<RotateKeyBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, ShownSharedSecretView::render, no_headers);
    let overlap = body.try_into()?;
    let answer =
        ops::shared_secrets::rotate_shared_secret(&app, &caller, organization_id, overlap, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &ShownSharedSecret| ShownSharedSecretView::from(it)))
}

/// Ends old shared secrets early.
///
/// What is signed with them is refused at once: with the one that is named, or with all of them. The current one goes on as it is. Doing it twice
/// is no error, where none is named. Access tokens that were got by them end too.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/shared-secret/rotation/end",
    tag = "tokens",
    params(OrganizationPath, IdempotencyKey),
    request_body = Option<EndSharedSecretRotationBody>,
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:update"]}))),
    responses((status = 200, description = "Those that are good.", body = SharedSecretListView), WriteRefusals)
)]
pub(super) async fn end_shared_secret_rotation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<EndSharedSecretRotationBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, SharedSecretListView::render, no_headers);
    let which = optional("/shared_secret_id", body.shared_secret_id.as_deref());
    let (which,) = all_fields!(which)?;
    let change = OldSharedSecretChange::End;
    let answer = change_old_shared_secrets(&app, &caller, organization_id, change, which, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &Vec<SharedSecret>| SharedSecretListView::from(it)))
}

/// Lets an old shared secret be good for longer.
///
/// The one that is named, or the one that was replaced last; other old ones keep their own time.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/shared-secret/rotation/extend",
    tag = "tokens",
    params(OrganizationPath, IdempotencyKey),
    request_body = ExtendSharedSecretRotationBody,
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:update"]}))),
    responses((status = 200, description = "Those that are good.", body = SharedSecretListView), WriteRefusals)
)]
pub(super) async fn extend_shared_secret_rotation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<ExtendSharedSecretRotationBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, SharedSecretListView::render, no_headers);
    let until = text("/until", &body.until);
    let which = optional("/shared_secret_id", body.shared_secret_id.as_deref());
    let (until, which) = all_fields!(until, which)?;
    let change = OldSharedSecretChange::Extend { until };
    let answer = change_old_shared_secrets(&app, &caller, organization_id, change, which, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &Vec<SharedSecret>| SharedSecretListView::from(it)))
}

/// Shows an organization's shared secret again.
///
/// No key may call this: it takes a session of the console that began, or was confirmed by password, within the last ten minutes (else
/// `confirmation_required`). Each time leaves an event.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/shared-secret/reveal",
    tag = "tokens",
    params(OrganizationPath, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:reveal"]}))),
    responses((status = 200, description = "The shared secret.", body = ShownSharedSecretView), WriteRefusals)
)]
pub(super) async fn reveal_shared_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(OK, ShownSharedSecretView::render, no_headers);
    let answer = ops::shared_secrets::reveal_shared_secret(&app, &caller, organization_id, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &ShownSharedSecret| ShownSharedSecretView::from(it)))
}

/// Deletes an organization's shared secret, with those before it.
///
/// Nobody signs in with it any more, and access tokens that were got by it end.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/shared-secret",
    tag = "tokens",
    params(OrganizationPath),
    extensions(("x-permissions" = json!({"all": ["claviger/shared-secrets:delete"]}))),
    responses((status = 204, description = "It is deleted."), WriteRefusals)
)]
pub(super) async fn delete_shared_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
) -> ApiResult<StatusCode> {
    ops::shared_secrets::delete_shared_secret(&app, &caller, organization_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
