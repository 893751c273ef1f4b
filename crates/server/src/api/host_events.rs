//! What hosts report, and the catalogue of what they may report.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use claviger_core::event_type::EventType;
use claviger_core::host_event::HostEventBody;
use claviger_core::id::{EventId, EventTypeId, OrganizationId};
use claviger_core::limits::{HOST_BATCH_BYTES_MAX, HOST_EVENT_BYTES_MAX, HOST_EVENTS_PER_BATCH_MAX, HOST_ID_BYTES_MAX};
use claviger_core::name::Description;
use claviger_core::permission::Permission;
use claviger_core::reject::{FieldReject, Reject};
use claviger_core::time::Timestamp;
use claviger_core::webhook::topic::Topic;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::fields::{Object, all_fields, optional, present, text};
use super::headers::{IdempotencyKey, IfMatch, entity_tag};
use super::idempotency::{CREATED, OK, Post, PostBody, no_headers, respond};
use super::page::{PageQuery, PageView, page};
use super::paths::OrganizationPath;
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::event_types::NewEventType;
use crate::ops::host_events::{NewHostEvent, ReportedEvent};

/// The routes of hosts' events.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report_events)).routes(routes!(list_event_types)).routes(routes!(
        get_event_type,
        put_event_type,
        delete_event_type
    ))
}

/// What has happened in the host's product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHostEventBody {
    /// What the host calls it: one of the same id that comes again is known, and taken once.
    #[schema(min_length = 1, max_length = 128)]
    id: String,
    /// What has happened, `noun.verb`: `contact.created`. Names of Claviger's own things (`key`, `member`, …) are taken.
    #[serde(rename = "type")]
    #[schema(max_length = 81, examples("contact.created"))]
    event_type: String,
    /// Where: the id, the slug or the external id of an organization; left out it is the key's own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    organization: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// Which thing it happened to, as the host calls it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 128)]
    entity_id: Option<String>,
    /// The key it was done with.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    actor_key_id: Option<String>,
    /// The user who did it; left out it is whom the key is mapped to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    actor_user_id: Option<String>,
    /// What receivers are sent.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    data: Map<String, Value>,
    /// What the thing looked like before, for the revision history.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = false)]
    before: Option<Map<String, Value>>,
    /// What it looks like now, for the revision history.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = false)]
    after: Option<Map<String, Value>>,
}

/// A batch of what has happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"events": [{"id": "c-4711-1", "type": "contact.created", "at": "2026-11-22T10:00:00Z", "entity_id": "4711", "data": {"name": "Ann"}}]}))]
pub(super) struct ReportEventsBody {
    /// The events, in their order; each has at most 18 kB.
    #[schema(value_type = Vec<NewHostEventBody>, min_items = 1, max_items = 100)]
    events: Vec<Object<NewHostEventBody>>,
}

impl PostBody for ReportEventsBody {
    const BYTES_MAX: usize = HOST_BATCH_BYTES_MAX;
}

/// What stands around the data of an event: its identifiers, its type and when it was, escaped as JSON.
const HEADING_BYTES: usize = 1024;
const _: () = assert!(HOST_EVENTS_PER_BATCH_MAX * (HOST_EVENT_BYTES_MAX + HEADING_BYTES) <= HOST_BATCH_BYTES_MAX);

/// What became of one event of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportedEventView {
    /// What the host calls it.
    id: String,
    /// Its identifier here, by which receivers know it.
    #[schema(value_type = String)]
    event_id: EventId,
    /// Where it happened.
    #[schema(value_type = String)]
    organization_id: OrganizationId,
    /// Whether it was not known yet.
    is_new: bool,
    /// Whether a key or an access token stood in `data`, `before` or `after`: that is not kept, and its hint stands in its place.
    masked: bool,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportedEventsView {
    /// What became of each event, in their order.
    data: Vec<ReportedEventView>,
}

fn view(reported: &[ReportedEvent]) -> ReportedEventsView {
    let one = |it: &ReportedEvent| ReportedEventView {
        id: it.given_id.clone(),
        event_id: it.event_id,
        organization_id: it.organization_id,
        is_new: it.is_new,
        masked: it.is_masked,
    };
    ReportedEventsView { data: reported.iter().map(one).collect() }
}

fn render(reported: &[ReportedEvent]) -> Value {
    serde_json::to_value(view(reported)).expect("a view is JSON")
}

