//! Why somebody stands before a closed organization, for the page that tells them.

use claviger_core::event::{Entity, EventKind};
use claviger_core::id::OrganizationId;
use claviger_core::name::{Name, Slug};
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Connection;
use claviger_store::PageRequest;
use claviger_store::log::{EventFilter, EventRow};

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

/// Changes of the organization that are looked through for the one that suspended it.
const CHANGES_MAX: u32 = 25;

/// A suspension, as far as whoever stands before it may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// What the organization is called that was asked for.
    pub name: Name,
    /// The one above it whose suspension closes it, with its name for who may look at its record; absent where it is suspended itself.
    pub above: Option<Option<Name>>,
    /// Since when, where the log still says so.
    pub since: Option<Timestamp>,
    /// By whom, where the log says so to who may read it there.
    pub by: Option<Name>,
    /// What the organization is called from which it is resumed, for who reaches that.
    pub manager: Option<Name>,
    /// Where it is resumed, for who may: the organization above, and the one that is suspended.
    pub resumed_at: Option<(Slug, OrganizationId)>,
}

/// Finds what closes an organization to somebody who would reach it otherwise: the one of this reference, or without one those that the caller is a
/// member of. Nothing, where no suspension is what keeps the caller out.
///
/// # Errors
/// Faults.
pub async fn find_suspension(app: &App, caller: &Caller, reference: Option<&str>) -> OpResult<Option<Suspension>> {
    let asked = match reference {
        Some(reference) => app.replica().find_organization(reference),
        None => {
            let memberships = caller.user_id().map_or_else(Vec::new, |it| app.replica().memberships(it));
            memberships.into_iter().map(|it| it.organization_id).min_by_key(|it| app.replica().path(*it).len())
        }
    };
    let Some(asked) = asked else { return Ok(None) };
    if !caller.reach(app, asked).is_err_and(|it| it.is_suspended()) {
        return Ok(None);
    }
    let mut reader = app.store().read().await?;
    // Nobody is authorized for what is suspended. The caller is told only what whoever is kept out by it has to know: what it is called, since
    // when, and from where it is resumed as far as they reach that.
    let path = reader.find_path(&Tenant::system(asked, "suspension")).await?;
    let is_suspended = |it: &Organization| it.status == OrganizationStatus::Suspended;
    let (Some(first), Some(at)) = (path.first(), path.iter().rposition(is_suspended)) else { return Ok(None) };
    let (closed, manager) = (&path[at], path.get(at + 1));
    let event = find_suspending(&mut reader, closed).await?;
    let may = |permission| caller.authorize_record(app, closed.id, permission).is_ok();
    let may_look = may("claviger/organizations:read");
    let updates = "claviger/organizations:update";
    let may_resume = may(updates) && manager.is_some_and(|it| caller.authorize(app, it.id, updates).is_ok());
    Ok(Some(Suspension {
        name: first.name.clone(),
        above: (closed.id != asked).then(|| may_look.then(|| closed.name.clone())),
        since: event.as_ref().map(|it| it.at),
        by: event.filter(|_| may("claviger/events:read")).and_then(|it| it.user_name.or(it.key_name)),
        manager: manager.filter(|it| caller.reach(app, it.id).is_ok()).map(|it| it.name.clone()),
        resumed_at: manager.filter(|_| may_resume).map(|it| (it.slug.clone(), closed.id)),
    }))
}

/// The change that suspended it. It stands in its own log: it was made while it was still open.
async fn find_suspending(connection: &mut Connection, closed: &Organization) -> OpResult<Option<EventRow>> {
    let filter = EventFilter {
        entity: Some(Entity::from(closed.id)),
        kind: Some(EventKind::OrganizationUpdated),
        ..EventFilter::default()
    };
    let tenant = Tenant::system(closed.id, "suspension");
    let changes = connection.page_events(&tenant, &filter, &PageRequest::first(CHANGES_MAX)).await?;
    let is_suspended = |it: &Option<serde_json::Value>| {
        it.as_ref().is_some_and(|it| it["status"] == OrganizationStatus::Suspended.as_str())
    };
    Ok(changes.rows.into_iter().find(|it| is_suspended(&it.after) && !is_suspended(&it.before)))
}
