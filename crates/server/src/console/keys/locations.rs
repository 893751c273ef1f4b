//! The second group of an agency's keys: those of the organizations below it.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::id::{OrganizationId, UserId};
use claviger_core::organization::Organization;

use super::list::{ListQuery, is_about_sort, rows_of};
use super::view;
use crate::console::failure::Failure;
use crate::console::pages::key_list::{LocationKeys, LocationView};
use crate::console::visit::Visit;
use crate::ops::error::{Error, OpResult};
use crate::ops::keys::{KeyList, KeyOrder, KeyQuery, KeyTotal, find_keys_below, list_keys_from_above};
use crate::ops::members::list_first_users;
use crate::ops::organizations::{OrganizationQuery, count_in_organizations, get_organization, list_organizations};
use crate::ops::page::PageRequest;

/// Organizations that are shown; the others are found among the organizations.
const LOCATIONS_MAX: u32 = 10;
/// Keys shown of each.
const KEYS_EACH: u32 = 5;
/// Members of each that keys can be filtered by.
const USERS_EACH: u32 = 10;

/// Organizations below one that a page asks for their keys, one after the other, the first by name: where a list is filtered, and for key health. No
/// index has the keys of all of them together.
pub(in crate::console) const LOOKED_THROUGH_MAX: u32 = 50;

/// Which organizations below are shown.
struct Below {
    /// By name, with the viewer's own organization first where nothing is searched for.
    organizations: Vec<Organization>,
    /// Whether there are others.
    more: bool,
    /// Whether a search had to leave out keys.
    cut: bool,
}

impl Below {
    const fn nothing() -> Self {
        Self { organizations: Vec::new(), more: false, cut: false }
    }
}

/// What is known of the keys of one.
enum Keys {
    /// Those that the search and the filters find.
    Found(KeyList),
    /// All of them: it is what was searched for itself, or nothing was.
    All(KeyList),
    /// Nothing but how many: it is suspended, or stands below what is, and the viewer does not read them from above. It has not vanished.
    Closed,
}

/// What is shown of one.
struct Shown {
    keys: Keys,
    /// Whether they stand in the order that was asked for.
    is_sorted: bool,
    /// Whether it is suspended, or stands below what is: nothing of it leads anywhere, and nothing is done to its keys.
    is_closed: bool,
}

/// The keys of the organizations below as far as the viewer may look at them: of all, or where the list is narrowed, of those that are called
/// like what is searched for, or have keys that the filters let through; nothing where there is none.
pub(super) async fn location_keys(visit: &Visit, query: &ListQuery) -> Result<Option<LocationKeys>, Failure> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let (named, holding) = match below(visit, query).await {
        Ok(found) => found,
        Err(Error::Reject(_)) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let is_named: BTreeSet<_> = match query.search() {
        None if query.is_filtered() => BTreeSet::new(),
        _ => named.organizations.iter().map(|it| it.id).collect(),
    };
    let unseen = query.is_filtered() && holding.more;
    let (mut more, cut) = (named.more || (holding.more && !unseen), holding.cut);
    let mut organizations: Vec<_> =
        named.organizations.into_iter().chain(holding.organizations).filter(|it| it.id != here).collect();
    organizations.sort_by_cached_key(|it| (it.name.key().as_str().to_owned(), it.id));
    organizations.dedup_by_key(|it| it.id);
    // That of what stands below a suspended one is closed too.
    let may_see = |id| caller.authorize_record(app, id, "claviger/organizations:read").is_ok();
    let names: BTreeMap<_, _> = organizations.iter().map(|it| (it.id, it.name.to_string())).collect();
    let mut locations = Vec::new();
    let (mut found, mut all) = (KeyTotal { count: 0, is_exact: true }, KeyTotal { count: 0, is_exact: true });
    for it in organizations {
        let Some(Shown { keys, is_sorted, is_closed }) = keys_of(visit, &it, query, is_named.contains(&it.id)).await?
        else {
            continue;
        };
        if locations.len() == LOCATIONS_MAX as usize {
            more = true;
            break;
        }
        let (list, sum) = match &keys {
            Keys::Found(list) => (Some(list), &mut found),
            Keys::All(list) => (Some(list), &mut all),
            Keys::Closed => (None, &mut all),
        };
        // Asked of the agency: what is suspended answers nothing itself, and has its keys and what is below it all the same.
        let counts = count_in_organizations(app, caller, here, &[it.id]).await?.pop().unwrap_or_default();
        sum.count += match list {
            Some(list) => list.total.count,
            // Which of its keys a filter would let through nobody is told: none of them is shown.
            None if query.is_filtered() => 0,
            None => counts.keys,
        };
        sum.is_exact &= list.is_none_or(|it| it.total.is_exact);
        let items = list.map_or(&[][..], |it| it.page.items.as_slice());
        let heads = query.heads();
        locations.push(LocationView {
            page: may_see(it.id).then(|| format!("/tree/{}", it.id)),
            name: it.name.to_string(),
            slug: it.slug.to_string(),
            total: list.map(|it| view::total(it.total)),
            found: matches!(keys, Keys::Found(_)).then(|| query.whole()),
            parent: match it.parent_id.filter(|parent| *parent != here) {
                Some(parent) => match names.get(&parent) {
                    Some(name) => Some(name.clone()),
                    None => get_organization(app, caller, parent).await.ok().map(|it| it.organization.name.to_string()),
                },
                None => None,
            },
            is_closed,
            blocked: list.is_none().then(|| view::grouped(counts.keys)),
            is_agency: counts.children > 0,
            may_create: !is_closed && caller.authorize_record(app, it.id, "claviger/keys:create").is_ok(),
            heads: if is_sorted { heads } else { heads.unsorted() },
            // What else a row says would be asked of the organization itself, which answers nothing where it is closed.
            keys: if is_closed {
                items.iter().map(|it| view::row(it, app.now())).collect()
            } else {
                rows_of(visit, it.id, items).await?
            },
        });
    }
    // Keys that were found are not counted together with those of organizations that were.
    let total = if found.count > 0 { found } else { all };
    let total = view::total(KeyTotal { is_exact: total.is_exact && !more && !cut && !unseen, ..total });
    let is_shown = cut || unseen || !locations.is_empty();
    Ok(is_shown.then_some(LocationKeys { total, locations, more, cut, unseen }))
}

