//! The audit: what was changed here, by whom, and how it looked before and after.

pub(super) mod asked;
pub(super) mod differences;
pub(super) mod erase;
mod query;
mod words;

use std::collections::{BTreeSet, HashMap};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::Response;
use claviger_core::event::{Entity, EntityKind, EventKind};
use claviger_core::id::{ApiId, EventId, RoleId};
use claviger_core::limits;
use serde_json::{Value, json};

use self::asked::Asked;
use self::differences::{InShort, Names, differences, in_short};
use self::query::AuditQuery;
use super::failure::Failure;
use super::keys::view::{role_label, type_label};
use super::pages::audit::{ActorFacts, AuditPage, ChoiceGroup, Erasing, EventPage, EventRowView, Subject};
use super::pages::shell::{Moment, Place};
use super::visit::Visit;
use crate::ops::erasure::{ERASE, find_erasures, get_chain_head};
use crate::ops::error::Error;
use crate::ops::events::{EventFilter, EventRow, get_event, list_events, names_of};
use crate::ops::keys::{KeyQuery, KeySort, page_keys};
use crate::ops::page::PageRequest;
use crate::ops::people::list_people;
use crate::ops::revisions::get_revision;

/// Whom the list can be narrowed to: the first hundred people and a few keys, and whomever it is narrowed to. Names on a page are those of
/// [`names_in`].
pub(super) struct Known {
    /// Users by name.
    people: Vec<(String, String)>,
    /// Live keys by name.
    keys: Vec<(String, String)>,
    /// Whether there are more keys, of which each leads here from its own page.
    has_more_keys: bool,
}

/// Live keys that the list of whom it can be narrowed to offers.
const KEYS_OFFERED_MAX: usize = 25;

/// Events on the page of the thing that they are about.
const LATEST: u32 = 5;
/// Identifiers on a page that are looked up; the rest stand as they are.
const NAMED_MAX: usize = 100;
/// The same on an event's own page: as many as a change of many things together can name, and a few beside them.
const NAMED_OF_ONE_MAX: usize = limits::ROWS_PER_EVENT_MAX + NAMED_MAX;
/// Bytes of a text that may be an identifier.
const ID_BYTES_MAX: usize = 40;
const ALL: PageRequest = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };

impl Known {
    /// Reads what this viewer may see; what they may not is no reason to show nothing.
    pub(super) async fn of(visit: &Visit, asked: &Asked) -> Self {
        let (app, caller, id) = (&visit.app, &visit.caller, visit.organization_id());
        let people = list_people(app, caller, id, None, ALL).await.map(|it| it.items).unwrap_or_default();
        let by_name = KeyQuery { order: KeySort::Name.into(), ..KeyQuery::default() };
        let keys = page_keys(app, caller, id, by_name, ALL).await.map(|it| it.items).unwrap_or_default();
        let has_more_keys = keys.len() > KEYS_OFFERED_MAX;
        let mut known = Self {
            people: people.iter().map(|it| (it.row.user.id.to_string(), it.row.user.name.to_string())).collect(),
            keys: keys.iter().map(|it| (it.key.id.to_string(), it.key.name.to_string())).collect(),
            has_more_keys,
        };
        known.keys.sort_by_cached_key(|it| natural(&it.1));
        known.keys.truncate(KEYS_OFFERED_MAX);
        // A key that was deleted is none of them, nor is whoever left; what they did is still asked for.
        if let Some(who) = asked.who_value() {
            let group = if asked.key_id().is_some() { &mut known.keys } else { &mut known.people };
            if group.iter().all(|it| it.0 != who) {
                group.extend(names_of(app, caller, id, &[&who]).await.unwrap_or_default());
            }
        }
        known
    }

    /// The choice of who did it.
    pub(super) fn actors(&self, asked: &Asked) -> Vec<ChoiceGroup> {
        let label = match self.has_more_keys {
            true => "By key (some; of any other see its page)",
            false => "By key",
        };
        asked.actors(&self.people, (label, &self.keys))
    }
}

/// By what names are sorted as people count: `2` before `10`.
fn natural(name: &str) -> Vec<(String, u128)> {
    let (mut parts, mut rest) = (Vec::new(), name);
    while !rest.is_empty() {
        let digits_at = rest.find(|it: char| it.is_ascii_digit()).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(digits_at);
        let digits_end = behind.find(|it: char| !it.is_ascii_digit()).unwrap_or(behind.len());
        let (digits, behind) = behind.split_at(digits_end);
        parts.push((text.to_lowercase(), if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u128::MAX) }));
        rest = behind;
    }
    parts
}

