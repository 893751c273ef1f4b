//! Organizations: create below, look at, list, change, put by the host's own identifier.

use claviger_core::id::OrganizationId;
use claviger_core::name::{ExternalId, Name, Slug};
use claviger_core::network::IpAllowList;
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::policy::{OwnPolicy, Policy};

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency};
use super::page::{Page, PageRequest};
use crate::app::App;

/// What is asked for when an organization is made.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// What people call it.
    pub name: Name,
    /// The wire's `shortname`; absent means one made from the name.
    pub slug: Option<Slug>,
    /// The host's own identifier.
    pub external_id: Option<ExternalId>,
    /// What it sets itself.
    pub policy: OwnPolicy,
    /// Where its keys may be used from.
    pub allowed_ips: Option<IpAllowList>,
}

/// What is to be changed on an organization; the outer `Option` is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct OrganizationPatch {
    /// What people call it.
    pub name: Option<Name>,
    /// The wire's `shortname`.
    pub slug: Option<Slug>,
    /// The host's own identifier.
    pub external_id: Option<Option<ExternalId>>,
    /// Whether its keys are good at all.
    pub status: Option<OrganizationStatus>,
    /// What it sets itself, as a whole.
    pub policy: Option<OwnPolicy>,
    /// Where its keys may be used from.
    pub allowed_ips: Option<Option<IpAllowList>>,
}

/// An organization and what holds for it.
#[derive(Debug, Clone)]
pub struct OrganizationInfo {
    /// The organization.
    pub organization: Organization,
    /// What holds once its ancestors' settings are taken into account.
    pub effective_policy: Policy,
}

/// Makes an organization below another, with the built-in roles.
///
/// # Errors
/// Refusals: rights, a slug or external id that is taken, a tree that is too deep.
pub async fn create_organization(
    app: &App,
    caller: &Caller,
    parent_id: OrganizationId,
    new: NewOrganization,
    idempotency: Option<Idempotency<OrganizationInfo>>,
) -> OpResult<Answer<OrganizationInfo>> {
    let _ = (app, caller, parent_id, new, idempotency);
    unimplemented!("signature first")
}

/// Finds one organization.
///
/// # Errors
/// Refusals.
pub async fn get_organization(app: &App, caller: &Caller, id: OrganizationId) -> OpResult<OrganizationInfo> {
    let _ = (app, caller, id);
    unimplemented!("signature first")
}

/// Lists what stands in the subtree of `under`, itself included.
///
/// # Errors
/// Refusals.
pub async fn list_organizations(
    app: &App,
    caller: &Caller,
    under: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<Organization>> {
    let _ = (app, caller, under, page);
    unimplemented!("signature first")
}

/// Changes what the patch names.
///
/// # Errors
/// Refusals.
pub async fn update_organization(
    app: &App,
    caller: &Caller,
    id: OrganizationId,
    patch: OrganizationPatch,
    expected_version: Option<u64>,
) -> OpResult<OrganizationInfo> {
    let _ = (app, caller, id, patch, expected_version);
    unimplemented!("signature first")
}

/// Makes or changes the organization of this external id below `parent_id`; says whether it was made. Doing it twice changes nothing.
///
/// # Errors
/// Refusals; an organization of this external id elsewhere is a name that is taken.
pub async fn put_organization(
    app: &App,
    caller: &Caller,
    parent_id: OrganizationId,
    external_id: ExternalId,
    new: NewOrganization,
) -> OpResult<(OrganizationInfo, bool)> {
    let _ = (app, caller, parent_id, external_id, new);
    unimplemented!("signature first")
}
