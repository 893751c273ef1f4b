//! The revision history: what was done in the host's product, under whose name, and how it looked before and after.

mod query;

use axum::extract::Path;
use axum::response::Response;
use claviger_core::host_event::HostEventBody;
use claviger_core::id::EventId;
use claviger_core::limits::HOST_EVENT_DAYS_KEPT;
use serde_json::{Map, Value, json};

use self::query::{RevisionQuery, history_of};
use super::audit::differences::{InShort, Names, differences, in_short};
use super::audit::{Address, Known, erasings};
use super::failure::Failure;
use super::pages::audit::{ActorFacts, EventRowView, Subject};
use super::pages::revisions::{RevisionPage, RevisionsPage};
use super::pages::shell::{Moment, Place};
use super::pages::snippets;
use super::visit::Visit;
use crate::ops::erasure::ERASE;
use crate::ops::revisions::{Revision, RevisionRow, get_revision, list_revisions};

/// What a thing may be called in its own picture, the likeliest first.
const NAMES: [&str; 2] = ["name", "title"];

/// The list.
pub(super) async fn show_revisions(visit: Visit, query: Address) -> Result<Response, Failure> {
    let unreadable = query.is_err();
    let (query, misread) = RevisionQuery::read(query.map(|axum::extract::Query(it)| it).unwrap_or_default());
    let pages = query.asked.pages();
    let found =
        list_revisions(&visit.app, &visit.caller, visit.organization_id(), &query.filter(), pages.request()).await?;
    let known = Known::of(&visit, &query.asked).await;
    let erasings = erasings(&visit, found.items.iter().filter(|it| it.is_erased).map(|it| it.row.event.id)).await;
    let erased = |it: &Revision| it.is_erased.then(|| erasings.get(&it.row.event.id).cloned().unwrap_or_default());
    let page = RevisionsPage {
        shell: visit.shell(Place::Settings),
        rows: found.items.iter().map(|it| EventRowView { erased: erased(it), ..row(&visit, &it.row) }).collect(),
        withheld: found.items.iter().any(|it| it.is_withheld),
        actors: known.actors(&query.asked),
        what: query.what_value().or(query.unread.clone()).unwrap_or_default(),
        thing: query.thing.clone(),
        about: query.what.as_ref().map(|it| it.0.clone()).zip(query.thing.clone()),
        from: query.asked.from.clone(),
        until: query.asked.until.clone(),
        filtered: query.narrows(),
        misread: misread || unreadable,
        is_first: pages.is_first(),
        start: query.link(""),
        pager: pages.pager(&query.pairs().collect::<Vec<_>>(), found.items.len(), found.next.as_ref()),
        export: format!("/api/v1/organizations/{}/revisions?{}", visit.organization.id, query.export()),
        kept_days: HOST_EVENT_DAYS_KEPT,
        snippets: snippets::report_change(&visit.site.base_url, visit.organization.slug.as_str()),
    };
    Ok(visit.page(&page))
}

/// A revision's own page.
pub(super) async fn show_revision(visit: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let id: EventId = id.parse().map_err(|_| Failure::not_found())?;
    let revision = get_revision(&visit.app, &visit.caller, visit.organization_id(), id).await?;
    let (found, withheld, erased) = (revision.row, revision.is_withheld, revision.is_erased);
    let (before, after) = pictures(found.event.body.as_ref());
    let data = found.event.body.as_ref().map(|it| &it.data).filter(|it| !it.is_empty());
    let page = RevisionPage {
        shell: visit.shell(Place::Settings),
        row: row(&visit, &found),
        history: found.event.entity_id.as_ref().map(|it| history_of(found.event.topic.entity(), it)),
        event_type: found.event.topic.event_type(),
        may_erase: found.event.body.is_some() && visit.may_do(ERASE),
        received_at: Moment::new(found.event.received_at),
        fields: differences(before.as_ref(), after.as_ref(), &Names::new()),
        withheld,
        erased,
        data: data.and_then(|it| serde_json::to_string_pretty(it).ok()),
        compared: before.is_some() && after.is_some(),
        json: serde_json::to_string_pretty(&json!({ "before": before, "after": after })).unwrap_or_default(),
    };
    Ok(visit.page(&page))
}

/// How the thing looked before and after.
fn pictures(body: Option<&HostEventBody>) -> (Option<Value>, Option<Value>) {
    let picture = |it: &Option<Map<String, Value>>| it.clone().map(Value::Object);
    body.map_or((None, None), |it| (picture(&it.before), picture(&it.after)))
}

fn row(visit: &Visit, revision: &RevisionRow) -> EventRowView {
    let event = &revision.event;
    let (before, after) = pictures(event.body.as_ref());
    // Identifiers in a host's pictures are the host's own.
    let names = Names::new();
    // Where nobody says how the thing looked, what receivers are sent is all there is to see.
    let data =
        event.body.as_ref().map(|it| &it.data).filter(|it| before.is_none() && after.is_none() && !it.is_empty());
    let told = data.cloned().map(Value::Object);
    let InShort { differences, more, cut } = in_short(before.as_ref(), after.as_ref().or(told.as_ref()), &names);
    let pictures = [&after, &before].into_iter().flatten().filter_map(Value::as_object);
    let known = pictures.chain(event.body.as_ref().map(|it| &it.data));
    let name = known.flat_map(|it| NAMES.map(|field| it.get(field))).flatten().find_map(Value::as_str);
    let subject = name.or(event.entity_id.as_deref());
    EventRowView {
        id: event.id.to_string(),
        at: Moment::new(event.at),
        actor: actor(visit, revision),
        what: words(&event.topic.event_type()),
        subject: Subject {
            kind: event.topic.entity().replace('_', " "),
            id: event.entity_id.clone().unwrap_or_default(),
            name: subject.map(str::to_owned),
            href: None,
        },
        cut,
        differences,
        more,
        // Its own page says so in a sentence.
        erased: None,
    }
}

/// `Scorecard updated`, of `scorecard.updated`.
pub(super) fn words(event_type: &str) -> String {
    let text = event_type.replace(['.', '_'], " ");
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |it| it.to_uppercase().chain(characters).collect())
}

fn actor(visit: &Visit, revision: &RevisionRow) -> ActorFacts {
    let event = &revision.event;
    let (name, named) = match (&revision.user_name, event.actor_user_id) {
        (Some(name), _) => (name.to_string(), true),
        (None, Some(id)) => (id.to_string(), false),
        (None, None) => ("Not told".to_owned(), true),
    };
    let key = event.actor_key_id.map(|id| match &revision.key_name {
        Some(name) => (name.to_string(), Some(visit.path(&format!("/keys/{id}")))),
        None => (id.to_string(), None),
    });
    ActorFacts { name, named, email: revision.user_email.as_ref().map(ToString::to_string), ip: None, key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_in_words() {
        assert_eq!(words("scorecard.updated"), "Scorecard updated");
        assert_eq!(words("trigger_link.clicked"), "Trigger link clicked");
    }

    #[test]
    fn what_receivers_are_sent_is_no_picture() {
        let data = json!({ "rating": 4 }).as_object().cloned().unwrap_or_default();
        let body = HostEventBody { data, before: None, after: None };
        assert_eq!(pictures(Some(&body)), (None, None));
        let body = HostEventBody { before: Some(Map::new()), ..body };
        assert_eq!(pictures(Some(&body)), (Some(json!({})), None));
        assert_eq!(pictures(None), (None, None));
    }
}
