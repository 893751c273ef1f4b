//! The audit: what was changed here, by whom, and how it looked before and after.

mod differences;
mod query;
mod words;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::Response;
use claviger_core::event::{Entity, EntityKind};
use claviger_core::id::EventId;
use claviger_core::limits;
use serde_json::{Value, json};

use self::differences::{Names, differences, in_short};
use self::query::AuditQuery;
use super::failure::Failure;
use super::keys::view::role_label;
use super::pages::audit::{ActorFacts, AuditPage, EventPage, EventRowView, Subject};
use super::pages::shell::{Moment, Place};
use super::visit::Visit;
use crate::ops::events::{EventFilter, EventRow, get_event, list_events};
use crate::ops::keys::{KeyQuery, KeySort, list_keys};
use crate::ops::page::{Cursor, PageRequest};
use crate::ops::people::list_people;
use crate::ops::roles::list_roles;

/// Who and what can be named on a page: the first hundred people, keys and roles.
struct Known {
    /// Users by name.
    people: Vec<(String, String)>,
    /// Live keys by name.
    keys: Vec<(String, String)>,
    /// What identifiers stand for.
    names: Names,
}

/// Events on the page of the thing that they are about.
const LATEST: u32 = 5;
const ALL: PageRequest = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };

impl Known {
    /// Reads what this viewer may see; what they may not is no reason to show nothing.
    async fn of(visit: &Visit) -> Self {
        let (app, caller, id) = (&visit.app, &visit.caller, visit.organization_id());
        let people = list_people(app, caller, id, None, ALL).await.map(|it| it.items).unwrap_or_default();
        let by_name = KeyQuery { order: KeySort::Name.into(), ..KeyQuery::default() };
        let keys = list_keys(app, caller, id, by_name, ALL).await.map(|it| it.page.items).unwrap_or_default();
        let roles = list_roles(app, caller, id, ALL).await.map(|it| it.items).unwrap_or_default();
        let people: Vec<_> =
            people.iter().map(|it| (it.row.user.id.to_string(), it.row.user.name.to_string())).collect();
        let keys: Vec<_> = keys.iter().map(|it| (it.key.id.to_string(), it.key.name.to_string())).collect();
        let roles = roles.iter().map(|it| (it.id.to_string(), role_label(it.name.as_str())));
        let here = [(visit.organization.id.to_string(), visit.organization.name.to_string())];
        let names = people.iter().chain(&keys).cloned().chain(roles).chain(here).collect();
        Self { people, keys, names }
    }
}

/// The list of events.
pub(super) async fn show_audit(
    visit: Visit,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Failure> {
    let unreadable = query.is_err();
    let (query, misread) = AuditQuery::read(query.map(|Query(it)| it).unwrap_or_default());
    let after = Some(query.after.clone()).filter(|it| !it.is_empty()).map(Cursor);
    let is_first = after.is_none();
    let request = PageRequest { after, ..PageRequest::default() };
    let found = list_events(&visit.app, &visit.caller, visit.organization_id(), &query.filter(), request).await?;
    let known = Known::of(&visit).await;
    let rows: Vec<_> = found.items.iter().map(|it| row(&visit, it, &known.names)).collect();
    let about = query.about.map(|it| {
        let listed = rows.iter().find(|row| row.subject.id == it.to_string()).map(|row| row.subject.clone());
        listed.unwrap_or_else(|| subject(&visit, it, known.names.get(&it.to_string()).cloned()))
    });
    let page = AuditPage {
        shell: visit.shell(Place::Settings),
        actors: query.actors(&known.people, &known.keys),
        kinds: query.kinds(),
        about,
        from: query.from.clone(),
        until: query.until.clone(),
        filtered: query.narrows(),
        misread: misread || unreadable,
        is_first,
        start: query.link(""),
        next: found.next.map(|Cursor(it)| query.link(&it)),
        export: format!("/api/v1/organizations/{}/events?{}", visit.organization.id, query.export()),
        rows,
    };
    Ok(visit.page(&page))
}

/// What happened last to a thing, newest first; nothing where the viewer may not look at events.
pub(super) async fn latest(visit: &Visit, entity: Entity) -> Vec<EventRowView> {
    let filter = EventFilter { entity: Some(entity), ..EventFilter::default() };
    let few = PageRequest { after: None, limit: LATEST };
    match list_events(&visit.app, &visit.caller, visit.organization_id(), &filter, few).await {
        Ok(found) => {
            let known = Known::of(visit).await;
            found.items.iter().map(|it| row(visit, it, &known.names)).collect()
        }
        Err(_) => Vec::new(),
    }
}

/// An event's own page.
pub(super) async fn show_event(visit: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let id: EventId = id.parse().map_err(|_| Failure::not_found())?;
    let event = get_event(&visit.app, &visit.caller, visit.organization_id(), id).await?;
    let known = Known::of(&visit).await;
    let page = EventPage {
        shell: visit.shell(Place::Settings),
        row: row(&visit, &event, &known.names),
        operation: event.kind.as_str(),
        place: format!("{}.{}", event.position.epoch, event.position.seq),
        fields: differences(event.before.as_ref(), event.after.as_ref(), &known.names),
        compared: event.before.is_some() && event.after.is_some(),
        json: picture(&event),
    };
    Ok(visit.page(&page))
}

fn picture(event: &EventRow) -> String {
    let both = json!({ "before": event.before, "after": event.after });
    serde_json::to_string_pretty(&both).unwrap_or_default()
}

fn row(visit: &Visit, event: &EventRow, names: &Names) -> EventRowView {
    // What it is called now; where that is not known any more, what it was called then.
    let then = [&event.after, &event.before].into_iter().flatten();
    let then = || then.filter_map(|it| it.get("name").and_then(Value::as_str)).next().map(str::to_owned);
    let name = event.entity_name.as_ref().map(ToString::to_string).or_else(then);
    let name = name.or_else(|| names.get(&event.entity.to_string()).cloned());
    let (differences, more) = in_short(event.before.as_ref(), event.after.as_ref(), names);
    EventRowView {
        id: event.id.to_string(),
        at: Moment::new(event.at),
        actor: actor(visit, event),
        what: words::kind_words(event.kind),
        subject: subject(visit, event.entity, name),
        differences,
        more,
    }
}

fn actor(visit: &Visit, event: &EventRow) -> ActorFacts {
    let (name, named) = match (&event.user_name, event.user_id, &event.job) {
        (Some(name), ..) => (name.to_string(), true),
        (None, Some(id), _) => (id.to_string(), false),
        (None, None, Some(job)) => (format!("Claviger ({job})"), true),
        (None, None, None) => ("Nobody".to_owned(), true),
    };
    let key = event.key_id.map(|id| {
        let name = event.key_name.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
        (name, visit.path(&format!("/keys/{id}")))
    });
    ActorFacts { name, named, key }
}

fn subject(visit: &Visit, entity: Entity, name: Option<String>) -> Subject {
    let id = entity.to_string();
    let href = match entity.kind {
        EntityKind::Key => Some(visit.path(&format!("/keys/{id}"))),
        EntityKind::Role => Some(visit.path(&format!("/roles/{id}"))),
        EntityKind::Member => Some(visit.path(&format!("/members/{id}"))),
        _ => None,
    };
    Subject { kind: words::entity_words(entity.kind), id, name, href }
}
