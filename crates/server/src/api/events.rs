//! Events: list, filter and export what was changed, by whom, and how it looked before and after.

use std::net::IpAddr;

use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use claviger_core::event::{Entity, EventKind};
use claviger_core::id::{EventId, KeyId, OrganizationId, UserId};
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{Path, Query};
use super::event_exports::{self, Format, Line, json_cell};
use super::fields::{Field, all_fields, at, optional};
use super::page::{PageQuery, PageView, page};
use super::paths::OrganizationPath;
use super::problem::{ApiResult, Refusals};
use super::words::EntityKindWord;
use crate::app::App;
use crate::ops;
use crate::ops::events::{EventFilter, EventRow};

/// The route of events.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_events))
}

/// What an event is about.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EntityView {
    /// Its kind.
    pub kind: EntityKindWord,
    /// Its identifier.
    #[schema(examples("key_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: String,
}

/// Who did it: a user, maybe by a key, or a job of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActorView {
    /// The user in whose name it was done.
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
    /// The job that did it by itself.
    #[schema(required)]
    pub job: Option<String>,
    /// The address that the request came from; null where it is not known, where the organization knows neither the user nor
    /// the key, and once what the event says is erased.
    #[schema(value_type = Option<String>, required)]
    pub ip: Option<IpAddr>,
}

/// One change. No secret stands in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Counts the lives of the log: a restore begins the next.
    pub epoch: u64,
    /// Its place in the log of the whole installation.
    pub seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// In which organization.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// What happened.
    #[schema(examples("key.rotated"))]
    pub operation: &'static str,
    /// What it is about.
    pub entity: EntityView,
    /// Who did it.
    pub actor: ActorView,
    /// What the entity looked like before; null where there was nothing to tell, and once it is erased.
    #[schema(value_type = Option<BTreeMap<String, Value>>, required)]
    pub before: Option<Value>,
    /// What it looked like then; null where there was nothing to tell, and once it is erased.
    #[schema(value_type = Option<BTreeMap<String, Value>>, required)]
    pub after: Option<Value>,
    /// Whether what it told was erased; the event `event.erased` about this one says by whom and why.
    pub erased: bool,
}

impl From<EventRow> for EventView {
    fn from(it: EventRow) -> Self {
        Self {
            id: it.id,
            epoch: it.position.epoch,
            seq: it.position.seq,
            at: it.at,
            organization_id: it.organization_id,
            operation: it.kind.as_str(),
            entity: EntityView { kind: it.entity.kind.into(), id: it.entity.to_string() },
            actor: ActorView {
                user_id: it.user_id,
                user_name: it.user_name.map(|it| it.to_string()),
                key_id: it.key_id,
                key_name: it.key_name.map(|it| it.to_string()),
                job: it.job,
                ip: it.ip,
            },
            before: it.before,
            after: it.after,
            erased: it.erased,
        }
    }
}

impl Line for EventView {
    const FILE: &'static str = "events";
    const COLUMNS: &'static [&'static str] = &[
        "epoch",
        "seq",
        "id",
        "at",
        "organization_id",
        "operation",
        "entity_kind",
        "entity_id",
        "user_id",
        "user_name",
        "key_id",
        "key_name",
        "job",
        "ip",
        "before",
        "after",
    ];

    fn cells(self) -> Vec<String> {
        let kind = serde_json::to_value(self.entity.kind).ok().and_then(|it| it.as_str().map(str::to_owned));
        let text = |it: Option<String>| it.unwrap_or_default();
        vec![
            self.epoch.to_string(),
            self.seq.to_string(),
            self.id.to_string(),
            self.at.to_string(),
            self.organization_id.to_string(),
            self.operation.to_owned(),
            text(kind),
            self.entity.id,
            text(self.actor.user_id.map(|it| it.to_string())),
            text(self.actor.user_name),
            text(self.actor.key_id.map(|it| it.to_string())),
            text(self.actor.key_name),
            text(self.actor.job),
            text(self.actor.ip.map(|it| it.to_string())),
            json_cell(self.before),
            json_cell(self.after),
        ]
    }
}

/// Which events are asked for; what is left out narrows nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Those about things of this kind.
    #[param(inline)]
    entity_kind: Option<EntityKindWord>,
    /// Those about the thing of this identifier, of whatever kind: its revision history. Of a key also what happened to it among others, by
    /// bulk work or an import.
    entity_id: Option<String>,
    /// Those in the name of this user.
    user_id: Option<String>,
    /// Those by this key.
    key_id: Option<String>,
    /// Those where this happened, such as `key.rotated`.
    operation: Option<String>,
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

impl EventQuery {
    fn filter(&self) -> Result<EventFilter, Reject> {
        let entity: Field<Option<Entity>> = optional("entity_id", self.entity_id.as_deref());
        let known = |it: &str| EventKind::parse(it).ok_or("is no operation that is told of");
        let kind = at("operation", self.operation.as_deref().map(known).transpose());
        let from = optional("from", self.from.as_deref());
        let until = optional("until", self.until.as_deref());
        let user_id = optional("user_id", self.user_id.as_deref());
        let key_id = optional("key_id", self.key_id.as_deref());
        let (entity, kind, from, until, user_id, key_id) = all_fields!(entity, kind, from, until, user_id, key_id)?;
        let entity_kind = self.entity_kind.map(Into::into);
        Ok(EventFilter { entity, entity_kind, user_id, key_id, kind, from, until })
    }

    fn page(&self) -> PageQuery {
        PageQuery { cursor: self.cursor.clone(), limit: self.limit }
    }
}

/// Lists events.
///
/// What was changed in the organization, newest first, by whom, and how it looked before and after. With `Accept: text/csv` or
/// `application/jsonl`, or `format`, all of it at once. In a CSV a cell that a spreadsheet would take for a formula begins with `'`.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/events",
    tag = "events",
    params(OrganizationPath, EventQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/events:read"]}))),
    responses(
        (status = 200, description = "A page of events, or all of them.", content(
            (PageView<EventView> = "application/json"),
            (String = "text/csv"),
            (EventView = "application/jsonl"),
        )),
        Refusals,
    )
)]
pub(super) async fn list_events(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "events";
    let filter = query.filter()?;
    let format = event_exports::wanted(query.format, &headers);
    if format == Format::Json {
        let request = query.page().request(LIST)?;
        let found = ops::events::list_events(&app, &caller, organization_id, &filter, request).await?;
        return Ok(page(&uri, LIST, found, EventView::from));
    }
    event_exports::without_pages(query.cursor.as_deref(), query.limit)?;
    let export = ops::events::export_events(&app, &caller, organization_id, filter)?;
    Ok(event_exports::respond::<_, EventView>(&app, export, format))
}
