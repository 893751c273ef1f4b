//! The revision history: what hosts report of what was done in their product; list, filter and export it.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use claviger_core::host_event::HostEventBody;
use claviger_core::id::{EventId, KeyId, OrganizationId, UserId};
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use claviger_core::webhook::topic::Subscription;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{Path, Query};
use super::event_exports::{self, Format, Line, json_cell};
use super::fields::{all_fields, at, optional};
use super::page::{PageQuery, PageView, page};
use super::paths::OrganizationPath;
use super::problem::{ApiResult, Refusals};
use crate::app::App;
use crate::ops;
use crate::ops::revisions::{Revision, RevisionFilter};

/// The routes of the revision history.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_revisions)).routes(routes!(get_revision))
}

/// Who did it in the host's product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevisionActorView {
    /// The user under whose name it was done.
    #[schema(value_type = Option<String>, required)]
    pub user_id: Option<UserId>,
    /// The user's name; null where the organization does not know the user, or not any more.
    #[schema(required)]
    pub user_name: Option<String>,
    /// The key it was done with.
    #[schema(value_type = Option<String>, required)]
    pub key_id: Option<KeyId>,
    /// The key's name; null where it is not a key of this organization.
    #[schema(required)]
    pub key_name: Option<String>,
}

/// Something that was done in the host's product, as the host reported it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevisionView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: EventId,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it was reported.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// In which organization.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// What it was done to.
    #[schema(examples("scorecard"))]
    pub entity: String,
    /// What was done.
    #[schema(examples("update"))]
    pub operation: String,
    /// Which thing that was, as the host calls it.
    #[schema(required)]
    pub entity_id: Option<String>,
    /// Who did it.
    pub actor: RevisionActorView,
    /// Whether `data`, `before` and `after` are left out because the caller lacks the permission that it takes to read of this.
    pub withheld: bool,
    /// Whether what it told was erased: `data`, `before` and `after` are null then.
    pub erased: bool,
    /// What the host says of it to receivers; null where it says nothing.
    #[schema(value_type = Option<BTreeMap<String, Value>>, required)]
    pub data: Option<Map<String, Value>>,
    /// What it looked like before; null where the host does not say, and once it is erased.
    #[schema(value_type = Option<BTreeMap<String, Value>>, required)]
    pub before: Option<Map<String, Value>>,
    /// What it looked like then; null where the host does not say, and once it is erased.
    #[schema(value_type = Option<BTreeMap<String, Value>>, required)]
    pub after: Option<Map<String, Value>>,
}

impl From<Revision> for RevisionView {
    fn from(Revision { row: it, is_withheld, is_erased }: Revision) -> Self {
        let told = |it: HostEventBody| (Some(it.data).filter(|it| !it.is_empty()), it.before, it.after);
        let (data, before, after) = it.event.body.map_or((None, None, None), told);
        Self {
            id: it.event.id,
            at: it.event.at,
            received_at: it.event.received_at,
            organization_id: it.event.organization_id,
            entity: it.event.topic.entity().to_owned(),
            operation: it.event.topic.operation().to_owned(),
            entity_id: it.event.entity_id,
            actor: RevisionActorView {
                user_id: it.event.actor_user_id,
                user_name: it.user_name.map(|it| it.to_string()),
                key_id: it.event.actor_key_id,
                key_name: it.key_name.map(|it| it.to_string()),
            },
            withheld: is_withheld,
            erased: is_erased,
            data,
            before,
            after,
        }
    }
}

impl Line for RevisionView {
    const FILE: &'static str = "revisions";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "at",
        "received_at",
        "organization_id",
        "entity",
        "operation",
        "entity_id",
        "user_id",
        "user_name",
        "key_id",
        "key_name",
        "withheld",
        "erased",
        "data",
        "before",
        "after",
    ];

    fn cells(self) -> Vec<String> {
        let text = |it: Option<String>| it.unwrap_or_default();
        vec![
            self.id.to_string(),
            self.at.to_string(),
            self.received_at.to_string(),
            self.organization_id.to_string(),
            self.entity,
            self.operation,
            text(self.entity_id),
            text(self.actor.user_id.map(|it| it.to_string())),
            text(self.actor.user_name),
            text(self.actor.key_id.map(|it| it.to_string())),
            text(self.actor.key_name),
            self.withheld.to_string(),
            self.erased.to_string(),
            json_cell(self.data.map(Value::Object)),
            json_cell(self.before.map(Value::Object)),
            json_cell(self.after.map(Value::Object)),
        ]
    }
}

