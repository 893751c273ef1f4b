//! Who may hear what. Whoever subscribes holds the right to what is told, and whoever says where it is sent: a webhook is a way of reading. What
//! comes to a key's webhook is judged again event by event, by what the key holds then.

use std::collections::BTreeSet;

use claviger_core::decision::Reach;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::permission::{Asked, Coverage, Permission, PermissionSet};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::webhook::Webhook;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_store::webhooks::Subscriber;
use claviger_store::{Connection, PageRequest, Tx};

use super::message::Content;
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::{Error, OpResult};
use crate::ops::standing::Judge;

/// What it takes to hear of our own changes.
const OWN_CHANGES: &str = "claviger/events:read";
/// What it takes to hear of everything.
const EVERYTHING: &str = "*:read";
/// Pages of the catalogue that are looked through for the types of one entity.
const CATALOGUE_PAGES_MAX: usize = 50;

/// The permission that it takes to hear of our own changes.
pub(super) fn own_changes() -> Permission {
    permission(OWN_CHANGES)
}

fn permission(text: &str) -> Permission {
    Permission::parse(text).expect("a permission")
}

/// The permission that it takes to hear of a topic in the tenant's organization.
pub(crate) async fn permission_of(connection: &mut Connection, tenant: &Tenant, topic: &Topic) -> OpResult<Permission> {
    if topic.is_own() {
        return Ok(own_changes());
    }
    let found = connection.find_event_type(tenant, topic).await?;
    Ok(found.map_or_else(|| topic.read_permission(), |it| it.permission))
}

/// Everything that it takes to hear what a subscription asks for.
async fn needed(
    connection: &mut Connection,
    tenant: &Tenant,
    subscription: &Subscription,
) -> OpResult<Vec<Permission>> {
    if let Ok(topic) = Topic::parse(subscription.entity(), subscription.operation()) {
        return Ok(vec![permission_of(connection, tenant, &topic).await?]);
    }
    let Some(usual) = subscription.read_permission() else { return Ok(vec![permission(EVERYTHING)]) };
    if subscription.sources().0 {
        return Ok(vec![own_changes()]);
    }
    // Every operation of one entity: what is usual, and what the catalogue says of single ones.
    let (mut needed, mut request) = (vec![usual], PageRequest::first(100));
    for _ in 0..CATALOGUE_PAGES_MAX {
        let page = connection.page_event_types(tenant, &request).await?;
        let of_entity = page.rows.into_iter().filter(|it| subscription.covers(&it.topic));
        needed.extend(of_entity.map(|it| it.permission));
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    Ok(needed)
}

/// Refuses a subscription, or an address for one, to whoever does not hold the right to all that it tells, there and below where it reaches that.
/// Says what the caller was found to hold: what takes more, be that said below or later, a webhook of the organization is not told. Who may read
/// everything may read that too.
pub(super) async fn refuse_unheard(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    (subscription, reach): (&Subscription, Reach),
) -> OpResult<PermissionSet> {
    let needed = needed(connection, tenant, subscription).await?;
    let mut held = vec![tenant.rights().clone()];
    refuse_lacking(tenant.rights(), &needed)?;
    if reach == Reach::Subtree {
        if tenant.reach() == Reach::Organization {
            let detail = "The webhook would reach further down than the caller does; give it the reach `organization`.";
            return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
        }
        let judge = Judge::below(app, caller, connection, tenant.organization_id()).await?;
        for place in judge.places(connection, None).await? {
            let rights = judge.rights_at(place);
            refuse_lacking(&rights, &needed)?;
            held.push(rights);
        }
    }
    let everything = Some(permission(EVERYTHING)).filter(|it| held.iter().all(|rights| it.is_held_in(rights)));
    let hears: BTreeSet<_> = needed.iter().chain(&everything).map(ToString::to_string).collect();
    PermissionSet::parse(&hears.into_iter().collect::<Vec<_>>()).map_err(|error| {
        let detail = format!(
            "The catalogue names too many permissions for these events ({error}). Subscribe to single operations."
        );
        Reject::new(RejectCode::LimitReached, detail).into()
    })
}

fn refuse_lacking(held: &PermissionSet, needed: &[Permission]) -> Result<(), Reject> {
    match needed.iter().find(|it| !it.is_held_in(held)) {
        None => Ok(()),
        Some(lacking) => {
            let detail =
                format!("The webhook would tell more than the caller may read: it takes the permission `{lacking}`.");
            Err(Reject::new(RejectCode::GrantExceedsOwn, detail))
        }
    }
}

/// Refuses a key a subscription of its own of which it would hear nothing. One to everything is none of these: it hears what it may.
pub(super) async fn refuse_deaf(
    connection: &mut Connection,
    tenant: &Tenant,
    (subscription, reach): (&Subscription, Reach),
) -> OpResult<()> {
    if reach == Reach::Subtree && tenant.reach() == Reach::Organization {
        let detail = "The webhook would reach further down than its key does; give it the reach `organization`.";
        return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
    }
    if subscription.read_permission().is_none() {
        return Ok(());
    }
    let needed = needed(connection, tenant, subscription).await?;
    // By element is enough: it hears of these. Of several, too: it hears of those operations.
    let hears = |it: &Permission| {
        let text = it.to_string();
        Asked::parse(&text).is_ok_and(|it| tenant.rights().coverage(&it) != Coverage::None)
    };
    match needed.iter().any(hears) {
        true => Ok(()),
        false => Ok(refuse_lacking(tenant.rights(), &needed)?),
    }
}

/// Who asks to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener<'a> {
    organization_id: OrganizationId,
    key_id: Option<KeyId>,
    hears: &'a PermissionSet,
}

