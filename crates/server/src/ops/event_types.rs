//! The catalogue of a host's types of events.

use claviger_core::event::{Event, EventKind};
use claviger_core::event_type::EventType;
use claviger_core::id::{EventTypeId, OrganizationId};
use claviger_core::limits::{EVENT_TYPE_BYTES_MAX, EVENT_TYPES_PER_ORGANIZATION_MAX};
use claviger_core::name::Description;
use claviger_core::permission::{Asked, Permission};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::webhook::topic::Topic;
use claviger_store::Hold;
use serde_json::{Map, Value};

use super::caller::Caller;
use super::error::OpResult;
use super::page::{Page, PageRequest};
use super::precondition::{refuse_absent, refuse_unexpected};
use super::receipts::note_present;
use super::transaction::{begin_beside, commit, on_task};
use crate::app::App;

/// What is said of a type of events.
#[derive(Debug, Clone)]
pub struct NewEventType {
    /// What such an event is about.
    pub topic: Topic,
    /// What has happened then.
    pub description: Description,
    /// The permission that it takes to hear of one; absent means to read such things.
    pub permission: Option<Permission>,
    /// The JSON schema of its data.
    pub schema: Option<Map<String, Value>>,
    /// What its data look like.
    pub example: Option<Map<String, Value>>,
}

impl NewEventType {
    fn check(&self) -> Result<(), Reject> {
        if self.topic.is_own() {
            let detail =
                "is one of Claviger's own types; call what is yours otherwise, such as `contact` or `customer_key`";
            return Err(Reject::field("/type", detail));
        }
        let is_named = |it: &Permission| Asked::parse(&it.to_string()).is_ok_and(|it| it.is_list());
        if self.permission.as_ref().is_some_and(|it| !is_named(it)) {
            return Err(Reject::field("/permission", "is not of the form `contacts:read`, without an element or `*`"));
        }
        if self.schema.as_ref().and_then(|it| it.get("type")).is_some_and(|it| !names_types(it)) {
            let detail = format!(
                "names a `type` that JSON Schema does not have: one of {}, or a list of these",
                TYPES.join(", ")
            );
            return Err(Reject::field("/schema/type", detail));
        }
        let bytes = |it: &Option<Map<String, Value>>| {
            it.as_ref().and_then(|it| serde_json::to_vec(it).ok()).map_or(0, |it| it.len())
        };
        for (pointer, it) in [("/schema", &self.schema), ("/example", &self.example)] {
            if bytes(it) > EVENT_TYPE_BYTES_MAX {
                return Err(Reject::field(pointer, format!("has more than {EVENT_TYPE_BYTES_MAX} bytes as JSON")));
            }
        }
        Ok(())
    }
}

/// The types of JSON Schema. More of a schema is not looked at: it is for who subscribes, and nothing is held against it.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Whether it is one of these, or some of them.
fn names_types(it: &Value) -> bool {
    let is_one = |it: &Value| it.as_str().is_some_and(|it| TYPES.contains(&it));
    is_one(it) || it.as_array().is_some_and(|some| !some.is_empty() && some.iter().all(is_one))
}

/// A type of events, and whether it is new.
#[derive(Debug, Clone)]
pub struct PutEventType {
    /// The type.
    pub event_type: EventType,
    /// Whether the catalogue did not have it.
    pub is_new: bool,
}

/// Puts a type into an organization's catalogue, or says otherwise of one that is there. Needs `claviger/event-types:update`.
///
/// # Errors
/// Refusals: `invalid_field` for one of Claviger's own, `limit_reached`.
pub async fn put_event_type(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewEventType,
) -> OpResult<PutEventType> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/event-types:update");
        let (mut tx, tenant) = begin_beside(&app, &caller, [Hold::alone(organization_id)], authorize).await?;
        new.check()?;
        let before = tx.find_own_event_type(&tenant, &new.topic).await?;
        match &before {
            Some(before) => refuse_unexpected(before.version)?,
            None => refuse_absent()?,
        }
        let now = app.now();
        let permission = new.permission.clone().unwrap_or_else(|| new.topic.read_permission());
        let is_so = |it: &EventType| {
            (&it.description, &it.permission, &it.schema, &it.example)
                == (&new.description, &permission, &new.schema, &new.example)
        };
        if let Some(event_type) = before.clone().filter(is_so) {
            note_present(&app);
            return Ok(PutEventType { event_type, is_new: false });
        }
        let event_type = EventType {
            id: before.as_ref().map_or_else(|| EventTypeId::new(now, &mut *app.rng()), |it| it.id),
            organization_id,
            permission,
            topic: new.topic,
            description: new.description,
            schema: new.schema,
            example: new.example,
            version: before.as_ref().map_or(1, |it| it.version + 1),
            created_at: before.as_ref().map_or(now, |it| it.created_at),
            updated_at: now,
        };
        let event = match &before {
            Some(before) => {
                tx.update_event_type(&tenant, &event_type, before.version).await?;
                Event::new(&tenant, EventKind::EventTypeUpdated, event_type.id, now).before(before)
            }
            None => {
                if tx.count_event_types(&tenant).await? >= EVENT_TYPES_PER_ORGANIZATION_MAX {
                    let detail = format!("A catalogue has at most {EVENT_TYPES_PER_ORGANIZATION_MAX} types of events.");
                    return Err(Reject::new(RejectCode::LimitReached, detail).into());
                }
                tx.insert_event_type(&tenant, &event_type).await?;
                Event::new(&tenant, EventKind::EventTypeCreated, event_type.id, now)
            }
        };
        commit(&app, tx, event.after(&event_type)).await?;
        Ok(PutEventType { event_type, is_new: before.is_none() })
    })
    .await
}

/// Lists the types of an organization and of those above it. Needs `claviger/event-types:read`.
///
/// # Errors
/// Refusals.
pub async fn list_event_types(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<EventType>> {
    let tenant = caller.authorize(app, organization_id, "claviger/event-types:read")?;
    Ok(app.store().read().await?.page_event_types(&tenant, &page.try_into()?).await?.into())
}

/// Finds what is said of a type in an organization: there, or above, where the uppermost counts. Needs `claviger/event-types:read`.
///
/// # Errors
/// Refusals.
pub async fn get_event_type(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    topic: &Topic,
) -> OpResult<EventType> {
    let tenant = caller.authorize(app, organization_id, "claviger/event-types:read")?;
    let found = app.store().read().await?.find_event_type(&tenant, topic).await?;
    Ok(found.ok_or_else(Reject::not_found)?)
}

/// Takes a type out of an organization's own catalogue. Needs `claviger/event-types:delete`.
///
/// # Errors
/// Refusals.
pub async fn delete_event_type(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    topic: Topic,
) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/event-types:delete");
        let (mut tx, tenant) = begin_beside(&app, &caller, [Hold::alone(organization_id)], authorize).await?;
        let before = tx.find_own_event_type(&tenant, &topic).await?.ok_or_else(Reject::not_found)?;
        refuse_unexpected(before.version)?;
        tx.delete_event_type(&tenant, &before).await?;
        let event = Event::new(&tenant, EventKind::EventTypeDeleted, before.id, app.now()).before(&before);
        commit(&app, tx, event).await
    })
    .await
}
