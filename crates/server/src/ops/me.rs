//! Who am I: what a caller learns of itself.

use std::net::IpAddr;

use claviger_core::decision::Code;
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::limits::{PAGE_ITEMS_MAX, REACHED_LOOKED_THROUGH_MAX};
use claviger_core::name::{ExternalId, Name, Slug};
use claviger_core::organization::Organization;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::organizations::{OrganizationFilter, cursor_behind};
use claviger_store::{Connection, PageRequest as StorePage};
use claviger_verifier::verify::{About, Ask, Credential};

use super::caller::Caller;
use super::error::OpResult;
use super::page::{Cursor, Page, PageRequest};
use crate::app::App;

/// An organization that the caller reaches.
#[derive(Debug, Clone)]
pub struct ReachedOrganization {
    /// Its identifier.
    pub id: OrganizationId,
    /// The wire's `shortname`.
    pub slug: Slug,
    /// What people call it.
    pub name: Name,
    /// The host's own identifier.
    pub external_id: Option<ExternalId>,
    /// The name of the role the caller has there.
    pub role_name: Option<String>,
}

/// What a caller learns of itself.
#[derive(Debug, Clone)]
pub struct Me {
    /// The key, where one calls: id, name, expiry.
    pub key: Option<(KeyId, String, Option<Timestamp>)>,
    /// The user: the session's, or the one the key is mapped to.
    pub user: Option<(UserId, String)>,
    /// The organization the key stands in, or the nearest to the root where the user is a member.
    pub organization: ReachedOrganization,
    /// All organizations in which the user is a member; of a key only its own.
    pub organizations: Vec<ReachedOrganization>,
    /// What the caller holds in `organization`.
    pub permissions: PermissionSet,
}

/// Says who calls.
///
/// # Errors
/// Refusals; a user who is a member nowhere reaches nothing.
pub async fn get_me(app: &App, caller: &Caller) -> OpResult<Me> {
    match caller {
        Caller::Key { credential, ip, .. } => key_me(app, caller, credential, *ip).await,
        Caller::Session { user_id, .. } => session_me(app, caller, *user_id).await,
    }
}

/// Finds one organization that the caller reaches, by id, slug or external id.
///
/// # Errors
/// Refusals; one out of reach is not there.
pub async fn find_reached_organization(app: &App, caller: &Caller, reference: &str) -> OpResult<ReachedOrganization> {
    let id = app.replica().find_organization(reference).ok_or_else(Reject::not_found)?;
    let tenant = caller.reach(app, id)?;
    let mut reader = app.store().read().await?;
    reached(app, &mut reader, &tenant, caller.user_id()).await
}

/// The topmost organization above this one, or itself, that the caller reaches: where a look around begins.
pub fn top_of_reach(app: &App, caller: &Caller, organization_id: OrganizationId) -> OrganizationId {
    let path = app.replica().path(organization_id);
    path.into_iter().rev().find(|it| caller.reach(app, *it).is_ok()).unwrap_or(organization_id)
}

/// Organizations that the view switch offers beside the topmost and the present one; a search finds the others.
const VIEWPOINTS_MAX: u32 = 8;

/// An organization that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewpoint {
    /// Its identifier.
    pub id: OrganizationId,
    /// The wire's `shortname`.
    pub slug: Slug,
    /// What people call it.
    pub name: Name,
}

/// The organizations that can be looked at from one of them, as far as they are offered without a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewpoints {
    /// The topmost within reach, where the agency is another one: the way up again.
    pub top: Option<Viewpoint>,
    /// The nearest agency: where the caller stands, if there is something below, else the one right above. Absent where the caller reaches nothing
    /// there.
    pub agency: Option<Viewpoint>,
    /// Some of those directly below the agency, by name, and those that the caller is a member of. Where the caller stands is always among these
    /// or the agency itself.
    pub locations: Vec<Viewpoint>,
}

impl From<Organization> for Viewpoint {
    fn from(it: Organization) -> Self {
        Self { id: it.id, slug: it.slug, name: it.name }
    }
}

