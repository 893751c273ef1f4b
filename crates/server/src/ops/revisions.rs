//! The revision history: what hosts report of what was done in their product, by whom, and how it looked before and after.

use claviger_core::id::{EventId, OrganizationId};
use claviger_core::permission::{Asked, Coverage};
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;

use super::caller::Caller;
use super::error::OpResult;
use super::exports::{Export, Listed};
use super::page::{Page, PageRequest};
use super::webhooks::asked;
use crate::app::App;

pub use claviger_store::host_events::revisions::{RevisionFilter, RevisionRow};

/// What was done, as far as a caller may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// What was done; without its body where that is withheld.
    pub row: RevisionRow,
    /// Whether the body is left out because the caller may not read such things: who looks after an organization may see that something was done,
    /// and not what stands in it.
    pub is_withheld: bool,
    /// Whether what it told was erased.
    pub is_erased: bool,
}

fn as_seen(tenant: &Tenant, mut row: RevisionRow) -> Revision {
    let event = &mut row.event;
    let text = asked(&event.topic, &event.permission, event.entity_id.as_deref());
    let may_read = Asked::parse(&text).is_ok_and(|it| tenant.rights().coverage(&it) == Coverage::All);
    let is_erased = event.body.is_none();
    let is_withheld = !may_read && event.body.take().is_some();
    Revision { row, is_withheld, is_erased }
}

/// Who may see what was changed here may see what was changed in the product.
fn authorize(app: &App, caller: &Caller, organization_id: OrganizationId) -> Result<Tenant, Reject> {
    caller.authorize(app, organization_id, "claviger/events:read")
}

/// Lists what was done in the host's product, as far as the host reports it, newest first. How things looked takes the permission of each event.
///
/// # Errors
/// Refusals.
pub async fn list_revisions(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    filter: &RevisionFilter,
    page: PageRequest,
) -> OpResult<Page<Revision>> {
    let tenant = authorize(app, caller, organization_id)?;
    let found = app.store().read().await?.page_revisions(&tenant, filter, &page.try_into()?).await?;
    Ok(found.map(|row| as_seen(&tenant, row)).into())
}

/// Finds one of them.
///
/// # Errors
/// Refusals.
pub async fn get_revision(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    event_id: EventId,
) -> OpResult<Revision> {
    let tenant = authorize(app, caller, organization_id)?;
    let found = app.store().read().await?.find_revision(&tenant, event_id).await?;
    Ok(as_seen(&tenant, found.ok_or_else(Reject::not_found)?))
}

/// Prepares the export of a list.
///
/// # Errors
/// Refusals.
pub fn export_revisions(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    filter: RevisionFilter,
) -> OpResult<Export<RevisionFilter>> {
    authorize(app, caller, organization_id)?;
    Ok(Export::new(app, caller, organization_id, filter))
}

impl Listed for RevisionFilter {
    type Row = Revision;

    async fn page(
        &self,
        app: &App,
        caller: &Caller,
        organization_id: OrganizationId,
        page: PageRequest,
    ) -> OpResult<Page<Revision>> {
        list_revisions(app, caller, organization_id, self, page).await
    }
}