/// Which revisions are asked for; what is left out narrows nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevisionQuery {
    /// Those of things of this kind, such as `scorecard`.
    entity: Option<String>,
    /// Those where this was done: `create`, `update`, `delete`, or a word of the product's own. `created`, `updated` and `deleted` are read as what they
    /// come of.
    operation: Option<String>,
    /// Those of the thing that the host calls so.
    entity_id: Option<String>,
    /// Those under the name of this user.
    user_id: Option<String>,
    /// Those by this key.
    key_id: Option<String>,
    /// Those from this instant on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Those before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// `json` for pages; `csv` or `jsonl` for an export of all, at most the newest 100,000. Beats `Accept`.
    #[param(inline)]
    format: Option<Format>,
    /// The `next_cursor` of the page before. Exports have no pages.
    cursor: Option<String>,
    /// Items wanted. Exports have no pages.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
}

impl RevisionQuery {
    fn filter(&self) -> Result<RevisionFilter, Reject> {
        let from = optional("from", self.from.as_deref());
        let until = optional("until", self.until.as_deref());
        let user_id = optional("user_id", self.user_id.as_deref());
        let key_id = optional("key_id", self.key_id.as_deref());
        // As a subscription has them, `*` and `created` too.
        const ANY: &str = "*";
        let word = |it: &Option<String>| it.as_deref().unwrap_or(ANY).to_owned();
        let entity = at("entity", Subscription::parse(&word(&self.entity), ANY));
        let operation = at("operation", Subscription::parse(ANY, &word(&self.operation)));
        let (from, until, user_id, key_id, entity, operation) =
            all_fields!(from, until, user_id, key_id, entity, operation)?;
        let named = |word: &str| Some(word.to_owned()).filter(|it| it != ANY);
        let (entity, operation, entity_id) =
            (named(entity.entity()), named(operation.operation()), self.entity_id.clone());
        Ok(RevisionFilter { entity, operation, entity_id, user_id, key_id, from, until })
    }

    fn page(&self) -> PageQuery {
        PageQuery { cursor: self.cursor.clone(), limit: self.limit }
    }
}

/// Lists revisions.
///
/// What was done in the host's product, as far as the host reports it, newest first: under whose name, by which key, and how it looked before
/// and after, to whoever holds the permission that it takes to read of each (`withheld` says where the caller does not). With `Accept: text/csv` or `application/jsonl`, or `format`, all of it at once. In a CSV a cell that a spreadsheet would take
/// for a formula begins with `'`.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/revisions",
    tag = "events",
    params(OrganizationPath, RevisionQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/events:read"]}))),
    responses(
        (status = 200, description = "A page of revisions, or all of them.", content(
            (PageView<RevisionView> = "application/json"),
            (String = "text/csv"),
            (RevisionView = "application/jsonl"),
        )),
        Refusals,
    )
)]
pub(super) async fn list_revisions(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query<RevisionQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "revisions";
    let filter = query.filter()?;
    let format = event_exports::wanted(query.format, &headers);
    if format == Format::Json {
        let request = query.page().request(LIST)?;
        let found = ops::revisions::list_revisions(&app, &caller, organization_id, &filter, request).await?;
        return Ok(page(&uri, LIST, found, RevisionView::from));
    }
    event_exports::without_pages(query.cursor.as_deref(), query.limit)?;
    let export = ops::revisions::export_revisions(&app, &caller, organization_id, filter)?;
    Ok(event_exports::respond::<_, RevisionView>(&app, export, format))
}

/// Which revision is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RevisionPath {
    /// The organization's id.
    #[param(value_type = String)]
    organization_id: OrganizationId,
    /// The revision's identifier.
    #[param(value_type = String)]
    revision_id: EventId,
}

/// Finds one revision.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/revisions/{revision_id}",
    tag = "events",
    params(RevisionPath),
    extensions(("x-permissions" = json!({"all": ["claviger/events:read"]}))),
    responses((status = 200, description = "The revision.", body = RevisionView), Refusals)
)]
pub(super) async fn get_revision(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(RevisionPath { organization_id, revision_id }): Path<RevisionPath>,
) -> ApiResult<Json<RevisionView>> {
    let found = ops::revisions::get_revision(&app, &caller, organization_id, revision_id).await?;
    Ok(Json(found.into()))
}