impl From<&ReachedOrganization> for Viewpoint {
    fn from(it: &ReachedOrganization) -> Self {
        Self { id: it.id, slug: it.slug.clone(), name: it.name.clone() }
    }
}

impl Viewpoints {
    fn all(&self) -> impl Iterator<Item = &Viewpoint> {
        self.top.iter().chain(&self.agency).chain(&self.locations)
    }

    fn offers(&self, id: OrganizationId) -> bool {
        self.all().any(|it| it.id == id)
    }
}

/// What the caller can look at from an organization; nothing where that is this one alone. Asked for every page, so it stays at three questions
/// of a few rows: the replica knows who reaches what but not what it is called.
///
/// # Errors
/// Faults.
pub async fn find_viewpoints(app: &App, caller: &Caller, here: &ReachedOrganization) -> OpResult<Option<Viewpoints>> {
    let top_id = top_of_reach(app, caller, here.id);
    let mut reader = app.store().read().await?;
    let (mut agency_id, mut below) = (here.id, find_below(app, caller, &mut reader, here.id).await?);
    let above = app.replica().path(here.id).into_iter().nth(1).filter(|it| caller.reach(app, *it).is_ok());
    if let Some(above) = above.filter(|_| below.is_empty()) {
        (agency_id, below) = (above, find_below(app, caller, &mut reader, above).await?);
    }
    let is_agency = !below.is_empty();
    // A nearer membership may keep the caller out of one.
    let open = below.into_iter().filter(|it| caller.reach(app, it.id).is_ok());
    let mut locations: Vec<_> = open.map(Viewpoint::from).collect();
    let memberships = caller.user_id().map_or_else(Vec::new, |it| app.replica().memberships(it));
    let room = (VIEWPOINTS_MAX as usize).saturating_sub(locations.len());
    let ends = if is_agency { vec![top_id, agency_id] } else { vec![top_id] };
    let others = memberships.iter().map(|it| it.organization_id);
    let others =
        others.filter(|id| !ends.contains(id) && *id != here.id && !locations.iter().any(|it| it.id == *id)).take(room);
    let wanted: Vec<_> = ends.iter().copied().chain(others).filter_map(|it| caller.reach(app, it).ok()).collect();
    let mut found = reader.find_organizations(&wanted).await?;
    // In the order of the memberships, whatever order they were found in.
    found.sort_by_key(|found| wanted.iter().position(|it| it.organization_id() == found.id));
    let (ends, members): (Vec<_>, Vec<_>) =
        found.into_iter().map(Viewpoint::from).partition(|it| ends.contains(&it.id));
    locations.extend(members);
    let end = |id| ends.iter().find(|it| it.id == id).cloned();
    let (mut top, agency) = (end(top_id), end(agency_id).filter(|_| is_agency));
    match agency {
        // The agency is the topmost itself.
        Some(_) if top_id == agency_id => top = None,
        Some(_) => {}
        None => locations.splice(0..0, top.take()).for_each(drop),
    }
    if let Some(top) = &top {
        locations.retain(|it| it.id != top.id);
    }
    if let Some(agency) = &agency {
        locations.retain(|it| it.id != agency.id);
    }
    let mut points = Viewpoints { top, agency, locations };
    if !points.offers(here.id) {
        // Behind the topmost, which stands among them where there is no agency.
        let at = usize::from(points.agency.is_none()).min(points.locations.len());
        points.locations.insert(at, here.into());
    }
    let others = points.all().any(|it| it.id != here.id);
    Ok(others.then_some(points))
}

/// Some of the organizations right below one, by name, for who reaches that one: who may open them is told their names by their own pages, also
/// without the right to list them. What is suspended is closed, and takes no room among the few.
async fn find_below(
    app: &App,
    caller: &Caller,
    reader: &mut Connection,
    id: OrganizationId,
) -> OpResult<Vec<Organization>> {
    let Ok(tenant) = caller.reach(app, id) else { return Ok(Vec::new()) };
    let children = OrganizationFilter { active_only: true, ..OrganizationFilter::default() };
    Ok(reader.page_organizations(&tenant, &children, &StorePage::first(VIEWPOINTS_MAX)).await?.rows)
}