/// Reads one event of a batch; its fields are refused by their place in it.
fn read(index: usize, body: NewHostEventBody) -> Result<NewHostEvent, Reject> {
    let id = host_id("/id", body.id);
    let topic = topic("/type", &body.event_type);
    let happened_at = text::<Timestamp>("/at", &body.at);
    let entity_id = body.entity_id.map(|it| host_id("/entity_id", it)).transpose();
    let actor_key_id = optional("/actor_key_id", body.actor_key_id.as_deref());
    let actor_user_id = optional("/actor_user_id", body.actor_user_id.as_deref());
    let fields = all_fields!(id, topic, happened_at, entity_id, actor_key_id, actor_user_id);
    let (given_id, topic, at, entity_id, actor_key_id, actor_user_id) = fields.map_err(|mut reject| {
        for field in &mut reject.fields {
            field.pointer = format!("/events/{index}{}", field.pointer).into();
        }
        reject
    })?;
    let body_of = HostEventBody { data: body.data, before: body.before, after: body.after };
    let organization = body.organization;
    Ok(NewHostEvent { given_id, topic, organization, at, entity_id, actor_key_id, actor_user_id, body: body_of })
}

fn topic(pointer: &'static str, text: &str) -> Result<Topic, FieldReject> {
    Topic::parse_dotted(text).map_err(|_| FieldReject {
        pointer: pointer.into(),
        detail: "is not of the form `contact.created`: two words of at most 40 small letters, digits and `_`".into(),
    })
}

fn host_id(pointer: &'static str, text: String) -> Result<String, FieldReject> {
    let is_good = |it: char| !it.is_control();
    if (1..=HOST_ID_BYTES_MAX).contains(&text.len()) && text.chars().all(is_good) {
        return Ok(text);
    }
    let detail = format!("must have between 1 and {HOST_ID_BYTES_MAX} bytes, and no control characters");
    Err(FieldReject { pointer: pointer.into(), detail })
}

/// Reports what happens in the host's product.
///
/// All of a batch is taken, or nothing. An event that comes again under its id is taken once; under the id of another one it is refused. What is
/// reported goes to webhooks that ask for it, and stands in the revision history under the name of who did it. Keys of this service in it are left out
/// before anything is kept (`masked`).
#[utoipa::path(
    post,
    path = "/api/v1/events",
    tag = "webhooks",
    params(IdempotencyKey),
    request_body = ReportEventsBody,
    extensions(("x-permissions" = json!({"all": ["claviger/events:create"]}))),
    responses((status = 200, description = "What became of each event.", body = ReportedEventsView), WriteRefusals)
)]
pub(super) async fn report_events(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    post: Post<ReportEventsBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(OK, |it: &Vec<ReportedEvent>| render(it), no_headers);
    if !(1..=HOST_EVENTS_PER_BATCH_MAX).contains(&body.events.len()) {
        let detail = format!("must have between 1 and {HOST_EVENTS_PER_BATCH_MAX} events");
        return Err(Reject::field("/events", detail).into());
    }
    let events = body.events.into_iter().enumerate().map(|(index, Object(it))| read(index, it));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let answer = ops::host_events::report_events(&app, &caller, events, idempotency).await?;
    Ok(respond(OK, answer, no_headers, |it: &Vec<ReportedEvent>| view(it)))
}

/// `…/event-types/{event_type}`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct EventTypePath {
    /// The organization.
    #[param(value_type = String, example = "org_01kapxb4q0e8mv5r3g2t9w7yzn")]
    organization_id: OrganizationId,
    /// The type, such as `contact.created`.
    #[param(value_type = String, max_length = 81, example = "contact.created")]
    event_type: String,
}

impl EventTypePath {
    fn read(self) -> Result<(OrganizationId, Topic), Reject> {
        let topic = topic("event_type", &self.event_type);
        let (topic,) = all_fields!(topic)?;
        Ok((self.organization_id, topic))
    }
}

