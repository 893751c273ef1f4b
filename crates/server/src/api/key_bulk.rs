//! Bulk work on keys: activate, deactivate, revoke, extend.

use axum::extract::State;
use axum::response::Response;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::KEYS_PER_BULK_MAX;
use claviger_core::reject::{FieldReject, Reject};
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::fields::optional;
use super::headers::IdempotencyKey;
use super::idempotency::{OK, Post, PostBody, no_headers, respond};
use super::key_queries::KeyFilterBody;
use super::paths::OrganizationPath;
use super::problem::{ApiResult, ProblemCode, WriteRefusals};
use super::words::RevocationReasonWord;
use crate::app::App;
use crate::ops;
use crate::ops::caller::Caller;
use crate::ops::idempotency::Answer;
use crate::ops::keys::{BulkChange, BulkOutcome, Selection};

/// The routes of bulk work.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(activate_keys))
        .routes(routes!(deactivate_keys))
        .routes(routes!(revoke_keys))
        .routes(routes!(extend_keys))
}

/// Which keys are meant: these, or all that a filter finds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySelectionBody {
    /// These.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// All that this finds, 1,000 in one request. It says something: who means every key says so, for instance `{"state": "active"}`.
    filter: Option<KeyFilterBody>,
    /// Where to go on with the filter: the `next` of the answer before.
    after: Option<String>,
}

impl KeySelectionBody {
    fn read(self, now: Timestamp) -> Result<Selection, Reject> {
        match (self.ids, self.filter) {
            (Some(ids), None) if self.after.is_none() => {
                if ids.is_empty() || ids.len() > KEYS_PER_BULK_MAX {
                    return Err(Reject::field("/keys/ids", format!("must be between 1 and {KEYS_PER_BULK_MAX} keys")));
                }
                let read = |(place, id): (usize, String)| {
                    id.parse().map_err(|error| Reject::field(format!("/keys/ids/{place}"), error))
                };
                Ok(Selection::Keys(ids.into_iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            (Some(_), None) => Err(Reject::field("/keys/after", "goes with a filter")),
            (None, Some(filter)) => {
                let after = self.after.map(|it| it.parse()).transpose();
                let after = after.map_err(|error| Reject::field("/keys/after", error))?;
                if filter.is_empty() {
                    let detail = "is empty, which would be every key, the caller's own too: say which, such as {\"state\": \"active\"}";
                    return Err(Reject::field("/keys/filter", detail));
                }
                let query = filter.read(now).map_err(|it| within("/keys/filter/", it))?;
                Ok(Selection::Found { query: Box::new(query), after })
            }
            (None, None) => Err(Reject::field("/keys", "needs `ids` or `filter`")),
            (Some(_), Some(_)) => Err(Reject::field("/keys", "takes `ids` or `filter` and not both")),
        }
    }
}

/// A refusal of parameters, whose places are put into a body.
fn within(place: &str, reject: Reject) -> Reject {
    let moved = |it: FieldReject| FieldReject { pointer: format!("{place}{}", it.pointer).into(), ..it };
    Reject { fields: reject.fields.into_iter().map(moved).collect(), ..reject }
}

/// Which keys are switched on, or off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchKeysBody {
    /// Which keys.
    keys: KeySelectionBody,
    /// Whether nothing is changed and only counted what would be.
    #[serde(default)]
    #[schema(required = false, default = false)]
    dry_run: bool,
}

/// Which keys are revoked, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeKeysBody {
    /// Which keys.
    keys: KeySelectionBody,
    /// The reason; absent means `unspecified`.
    #[schema(default = "unspecified")]
    reason: Option<RevocationReasonWord>,
    /// Whether nothing is changed and only counted what would be.
    #[serde(default)]
    #[schema(required = false, default = false)]
    dry_run: bool,
}

/// Which keys end later, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtendKeysBody {
    /// Which keys.
    keys: KeySelectionBody,
    /// When they end (RFC 3339); null means never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    #[serde(deserialize_with = "Option::deserialize")]
    expires_at: Option<String>,
    /// Whether nothing is changed and only counted what would be.
    #[serde(default)]
    #[schema(required = false, default = false)]
    dry_run: bool,
}

impl PostBody for SwitchKeysBody {}
impl PostBody for RevokeKeysBody {}
impl PostBody for ExtendKeysBody {}

/// What bulk work came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkView {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// How many keys were changed, or would be.
    pub done: usize,
    /// How many were so already.
    pub unchanged: usize,
    /// The keys that were left as they are, each for what the operation on it alone would have been refused for.
    pub left_out: Vec<LeftOutView>,
    /// What to send as `after` to go on; null once the filter finds no more.
    #[schema(value_type = Option<String>, required)]
    pub next: Option<KeyId>,
}