/// The members of organizations below, each once with the name, as far as the viewer may look at them: so many of the first of those that the list
/// shows. Keys there are mapped to them, and not to those of the agency.
pub(super) async fn users_below(visit: &Visit) -> Vec<(UserId, String)> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let query = OrganizationQuery { is_children_only: false, search: None };
    let first = PageRequest { after: None, limit: LOCATIONS_MAX + 1 };
    let below = list_organizations(app, caller, here, query, first).await.map(|it| it.items).unwrap_or_default();
    let places = below.iter().map(|it| it.id).filter(|id| *id != here).take(LOCATIONS_MAX as usize);
    list_first_users(app, caller, &places.collect::<Vec<_>>(), USERS_EACH).await.unwrap_or_default()
}

/// The organizations below: those that are called like what is searched for, or all where nothing is; and those that may have keys which the list
/// is narrowed to.
async fn below(visit: &Visit, query: &ListQuery) -> OpResult<(Below, Below)> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let list = async |search: Option<&str>, limit: u32| {
        let query = OrganizationQuery { is_children_only: false, search: search.map(str::to_owned) };
        let found = list_organizations(app, caller, here, query, PageRequest { after: None, limit }).await?;
        OpResult::Ok(Below { organizations: found.items, more: found.next.is_some(), cut: false })
    };
    let search = query.search();
    // Which of them have such keys is asked of each of them: the search below finds names of live keys and nothing else.
    if query.is_filtered() {
        let named = if search.is_some() { list(search, LOCATIONS_MAX + 1).await? } else { Below::nothing() };
        return Ok((named, list(None, LOOKED_THROUGH_MAX + 1).await?));
    }
    let named = list(search, LOCATIONS_MAX + 1).await?;
    let Some(search) = search else { return Ok((named, Below::nothing())) };
    let mut found = find_keys_below(app, caller, here, search, LOCATIONS_MAX + 1).await?;
    let more = found.organizations.len() > LOCATIONS_MAX as usize;
    found.organizations.truncate(LOCATIONS_MAX as usize);
    Ok((named, Below { organizations: found.organizations, more, cut: !found.is_whole }))
}

/// What is shown of an organization; nothing where it is not shown.
async fn keys_of(
    visit: &Visit,
    it: &Organization,
    query: &ListQuery,
    is_named: bool,
) -> Result<Option<Shown>, Failure> {
    let keys = async |query: &ListQuery| {
        let wanted = query.wanted(visit.app.now());
        let unsorted = KeyQuery { order: KeyOrder::default(), ..wanted.clone() };
        match few_keys(visit, it.id, wanted).await {
            Err(Error::Reject(reject)) if is_about_sort(&reject) => {
                few_keys(visit, it.id, unsorted).await.map(|(list, is_closed)| (list, false, is_closed))
            }
            answer => answer.map(|(list, is_closed)| (list, true, is_closed)),
        }
    };
    let shown = |keys, is_sorted, is_closed| Ok(Some(Shown { keys, is_sorted, is_closed }));
    let is_narrowed = query.search().is_some() || query.is_filtered();
    if is_narrowed {
        match keys(query).await {
            Ok((found, is_sorted, is_closed)) if !found.page.items.is_empty() => {
                return shown(Keys::Found(found), is_sorted, is_closed);
            }
            Ok(_) | Err(Error::Reject(_)) if !is_named => return Ok(None),
            Ok(_) | Err(Error::Reject(_)) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    match keys(&query.without_search()).await {
        Ok((all, ..)) if query.is_filtered() && all.page.items.is_empty() => Ok(None),
        Ok((all, is_sorted, is_closed)) => shown(Keys::All(all), is_sorted, is_closed),
        Err(Error::Reject(reject)) if reject.is_suspended() => shown(Keys::Closed, true, true),
        // A nearer membership may allow less.
        Err(Error::Reject(_)) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// A few keys of an organization, and whether it is closed; where it is and the viewer does not read them from above, that it is suspended.
async fn few_keys(visit: &Visit, id: OrganizationId, wanted: KeyQuery) -> OpResult<(KeyList, bool)> {
    let few = PageRequest { after: None, limit: KEYS_EACH };
    list_keys_from_above(&visit.app, &visit.caller, id, wanted, few).await
}