/// What the identifiers in some events stand for, as far as the viewer may know. Each is looked up by itself: the first page of all people,
/// keys and roles would name others than those that stand there.
async fn names_in(visit: &Visit, events: &[EventRow], at_most: usize) -> Names {
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for picture in events.iter().flat_map(|it| [&it.before, &it.after]).flatten() {
        mentioned(picture, &mut ids);
    }
    let entities: Vec<_> = events.iter().map(|it| it.entity.to_string()).collect();
    ids.extend(entities.iter().map(String::as_str));
    let ids: Vec<_> = ids.into_iter().take(at_most).collect();
    let found = names_of(&visit.app, &visit.caller, visit.organization_id(), &ids).await.unwrap_or_default();
    let words = |(id, name): (String, String)| {
        let name = if id.parse::<RoleId>().is_ok() {
            role_label(&name)
        } else if id.parse::<ApiId>().is_ok() {
            type_label(&name)
        } else {
            name
        };
        (id, name)
    };
    found.into_iter().map(words).collect()
}

/// The texts in a picture that may be identifiers.
fn mentioned<'a>(picture: &'a Value, ids: &mut BTreeSet<&'a str>) {
    match picture {
        Value::String(text) if text.contains('_') && text.len() <= ID_BYTES_MAX => drop(ids.insert(text)),
        Value::Array(all) => all.iter().for_each(|it| mentioned(it, ids)),
        Value::Object(all) => all.values().for_each(|it| mentioned(it, ids)),
        _ => {}
    }
}

/// What an address of such a list says.
pub(super) type Address = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// By whom and when events were erased, by their identifiers.
pub(super) type Erasings = HashMap<EventId, Erasing>;

/// Looks up by whom and when these were erased; what cannot be found out is no reason to show nothing.
pub(super) async fn erasings(visit: &Visit, erased: impl Iterator<Item = EventId>) -> Erasings {
    let ids: Vec<_> = erased.collect();
    let found = find_erasures(&visit.app, &visit.caller, visit.organization_id(), &ids).await.unwrap_or_default();
    let told = |it: &EventRow| Erasing { told: Some((actor(visit, it), Moment::new(it.at))) };
    found.iter().map(|(id, it)| (*id, told(it))).collect()
}

async fn rows(visit: &Visit, events: &[EventRow], names: &Names) -> Vec<EventRowView> {
    let erasings = erasings(visit, events.iter().filter(|it| it.erased).map(|it| it.id)).await;
    let erased = |it: &EventRow| it.erased.then(|| erasings.get(&it.id).cloned().unwrap_or_default());
    events.iter().map(|it| EventRowView { erased: erased(it), ..row(visit, it, names) }).collect()
}

/// The list of events.
pub(super) async fn show_audit(visit: Visit, query: Address) -> Result<Response, Failure> {
    let unreadable = query.is_err();
    let (query, misread) = AuditQuery::read(query.map(|Query(it)| it).unwrap_or_default());
    let pages = query.asked.pages();
    let found =
        list_events(&visit.app, &visit.caller, visit.organization_id(), &query.filter(), pages.request()).await?;
    let known = Known::of(&visit, &query.asked).await;
    let names = names_in(&visit, &found.items, NAMED_MAX).await;
    let rows = rows(&visit, &found.items, &names).await;
    let about = query.about.map(|it| {
        let listed = rows.iter().find(|row| row.subject.id == it.to_string()).map(|row| row.subject.clone());
        listed.unwrap_or_else(|| subject(&visit, it, names.get(&it.to_string()).cloned()))
    });
    let head = get_chain_head(&visit.app, &visit.caller, visit.organization_id()).await?;
    let page = AuditPage {
        chain: head.map(|it| (it.number, it.link.to_string())),
        shell: visit.shell(Place::Settings),
        actors: known.actors(&query.asked),
        kinds: query.kinds(),
        about,
        from: query.asked.from.clone(),
        until: query.asked.until.clone(),
        filtered: query.narrows(),
        misread: misread || unreadable,
        is_first: pages.is_first(),
        start: query.link(""),
        pager: pages.pager(&query.pairs().collect::<Vec<_>>(), found.items.len(), found.next.as_ref()),
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
            let names = names_in(visit, &found.items, NAMED_MAX).await;
            rows(visit, &found.items, &names).await
        }
        Err(_) => Vec::new(),
    }
}