/// A type of the host's events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventTypeView {
    /// Its identifier.
    #[schema(value_type = String)]
    id: EventTypeId,
    /// The organization that says so; it holds below too.
    #[schema(value_type = String)]
    organization_id: OrganizationId,
    /// The type.
    #[serde(rename = "type")]
    #[schema(examples("contact.created"))]
    event_type: String,
    /// What a webhook calls the thing.
    entity: String,
    /// What a webhook calls what happens to it.
    operation: String,
    /// What has happened then.
    description: String,
    /// The permission that it takes to hear of one.
    #[schema(examples("contacts:read"))]
    permission: String,
    /// The JSON schema of its data.
    #[schema(value_type = Option<Object>, required)]
    schema: Option<Map<String, Value>>,
    /// What its data look like.
    #[schema(value_type = Option<Object>, required)]
    example: Option<Map<String, Value>>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<EventType> for EventTypeView {
    fn from(it: EventType) -> Self {
        Self {
            id: it.id,
            organization_id: it.organization_id,
            event_type: it.topic.event_type(),
            entity: it.topic.entity().to_owned(),
            operation: it.topic.operation().to_owned(),
            description: it.description.to_string(),
            permission: it.permission.to_string(),
            schema: it.schema,
            example: it.example,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

/// What is said of a type of events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventTypeBody {
    /// What has happened then.
    #[serde(default)]
    #[schema(required = false, max_length = 500)]
    description: String,
    /// The permission that it takes to hear of one; left out, to read such things: `contacts:read` for a `contact`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 200)]
    permission: Option<String>,
    /// The JSON schema of its data, for who subscribes; neither what is reported nor the example is held against it. Its `type`, where it has one, is one
    /// of JSON Schema's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Object, required = false)]
    schema: Option<Map<String, Value>>,
    /// What its data look like.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Object, required = false)]
    example: Option<Map<String, Value>>,
}

/// Lists the catalogue of event types.
///
/// The organization's own and those of the ones above it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/event-types",
    tag = "webhooks",
    params(OrganizationPath, PageQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/event-types:read"]}))),
    responses((status = 200, description = "A page of types.", body = PageView<EventTypeView>), Refusals)
)]
pub(super) async fn list_event_types(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "event-types";
    let found = ops::event_types::list_event_types(&app, &caller, organization_id, query.request(LIST)?).await?;
    Ok(page(&uri, LIST, found, EventTypeView::from))
}

/// Shows one type of events.
///
/// Where several organizations on the way up say something of it, the uppermost counts.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/event-types/{event_type}",
    tag = "webhooks",
    params(EventTypePath),
    extensions(("x-permissions" = json!({"all": ["claviger/event-types:read"]}))),
    responses(
        (status = 200, description = "The type.", body = EventTypeView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_event_type(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<EventTypePath>,
) -> ApiResult<Response> {
    let (organization_id, topic) = path.read()?;
    let found = ops::event_types::get_event_type(&app, &caller, organization_id, &topic).await?;
    Ok((entity_tag(found.version), Json(EventTypeView::from(found))).into_response())
}

/// Puts a type of events into the catalogue.
///
/// Or replaces what is said of one that is there. Doing it twice changes nothing.
#[utoipa::path(
    put,
    path = "/api/v1/organizations/{organization_id}/event-types/{event_type}",
    tag = "webhooks",
    params(EventTypePath, IfMatch),
    request_body = EventTypeBody,
    extensions(("x-permissions" = json!({"all": ["claviger/event-types:update"]}))),
    responses(
        (status = 200, description = "The type was there, and is now as asked.", body = EventTypeView,
         headers(("ETag", description = "The version."))),
        (status = 201, description = "The type is new.", body = EventTypeView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn put_event_type(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<EventTypePath>,
    JsonBody(body): JsonBody<EventTypeBody>,
) -> ApiResult<Response> {
    let (organization_id, topic) = path.read()?;
    let description = text::<Description>("/description", &body.description);
    let permission = optional::<Permission>("/permission", body.permission.as_deref());
    let (description, permission) = all_fields!(description, permission)?;
    let new = NewEventType { topic, description, permission, schema: body.schema, example: body.example };
    let put = ops::event_types::put_event_type(&app, &caller, organization_id, new).await?;
    let status = if put.is_new { CREATED } else { OK };
    Ok((status, entity_tag(put.event_type.version), Json(EventTypeView::from(put.event_type))).into_response())
}

/// Takes a type of events out of the catalogue.
///
/// The organization's own; events of it can be reported all the same.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/event-types/{event_type}",
    tag = "webhooks",
    params(EventTypePath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/event-types:delete"]}))),
    responses((status = 204, description = "It is in the catalogue no more."), WriteRefusals)
)]
pub(super) async fn delete_event_type(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<EventTypePath>,
) -> ApiResult<StatusCode> {
    let (organization_id, topic) = path.read()?;
    ops::event_types::delete_event_type(&app, &caller, organization_id, topic).await?;
    Ok(StatusCode::NO_CONTENT)
}
