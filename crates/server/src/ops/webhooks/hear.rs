//! Who may hear what. Whoever subscribes holds the right to what is told, and whoever says where it is sent: a webhook is a way of reading. What
//! comes to a key's webhook is judged again event by event, by what the key holds then.

use claviger_core::decision::Reach;
use claviger_core::id::OrganizationId;
use claviger_core::permission::{Asked, Coverage, Permission, PermissionSet};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_store::webhooks::Subscriber;
use claviger_store::{Connection, PageRequest};

use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::standing::Judge;

/// What it takes to hear of our own changes.
pub(super) const OWN_CHANGES: &str = "claviger/events:read";
/// What it takes to hear of everything.
const EVERYTHING: &str = "*:read";
/// Pages of the catalogue that are looked through for the types of one entity.
const CATALOGUE_PAGES_MAX: usize = 50;

fn permission(text: &str) -> Permission {
    Permission::parse(text).expect("a permission")
}

/// The permission that it takes to hear of a topic in the tenant's organization.
pub(crate) async fn permission_of(connection: &mut Connection, tenant: &Tenant, topic: &Topic) -> OpResult<Permission> {
    if topic.is_own() {
        return Ok(permission(OWN_CHANGES));
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
        return Ok(vec![permission(OWN_CHANGES)]);
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
pub(super) async fn refuse_unheard(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    (subscription, reach): (&Subscription, Reach),
) -> OpResult<()> {
    let needed = needed(connection, tenant, subscription).await?;
    refuse_lacking(tenant.rights(), &needed)?;
    if reach == Reach::Organization {
        return Ok(());
    }
    if tenant.reach() == Reach::Organization {
        let detail = "The webhook would reach further down than the caller does; give it the reach `organization`.";
        return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
    }
    let judge = Judge::below(app, caller, connection, tenant.organization_id()).await?;
    for place in judge.places(connection, None).await? {
        refuse_lacking(&judge.rights_at(place), &needed)?;
    }
    Ok(())
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

/// Whether a webhook is told of something: one of the organization always, since whoever made it held the right; one of a key as far as the key may
/// read it now.
pub(super) fn is_told(
    app: &App,
    subscriber: &Subscriber,
    organization_id: OrganizationId,
    (needed, entity_id): (&Permission, Option<&str>),
) -> bool {
    let Some(key_id) = subscriber.key_id else { return true };
    let text = asked(needed, entity_id);
    Asked::parse(&text).is_ok_and(|it| app.replica().may_hear(key_id, organization_id, &it, app.now()))
}

/// What is asked of whoever hears of one thing: the right to it alone is enough.
pub(super) fn asked(needed: &Permission, entity_id: Option<&str>) -> String {
    let text = needed.to_string();
    let with_element = entity_id.zip(text.split_once(':')).filter(|(_, (resource, _))| !resource.contains('/'));
    match with_element.map(|(id, (resource, action))| format!("{resource}/{id}:{action}")) {
        Some(with) if Asked::parse(&with).is_ok() => with,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_thing_hears_who_may_read_it_alone() {
        for (needed, id, expected) in [
            ("contacts:read", Some("7"), "contacts/7:read"),
            ("contacts:read", None, "contacts:read"),
            ("contacts:read", Some("not an element"), "contacts:read"),
            (OWN_CHANGES, Some("key_1"), OWN_CHANGES),
        ] {
            assert_eq!(asked(&permission(needed), id), expected);
        }
    }
}