/// A key that was left as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeftOutView {
    /// The key.
    #[schema(value_type = String)]
    pub key_id: KeyId,
    /// Why, as the problem's code says it.
    #[schema(value_type = ProblemCode)]
    pub code: &'static str,
    /// Why, in a sentence.
    pub detail: String,
}

impl From<&BulkOutcome> for BulkView {
    fn from(it: &BulkOutcome) -> Self {
        let left_out = it.left_out.iter().map(|it| LeftOutView {
            key_id: it.key_id,
            code: it.reject.code.as_str(),
            detail: it.reject.detail.to_string(),
        });
        let (dry_run, done, unchanged, next) = (it.dry_run, it.done, it.unchanged, it.next);
        Self { dry_run, done, unchanged, left_out: left_out.collect(), next }
    }
}

impl BulkView {
    fn render(outcome: &BulkOutcome) -> Value {
        serde_json::to_value(Self::from(outcome)).expect("a view is JSON")
    }
}

fn answer(outcome: Answer<BulkOutcome>) -> Response {
    respond(OK, outcome, no_headers, |it: &BulkOutcome| BulkView::from(it))
}

/// Switches many keys on again.
///
/// One that has expired stays expired: extend it. As when many are switched off, each is judged alone, at most 1,000 in one request; and like
/// one key, none is switched on by somebody whom it would allow more than they may do.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/bulk/activate",
    tag = "keys",
    params(OrganizationPath, IdempotencyKey),
    request_body = SwitchKeysBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "How many were switched on.", body = BulkView),
        WriteRefusals,
    )
)]
pub(super) async fn activate_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<SwitchKeysBody>,
) -> ApiResult<Response> {
    switch(&app, &caller, organization_id, post, BulkChange::Activate).await
}

async fn switch(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    post: Post<SwitchKeysBody>,
    change: BulkChange,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, BulkView::render, no_headers);
    let selection = body.keys.read(app.now())?;
    let outcome =
        ops::keys::change_keys(app, caller, organization_id, selection, change, body.dry_run, idempotency).await?;
    Ok(answer(outcome))
}

/// Switches many keys off.
///
/// Each key is judged as if it were the only one: what one is refused for leaves it out and holds no other back. One request changes at most
/// 1,000 keys, all of them in one transaction with one event; with a filter `next` says where to go on. Doing it twice changes nothing more.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/bulk/deactivate",
    tag = "keys",
    params(OrganizationPath, IdempotencyKey),
    request_body = SwitchKeysBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "How many were switched off.", body = BulkView),
        WriteRefusals,
    )
)]
pub(super) async fn deactivate_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<SwitchKeysBody>,
) -> ApiResult<Response> {
    switch(&app, &caller, organization_id, post, BulkChange::Deactivate).await
}

/// Revokes many keys for ever.
///
/// As when many are switched off: each is judged alone, at most 1,000 in one request.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/bulk/revoke",
    tag = "keys",
    params(OrganizationPath, IdempotencyKey),
    request_body = RevokeKeysBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:delete"], "own": "claviger/own-keys:delete"}))),
    responses(
        (status = 200, description = "How many were revoked.", body = BulkView),
        WriteRefusals,
    )
)]
pub(super) async fn revoke_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<RevokeKeysBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, BulkView::render, no_headers);
    let selection = body.keys.read(app.now())?;
    let change = BulkChange::Revoke(body.reason.map(Into::into).unwrap_or_default());
    let outcome =
        ops::keys::change_keys(&app, &caller, organization_id, selection, change, body.dry_run, idempotency).await?;
    Ok(answer(outcome))
}

/// Lets many keys end later.
///
/// A key that ends later already, or never, stays as it is: nothing is ever shortened. As when many are switched off, each is judged alone,
/// at most 1,000 in one request.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/keys/bulk/extend",
    tag = "keys",
    params(OrganizationPath, IdempotencyKey),
    request_body = ExtendKeysBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:update"], "own": "claviger/own-keys:update"}))),
    responses(
        (status = 200, description = "How many end later now.", body = BulkView),
        WriteRefusals,
    )
)]
pub(super) async fn extend_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<ExtendKeysBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, BulkView::render, no_headers);
    let selection = body.keys.read(app.now())?;
    let expires_at = optional("/expires_at", body.expires_at.as_deref());
    let change = BulkChange::Extend(expires_at.map_err(|it| Reject::fields(vec![it]))?);
    let outcome =
        ops::keys::change_keys(&app, &caller, organization_id, selection, change, body.dry_run, idempotency).await?;
    Ok(answer(outcome))
}
