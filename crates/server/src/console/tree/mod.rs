//! Organizations as whoever manages them sees them: the tree, and one of it.

mod change;
mod form;
mod moving;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::Response;
use claviger_core::id::OrganizationId;
use claviger_core::limits;
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_store::organizations::COUNTED_MAX;

pub(super) use self::change::{resume, show_suspend, suspend};
pub(super) use self::form::{create, edit, show_edit, show_new};
pub(super) use self::moving::{move_to, show_move};
use super::failure::Failure;
use super::keys::view::grouped;
use super::pages::shell::{Moment, Place, Status, Tone};
use super::pages::tree::{OrganizationFacts, OrganizationPage, TreePage, TreeRow};
use super::paging::{Forward, searched};
use super::visit::Visit;
use crate::ops::organizations::{
    OrganizationCounts, OrganizationQuery, count_in_organizations, get_organization, list_organizations,
};

/// What a change of an organization needs.
const UPDATE: &str = "claviger/organizations:update";

type OrganizationPath = Path<(String, String)>;

/// The tree below this organization, itself first. One that is larger than a page is listed by name.
pub(super) async fn show_tree(
    visit: Visit,
    query: Result<Query<Forward>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.unwrap_or_default();
    let search = query.search();
    let pages = query.pages().of(limits::PAGE_ITEMS_MAX);
    let wanted = Some(search.clone()).filter(|it| !it.is_empty());
    let here = visit.organization_id();
    let ask = OrganizationQuery { is_children_only: false, search: wanted.clone() };
    let found = list_organizations(&visit.app, &visit.caller, here, ask, pages.request()).await?;
    let whole = pages.is_first() && wanted.is_none() && found.next.is_none();
    let mut organizations = found.items;
    if whole {
        organizations = in_tree_order(organizations, here);
    }
    let ids: Vec<_> = organizations.iter().map(|it| it.id).collect();
    let counts = count_in_organizations(&visit.app, &visit.caller, here, &ids).await?;
    let top = visit.app.replica().path(here).len();
    let rows = organizations.iter().zip(counts).map(|(it, counts)| {
        let depth = visit.app.replica().path(it.id).len().saturating_sub(top);
        row(facts(&visit, it, None), if whole { depth } else { 0 }, counts)
    });
    let page = TreePage {
        rows: rows.collect(),
        whole,
        is_first: pages.is_first(),
        pager: pages.pager(&searched(&search), organizations.len(), found.next.as_ref()),
        may_create: visit.may_do("claviger/organizations:create"),
        shell: visit.shell(Place::Settings),
        search,
    };
    Ok(visit.page(&page))
}

/// Parents before their children, those of one parent in the order in which they came.
fn in_tree_order(organizations: Vec<Organization>, top: OrganizationId) -> Vec<Organization> {
    let mut ordered = Vec::with_capacity(organizations.len());
    let mut open = vec![top];
    while let Some(id) = open.pop() {
        ordered.extend(organizations.iter().find(|it| it.id == id).cloned());
        open.extend(organizations.iter().filter(|it| it.parent_id == Some(id)).map(|it| it.id).rev());
    }
    ordered
}

fn row(facts: OrganizationFacts, depth: usize, counts: OrganizationCounts) -> TreeRow {
    let counted = |it: u64| if it == COUNTED_MAX { format!("{} or more", grouped(it)) } else { grouped(it) };
    TreeRow {
        facts,
        depth,
        keys: grouped(counts.keys),
        members: counted(counts.members),
        children: counted(counts.children),
    }
}

fn facts(visit: &Visit, it: &Organization, parent: Option<String>) -> OrganizationFacts {
    let suspended = it.status == OrganizationStatus::Suspended;
    let (tone, words) = if suspended { (Tone::Paused, "Suspended") } else { (Tone::Good, "Active") };
    OrganizationFacts {
        id: it.id.to_string(),
        name: it.name.to_string(),
        slug: it.slug.to_string(),
        external_id: it.external_id.as_ref().map(ToString::to_string),
        parent,
        status: Status { tone, words: words.to_owned() },
        suspended,
        here: it.id == visit.organization_id(),
        created: Moment::new(it.created_at),
    }
}

/// An organization of this tree by the id in a path: the one that the page belongs to, or one below it.
async fn find(visit: &Visit, id: &str) -> Result<Organization, Failure> {
    let id: OrganizationId = id.parse().map_err(|_| Failure::not_found())?;
    if !visit.app.replica().path(id).contains(&visit.organization_id()) {
        return Err(Failure::not_found());
    }
    Ok(get_organization(&visit.app, &visit.caller, id).await?.organization)
}

/// Whether the viewer may change an organization, be it suspended.
fn may_change(visit: &Visit, it: &Organization) -> bool {
    visit.caller.authorize_record(&visit.app, it.id, UPDATE).is_ok()
}

/// Whether the viewer may change it and manages the one above too. Who stands only in what is suspended can neither look at it nor resume it,
/// and what is moved changes what is above; so both are done from there.
fn may_change_from_above(visit: &Visit, it: &Organization) -> bool {
    let manages = |id| visit.caller.authorize(&visit.app, id, UPDATE).is_ok();
    may_change(visit, it) && it.parent_id.is_some_and(manages)
}

/// Refuses whoever may not suspend, resume or move an organization. The root, which has none above, is refused by what is asked of it.
fn authorize_from_above(visit: &Visit, it: &Organization) -> Result<(), Failure> {
    visit.caller.authorize_record(&visit.app, it.id, UPDATE)?;
    if it.parent_id.is_none() || may_change_from_above(visit, it) { Ok(()) } else { Err(Failure::from_above()) }
}

/// An organization with its counts and the name of the one above.
async fn found_row(visit: &Visit, it: &Organization) -> Result<TreeRow, Failure> {
    let counts = count_in_organizations(&visit.app, &visit.caller, visit.organization_id(), &[it.id]).await?;
    let parent = match it.parent_id {
        Some(id) => {
            get_organization(&visit.app, &visit.caller, id).await.ok().map(|it| it.organization.name.to_string())
        }
        None => None,
    };
    Ok(row(facts(visit, it, parent), 0, counts.into_iter().next().unwrap_or_default()))
}

/// An organization's own page.
pub(super) async fn show_organization(visit: Visit, Path((_, id)): OrganizationPath) -> Result<Response, Failure> {
    let organization = find(&visit, &id).await?;
    let page = OrganizationPage {
        shell: visit.shell(Place::Settings),
        row: found_row(&visit, &organization).await?,
        may_change: may_change(&visit, &organization),
        may_change_from_above: may_change_from_above(&visit, &organization),
        is_below_root: organization.parent_id.is_some(),
        may_create: visit.may_do("claviger/organizations:create") && organization.status == OrganizationStatus::Active,
        may_read_history: visit.may_do("claviger/events:read"),
    };
    Ok(visit.page(&page))
}
