//! The organizations within reach, to look at another one: the view switch of the top bar.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use claviger_core::organization::OrganizationStatus;

use super::failure::Failure;
use super::pages::organizations::{OrganizationRow, OrganizationsPage};
use super::pages::shell::Place;
use super::paging::{Forward, forward_in, query_string};
use super::visit::Visit;
use crate::ops::error::Error;
use crate::ops::me;
use crate::ops::organizations::{OrganizationQuery, list_organizations};

/// Organizations on one page.
const ROWS: u32 = 50;
/// Up to how many organizations a search is of no use.
const SEARCHED_FROM: usize = 10;

/// Lists what can be looked at: the tree that this organization stands in from the topmost that the viewer reaches, and the other
/// organizations that the viewer is a member of.
pub(super) async fn show_organizations(
    visit: Visit,
    query: Result<Query<Forward>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.unwrap_or_default();
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let top = me::top_of_reach(app, caller, here);
    let search = query.search();
    let wanted =
        OrganizationQuery { is_children_only: false, search: Some(search.clone()).filter(|it| !it.is_empty()) };
    let (is_first, request) = query.request(ROWS);
    let (mut rows, mut next) = (Vec::new(), None);
    let listed = match list_organizations(app, caller, top, wanted.clone(), request.clone()).await {
        // Who may not list what is below may open it all the same.
        Err(Error::Reject(_)) => me::list_reached_below(app, caller, top, wanted.search, request).await,
        listed => listed,
    };
    match listed {
        Ok(page) => {
            rows.extend(page.items.into_iter().map(|it| OrganizationRow {
                here: it.id == here,
                suspended: it.status == OrganizationStatus::Suspended,
                name: it.name.to_string(),
                slug: it.slug.to_string(),
            }));
            next = forward_in(&search, page.next);
        }
        // Who may not look at the tree goes from membership to membership.
        Err(Error::Reject(_)) if is_first => {}
        Err(error) => return Err(error.into()),
    }
    if is_first {
        let member_of = me::get_me(app, caller).await?.organizations;
        for it in member_of {
            let listed = rows.iter().any(|row| row.slug == it.slug.as_str());
            // What lies in the tree is on one of its pages.
            let in_tree = next.is_some() && app.replica().path(it.id).contains(&top);
            let searched = search.to_lowercase();
            let external_id = it.external_id.as_ref().map_or("", |it| it.as_str()).to_lowercase();
            let texts = [it.name.as_str().to_lowercase(), it.slug.to_string(), external_id];
            let is_meant = texts.iter().any(|it| it.contains(&searched));
            if is_meant && !listed && !in_tree {
                let (name, slug) = (it.name.to_string(), it.slug.to_string());
                rows.push(OrganizationRow { here: it.id == here, suspended: false, name, slug });
            }
        }
    }
    let is_searched = !search.is_empty() || !is_first || next.is_some() || rows.len() > SEARCHED_FROM;
    let start = match search.as_str() {
        "" => "/organizations".to_owned(),
        search => format!("/organizations?{}", query_string([("q", search)])),
    };
    let shell = visit.shell(Place::Elsewhere);
    Ok(visit.page(&OrganizationsPage { shell, search, is_searched, rows, is_first, start, next }))
}