impl<'a> From<&'a Subscriber> for Listener<'a> {
    fn from(it: &'a Subscriber) -> Self {
        Self { organization_id: it.organization_id, key_id: it.key_id, hears: &it.hears }
    }
}

impl<'a> From<&'a Webhook> for Listener<'a> {
    fn from(it: &'a Webhook) -> Self {
        Self { organization_id: it.organization_id, key_id: it.key_id, hears: &it.hears }
    }
}

/// What somebody is told of, and what that takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// Where it happened.
    pub(super) organization_id: OrganizationId,
    /// What it is about.
    pub(super) topic: &'a Topic,
    /// The permission that it takes to hear of it.
    pub(super) needed: &'a Permission,
    /// Which thing it happened to.
    pub(super) entity_id: Option<&'a str>,
}

impl Told<'_> {
    /// What is asked of whoever hears of it.
    pub(super) fn asked(&self) -> String {
        asked(self.topic, self.needed, self.entity_id)
    }
}

/// Whether a webhook is told of something: one of the organization where whoever made it was found to hold the right, unless the organization is
/// suspended; one of a key as far as the key may read it now.
pub(super) fn is_told<'a>(app: &App, listener: impl Into<Listener<'a>>, it: Told<'_>) -> bool {
    let Listener { organization_id, key_id, hears } = listener.into();
    let Some(key_id) = key_id else {
        return it.needed.is_held_in(hears) && !app.replica().is_suspended(organization_id);
    };
    let text = it.asked();
    Asked::parse(&text).is_ok_and(|asked| app.replica().may_hear(key_id, it.organization_id, &asked, app.now()))
}

/// Whether a delivery is made still. Between what happened and an attempt lie days, in which a key may have lost what it could read then.
pub(crate) fn is_sent_still(app: &App, webhook: &Webhook, content: &Content) -> bool {
    content.told().is_none_or(|it| is_told(app, webhook, it))
}

/// Waits until this node knows of all that has happened up to now: what keys may hear is decided from memory.
///
/// # Errors
/// What any statement can meet; `NotBegun` where it takes too long.
pub(crate) async fn settle(app: &App, tx: &mut Tx) -> OpResult<()> {
    let head = tx.settled_head().await?;
    app.follower().applied(head).await.map_err(Error::NotBegun)
}

/// What is asked of whoever hears of one thing: the right to it alone is enough, where the permission is about such things at all. A catalogue may
/// name another one (a comment takes the right to scorecards), and comment 7 is not scorecard 7.
pub(crate) fn asked(topic: &Topic, needed: &Permission, entity_id: Option<&str>) -> String {
    let (text, usual) = (needed.to_string(), topic.read_permission().to_string());
    let resource = |text: &str| text.split_once(':').map(|(it, _)| it.to_owned());
    let own = resource(&text).filter(|it| resource(&usual).as_ref() == Some(it));
    let with_element = entity_id.zip(own).map(|(id, own)| text.replacen(&own, &format!("{own}/{id}"), 1));
    match with_element {
        Some(with) if Asked::parse(&with).is_ok() => with,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_thing_hears_who_may_read_it_alone_where_the_right_is_to_such_things() {
        for (topic, needed, id, expected) in [
            ("contact.created", "contacts:read", Some("7"), "contacts/7:read"),
            ("contact.created", "contacts:export", Some("7"), "contacts/7:export"),
            ("contact.created", "contacts:read", None, "contacts:read"),
            ("contact.created", "contacts:read", Some("not an element"), "contacts:read"),
            ("comment.created", "scorecards:read", Some("7"), "scorecards:read"),
            ("key.created", OWN_CHANGES, Some("key_1"), OWN_CHANGES),
        ] {
            let topic = Topic::parse_dotted(topic).expect("a topic");
            assert_eq!(asked(&topic, &permission(needed), id), expected);
        }
    }
}