/// An event's own page.
pub(super) async fn show_event(visit: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let id: EventId = id.parse().map_err(|_| Failure::not_found())?;
    let event =
        match get_event(&visit.app, &visit.caller, visit.organization_id(), id).await.map_err(Error::into_reject) {
            Ok(event) => event,
            // What was erased may be one that a host reported, and what says so names it alike.
            Err(reject) => {
                let reported = get_revision(&visit.app, &visit.caller, visit.organization_id(), id).await;
                return match reported {
                    Ok(_) => Ok(visit.redirect(&format!("/revision-history/{id}"))),
                    Err(_) => Err(reject.into()),
                };
            }
        };
    let tells = event.before.is_some() || event.after.is_some() || event.ip.is_some();
    let names = names_in(&visit, std::slice::from_ref(&event), NAMED_OF_ONE_MAX).await;
    let page = EventPage {
        shell: visit.shell(Place::Settings),
        row: row(&visit, &event, &names),
        operation: event.kind.as_str(),
        erased: event.erased,
        may_erase: tells && event.kind != EventKind::EventErased && visit.may_do(ERASE),
        place: format!("{}.{}", event.position.epoch, event.position.seq),
        fields: differences(event.before.as_ref(), event.after.as_ref(), &names),
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
    // Of a webhook's address the log keeps where it leads, and not what may be a secret in it.
    let called = |it: &Value| match it.get("name").and_then(Value::as_str) {
        Some(name) => Some(name.to_owned()),
        None if event.entity.kind == EntityKind::Webhook => {
            it.get("target").and_then(Value::as_str).map(|it| format!("{it}/…"))
        }
        None => None,
    };
    let then = || then.filter_map(called).next();
    let name = event.entity_name.as_ref().map(ToString::to_string).or_else(then);
    let name = if event.entity.kind == EntityKind::Role { name.map(|it| role_label(&it)) } else { name };
    let name = name.or_else(|| names.get(&event.entity.to_string()).cloned());
    // A membership is called like its user, also when it is over.
    let pictures = [&event.after, &event.before].into_iter().flatten();
    let user = || pictures.filter_map(|it| it.get("user_id")?.as_str()).find_map(|id| names.get(id).cloned());
    let name = name.or_else(|| if event.entity.kind == EntityKind::Member { user() } else { None });
    let InShort { differences, more, cut } = in_short(event.before.as_ref(), event.after.as_ref(), names);
    EventRowView {
        id: event.id.to_string(),
        at: Moment::new(event.at),
        actor: actor(visit, event),
        what: words::kind_words(event.kind),
        subject: subject(visit, event.entity, name),
        cut,
        differences,
        more,
        // Its own page says so in a sentence.
        erased: None,
    }
}

fn actor(visit: &Visit, event: &EventRow) -> ActorFacts {
    let (name, named) = match (&event.user_name, event.user_id, &event.job) {
        (Some(name), ..) => (name.to_string(), true),
        (None, Some(id), _) => (id.to_string(), false),
        (None, None, Some(job)) => (format!("Claviger ({job})"), true),
        (None, None, None) => ("Nobody".to_owned(), true),
    };
    // Only the names of this organization's own keys are told, and only those keys have a page here.
    let key = event.key_id.map(|id| match &event.key_name {
        Some(name) => (name.to_string(), Some(visit.path(&format!("/keys/{id}")))),
        None => (id.to_string(), None),
    });
    ActorFacts {
        name,
        named,
        email: event.user_email.as_ref().map(ToString::to_string),
        ip: event.ip.map(|it| it.to_string()),
        key,
    }
}

fn subject(visit: &Visit, entity: Entity, name: Option<String>) -> Subject {
    let id = entity.to_string();
    let href = match entity.kind {
        EntityKind::Key => Some(visit.path(&format!("/keys/{id}"))),
        EntityKind::Role => Some(visit.path(&format!("/roles/{id}"))),
        EntityKind::Member => Some(visit.path(&format!("/members/{id}"))),
        EntityKind::Event => Some(visit.path(&format!("/audit/{id}"))),
        _ => None,
    };
    Subject { kind: words::entity_words(entity.kind), id, name, href }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_stand_in_the_order_in_which_people_count() {
        let mut names = ["For Mia 10", "For Mia", "for Mia 2", "CI", "For Mia 1b", "10", "9"];
        names.sort_by_cached_key(|it| natural(it));
        assert_eq!(names, ["9", "10", "CI", "For Mia", "For Mia 1b", "for Mia 2", "For Mia 10"]);
    }
}
