//! Events: what was changed, by whom, and how it looked before and after.

use claviger_core::id::{EventId, OrganizationId};
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;

use super::caller::Caller;
use super::error::OpResult;
use super::exports::{Export, Listed};
use super::page::{Page, PageRequest};
use crate::app::App;

pub use claviger_store::log::{EventFilter, EventRow};

fn authorize(app: &App, caller: &Caller, organization_id: OrganizationId) -> Result<Tenant, Reject> {
    caller.authorize(app, organization_id, "claviger/events:read")
}

/// Lists the changes in an organization, newest first. Of who did it the names are told that the organization may know: those of its own
/// keys, and of users whom it manages or who are members there or above.
///
/// # Errors
/// Refusals.
pub async fn list_events(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    filter: &EventFilter,
    page: PageRequest,
) -> OpResult<Page<EventRow>> {
    let tenant = authorize(app, caller, organization_id)?;
    Ok(app.store().read().await?.page_events(&tenant, filter, &page.try_into()?).await?.into())
}

/// Finds one change in an organization.
///
/// # Errors
/// Refusals.
pub async fn get_event(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    event_id: EventId,
) -> OpResult<EventRow> {
    let tenant = authorize(app, caller, organization_id)?;
    let found = app.store().read().await?.find_event(&tenant, event_id).await?;
    Ok(found.ok_or_else(Reject::not_found)?)
}

/// What identifiers of users, keys, roles, organizations and apis stand for that were found in events, with their names and, of an api, its
/// slug; only those that the
/// organization may know. Each is one look-up, so the caller bounds them.
///
/// # Errors
/// Refusals.
pub async fn names_of(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    ids: &[&str],
) -> OpResult<Vec<(String, String)>> {
    let tenant = authorize(app, caller, organization_id)?;
    let mut reader = app.store().read().await?;
    let mut names = Vec::new();
    for id in ids {
        let name = if let Ok(id) = id.parse() {
            reader.find_user(&tenant, id).await?.map(|it| it.name.to_string())
        } else if let Ok(id) = id.parse() {
            reader.find_key(&tenant, id).await?.map(|it| it.name.to_string())
        } else if let Ok(id) = id.parse() {
            reader.find_role(&tenant, id).await?.map(|it| it.name.to_string())
        } else if let Ok(id) = id.parse() {
            reader.find_organization_below(&tenant, id).await?.map(|it| it.name.to_string())
        } else if let Ok(id) = id.parse() {
            reader.find_api(&tenant, id).await?.map(|it| it.slug.to_string())
        } else {
            None
        };
        names.extend(name.map(|it| ((*id).to_owned(), it)));
    }
    Ok(names)
}

impl Listed for EventFilter {
    type Row = EventRow;

    async fn page(
        &self,
        app: &App,
        caller: &Caller,
        organization_id: OrganizationId,
        page: PageRequest,
    ) -> OpResult<Page<EventRow>> {
        list_events(app, caller, organization_id, self, page).await
    }
}

/// Prepares the export of a list.
///
/// # Errors
/// Refusals.
pub fn export_events(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    filter: EventFilter,
) -> OpResult<Export<EventFilter>> {
    authorize(app, caller, organization_id)?;
    Ok(Export::new(app, caller, organization_id, filter))
}
