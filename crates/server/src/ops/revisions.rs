//! The revision history: what hosts report of what was done in their product, by whom, and how it looked before and after.

use claviger_core::id::{EventId, OrganizationId};
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;

use super::caller::Caller;
use super::error::OpResult;
use super::exports::{Export, Listed};
use super::page::{Page, PageRequest};
use crate::app::App;

pub use claviger_store::host_events::revisions::{RevisionFilter, RevisionRow};

/// Who may see what was changed here may see what was changed in the product.
fn authorize(app: &App, caller: &Caller, organization_id: OrganizationId) -> Result<Tenant, Reject> {
    caller.authorize(app, organization_id, "claviger/events:read")
}

/// Lists what was done in the host's product, as far as the host reports it, newest first.
///
/// # Errors
/// Refusals.
pub async fn list_revisions(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    filter: &RevisionFilter,
    page: PageRequest,
) -> OpResult<Page<RevisionRow>> {
    let tenant = authorize(app, caller, organization_id)?;
    Ok(app.store().read().await?.page_revisions(&tenant, filter, &page.try_into()?).await?.into())
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
) -> OpResult<RevisionRow> {
    let tenant = authorize(app, caller, organization_id)?;
    let found = app.store().read().await?.find_revision(&tenant, event_id).await?;
    Ok(found.ok_or_else(Reject::not_found)?)
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
    type Row = RevisionRow;

    async fn page(
        &self,
        app: &App,
        caller: &Caller,
        organization_id: OrganizationId,
        page: PageRequest,
    ) -> OpResult<Page<RevisionRow>> {
        list_revisions(app, caller, organization_id, self, page).await
    }
}
