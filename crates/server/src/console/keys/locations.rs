//! The second group of an agency's keys: those of the organizations below it.

use std::collections::BTreeSet;

use claviger_core::decision::Code;
use claviger_core::id::OrganizationId;
use claviger_core::organization::Organization;
use claviger_core::reject::RejectCode;

use super::rights::rights_to;
use super::view;
use crate::console::failure::Failure;
use crate::console::pages::keys::{KeyRowView, LocationKeys, LocationView};
use crate::console::paging::query_string;
use crate::console::visit::Visit;
use crate::ops::error::{Error, OpResult};
use crate::ops::keys::{KeyFilter, KeyList, KeyTotal, find_keys_below, list_keys};
use crate::ops::organizations::{OrganizationQuery, list_organizations};
use crate::ops::page::PageRequest;

const SUSPENDED: RejectCode = RejectCode::Decision(Code::OrganizationSuspended);

/// Organizations that are shown; the others are found among the organizations.
const LOCATIONS_MAX: u32 = 10;
/// Keys shown of each.
const KEYS_EACH: u32 = 5;

/// Which organizations below are shown.
struct Below {
    /// By name, with the viewer's own organization first where nothing is searched for.
    organizations: Vec<Organization>,
    /// Whether there are others.
    more: bool,
    /// Whether a search had to leave out keys.
    cut: bool,
}

/// What is known of the keys of one.
enum Keys {
    /// Those that were searched for.
    Found(KeyList),
    /// All of them: it is what was searched for itself, or nothing was.
    All(KeyList),
    /// It is suspended, or stands below what is. That closed it; it has not vanished.
    Closed,
}

/// The keys of the organizations below as far as the viewer may look at them: of all, or where something is searched for, of those that are called
/// like it or have keys that are; nothing where there is none.
pub(super) async fn location_keys(visit: &Visit, search: &str) -> Result<Option<LocationKeys>, Failure> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let search = Some(search).filter(|it| !it.is_empty());
    let (named, holding) = match below(visit, search).await {
        Ok(found) => found,
        Err(Error::Reject(_)) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let is_named: BTreeSet<_> = named.organizations.iter().map(|it| it.id).collect();
    let (mut more, cut) = (named.more || holding.more, holding.cut);
    let others = holding.organizations.into_iter().filter(|it| !is_named.contains(&it.id));
    let mut organizations: Vec<_> = named.organizations.into_iter().chain(others).filter(|it| it.id != here).collect();
    organizations.sort_by_cached_key(|it| (it.name.key().as_str().to_owned(), it.id));
    more |= organizations.len() > LOCATIONS_MAX as usize;
    organizations.truncate(LOCATIONS_MAX as usize);
    // That of what stands below a suspended one is closed too.
    let may_see = |id| caller.authorize_record(app, id, "claviger/organizations:read").is_ok();
    let mut locations = Vec::new();
    let (mut found, mut all) = (KeyTotal { count: 0, is_exact: true }, KeyTotal { count: 0, is_exact: true });
    for it in organizations {
        let Some(keys) = keys_of(visit, &it, search, is_named.contains(&it.id)).await? else { continue };
        let (list, sum) = match &keys {
            Keys::Found(list) => (Some(list), &mut found),
            Keys::All(list) => (Some(list), &mut all),
            Keys::Closed => (None, &mut all),
        };
        sum.count += list.map_or(0, |it| it.total.count);
        sum.is_exact &= list.is_none_or(|it| it.total.is_exact);
        let now = app.now();
        locations.push(LocationView {
            page: may_see(it.id).then(|| format!("/tree/{}", it.id)),
            name: it.name.to_string(),
            slug: it.slug.to_string(),
            total: list.map(|it| view::total(it.total)),
            found: matches!(keys, Keys::Found(_)).then(|| query_string(search.map(|it| ("q", it)))),
            is_agency: has_others_below(visit, it.id).await?,
            keys: list
                .into_iter()
                .flat_map(|it| &it.page.items)
                .map(|it| KeyRowView { may: rights_to(visit, it), ..view::row(it, now) })
                .collect(),
        });
    }
    // Keys that were found are not counted together with those of organizations that were.
    let total = if found.count > 0 { found } else { all };
    let total = view::total(KeyTotal { is_exact: total.is_exact && !more && !cut, ..total });
    Ok((cut || !locations.is_empty()).then_some(LocationKeys { total, locations, more, cut }))
}

/// Whether an organization has others below it: those are its locations, and it is an agency itself.
async fn has_others_below(visit: &Visit, id: OrganizationId) -> Result<bool, Failure> {
    let query = OrganizationQuery { is_children_only: true, search: None };
    let one = PageRequest { after: None, limit: 2 };
    match list_organizations(&visit.app, &visit.caller, id, query, one).await {
        Ok(found) => Ok(found.items.iter().any(|it| it.id != id)),
        Err(Error::Reject(_)) => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}

/// The organizations below: those that are called like what is searched for, and those that have keys which are.
async fn below(visit: &Visit, search: Option<&str>) -> OpResult<(Below, Below)> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let query = OrganizationQuery { is_children_only: false, search: search.map(str::to_owned) };
    let page = PageRequest { after: None, limit: LOCATIONS_MAX + 1 };
    let named = list_organizations(app, caller, here, query, page).await?;
    let named = Below { organizations: named.items, more: named.next.is_some(), cut: false };
    let Some(search) = search else {
        return Ok((named, Below { organizations: Vec::new(), more: false, cut: false }));
    };
    let mut found = find_keys_below(app, caller, here, search, LOCATIONS_MAX + 1).await?;
    let more = found.organizations.len() > LOCATIONS_MAX as usize;
    found.organizations.truncate(LOCATIONS_MAX as usize);
    Ok((named, Below { organizations: found.organizations, more, cut: !found.is_whole }))
}

/// What is shown of the keys of an organization; nothing where it is not shown.
async fn keys_of(
    visit: &Visit,
    it: &Organization,
    search: Option<&str>,
    is_named: bool,
) -> Result<Option<Keys>, Failure> {
    let keys = |search: Option<&str>| {
        let filter = KeyFilter { search: search.map(str::to_owned), ..KeyFilter::default() };
        let few = PageRequest { after: None, limit: KEYS_EACH };
        list_keys(&visit.app, &visit.caller, it.id, filter.into(), few)
    };
    if search.is_some() {
        match keys(search).await {
            Ok(found) if !found.page.items.is_empty() => return Ok(Some(Keys::Found(found))),
            Ok(_) | Err(Error::Reject(_)) if !is_named => return Ok(None),
            Ok(_) | Err(Error::Reject(_)) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    match keys(None).await {
        Ok(all) => Ok(Some(Keys::All(all))),
        Err(Error::Reject(reject)) if reject.code == SUSPENDED => Ok(Some(Keys::Closed)),
        // A nearer membership may allow less.
        Err(Error::Reject(_)) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}