/// The organizations below one that the caller reaches, by name, with nothing of them but what their own pages say: for who may not list them,
/// and may open each. Those that a nearer membership closes and what is suspended are passed by, so that neither a page nor the place where the next
/// one begins says anything of them. A page passes by so many and no more; the list ends where it came upon nothing but those.
///
/// # Errors
/// Refusals.
pub async fn list_reached_below(
    app: &App,
    caller: &Caller,
    under: OrganizationId,
    search: Option<String>,
    page: PageRequest,
) -> OpResult<Page<Organization>> {
    let tenant = caller.reach(app, under)?;
    let filter = OrganizationFilter { whole_subtree: true, search, active_only: true };
    let mut reader = app.store().read().await?;
    let mut request: StorePage = page.try_into()?;
    let wanted = request.rows();
    request.limit = PAGE_ITEMS_MAX;
    let (mut items, mut looked_at) = (Vec::new(), 0);
    let more = loop {
        let found = reader.page_organizations(&tenant, &filter, &request).await?;
        looked_at += found.rows.len();
        items.extend(found.rows.into_iter().filter(|it| caller.reach(app, it.id).is_ok()));
        if wanted < items.len() {
            break true;
        }
        request.after = found.next;
        if request.after.is_none() || REACHED_LOOKED_THROUGH_MAX <= looked_at {
            break request.after.is_some();
        }
    };
    items.truncate(wanted);
    let next = items.last().filter(|_| more).map(|it| Cursor(cursor_behind(it).to_text()));
    Ok(Page { items, next })
}

async fn key_me(app: &App, caller: &Caller, credential: &Credential, ip: Option<IpAddr>) -> OpResult<Me> {
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip };
    let (key, user, organization_id) = {
        let verdict = app.replica().verify_again(credential, &ask, app.now());
        let facts = verdict.facts().ok_or_else(Reject::unauthenticated)?;
        let name = facts.mapped_user_name().unwrap_or_default().to_owned();
        let user = facts.mapped_user_id().map(|id| (id, name));
        ((facts.key_id(), facts.key_name(), facts.expires_at()), user, facts.organization_id())
    };
    let tenant = caller.reach(app, organization_id)?;
    let mut reader = app.store().read().await?;
    let organization = reached(app, &mut reader, &tenant, caller.user_id()).await?;
    let permissions = tenant.rights().clone();
    Ok(Me { key: Some(key), user, organizations: vec![organization.clone()], organization, permissions })
}

async fn session_me(app: &App, caller: &Caller, user_id: UserId) -> OpResult<Me> {
    let mut places: Vec<_> = app.replica().memberships(user_id).into_iter().map(|it| it.organization_id).collect();
    places.sort_by_key(|it| app.replica().path(*it).len());
    let mut reader = app.store().read().await?;
    let user = reader.find_user_unchecked(user_id).await?.ok_or_else(Reject::unauthenticated)?;
    let mut organizations = Vec::with_capacity(places.len());
    let mut permissions = None;
    for id in places {
        // A suspended organization is not reached; the others are.
        let Ok(tenant) = caller.reach(app, id) else { continue };
        organizations.push(reached(app, &mut reader, &tenant, Some(user_id)).await?);
        permissions.get_or_insert_with(|| tenant.rights().clone());
    }
    let (Some(organization), Some(permissions)) = (organizations.first().cloned(), permissions) else {
        let detail = "This account is no member of any active organization.";
        return Err(Reject::new(RejectCode::Decision(Code::InsufficientPermission), detail).into());
    };
    Ok(Me { key: None, user: Some((user_id, user.name.to_string())), organization, organizations, permissions })
}

async fn reached(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    user_id: Option<UserId>,
) -> OpResult<ReachedOrganization> {
    let found = connection.find_organization(tenant).await?.ok_or_else(Reject::not_found)?;
    let membership = user_id.and_then(|it| app.replica().membership_at(it, found.id));
    let role_name = membership.and_then(|it| it.role_name).map(Into::into);
    Ok(ReachedOrganization {
        id: found.id,
        slug: found.slug,
        name: found.name,
        external_id: found.external_id,
        role_name,
    })
}
