//! The page after signing in.

use axum::response::Response;
use claviger_core::decision::Code;
use claviger_core::reject::RejectCode;

use super::failure::Failure;
use super::health;
use super::keys::list::is_about_sort;
use super::keys::view;
use super::notifications;
use super::pages::home::{HomePage, RecentKey};
use super::pages::shell::Place;
use super::pages::snippets::check_key;
use super::visit::Visit;
use crate::ops::error::Error;
use crate::ops::keys::{KeyInfo, KeyList, KeyQuery, KeySort, KeyTotal, count_keys, list_keys};
use crate::ops::page::{Page, PageRequest};

/// Keys that were used last.
const RECENT_KEYS: u32 = 5;

/// The first page after signing in.
pub(super) async fn show_home(visit: Visit) -> Result<Response, Failure> {
    let few = PageRequest { after: None, limit: RECENT_KEYS };
    let query = KeyQuery { order: KeySort::LastUse.into(), ..KeyQuery::default() };
    let found = list_keys(&visit.app, &visit.caller, visit.organization_id(), query, few.clone()).await;
    let (list, sorted) = match found.map_err(Error::into_reject) {
        // Who may look at no keys has a home all the same, and from there the way to all else.
        Err(reject) if reject.code == RejectCode::Decision(Code::InsufficientPermission) => {
            let page = Page { items: Vec::new(), next: None };
            (KeyList { page, total: KeyTotal { count: 0, is_exact: true } }, false)
        }
        // Too many to say which was used last: the page does without them.
        Err(reject) if is_about_sort(&reject) => {
            let query = KeyQuery::default();
            (list_keys(&visit.app, &visit.caller, visit.organization_id(), query, few).await?, false)
        }
        found => (found?, true),
    };
    let keys: Vec<&KeyInfo> = list.page.items.iter().filter(|it| sorted && it.last_use.is_some()).collect();
    let now = visit.app.now();
    // Of those that are blocked, switched off or expired every request is refused: they are in the list, and are not said to live.
    let live = KeyQuery { blocked: Some(false), ..KeyQuery::default() };
    let live = match list.total.count {
        0 => list.total,
        _ => count_keys(&visit.app, &visit.caller, visit.organization_id(), live).await?,
    };
    let (to_review, live_to_review) = health::to_review_and_live(&visit).await;
    let page = HomePage {
        ending: notifications::ending(&visit, None).await,
        shell: visit.shell(Place::Home),
        live_keys: live.count,
        live_keys_counted: view::total(live),
        to_review,
        live_to_review,
        recent: keys
            .iter()
            .map(|it| view::row(it, now))
            .map(|it| RecentKey { id: it.id, name: it.name, hint: it.hint, last_use: it.last_use })
            .collect(),
        starting: sorted && keys.is_empty(),
        may_create: visit.may_create_keys(),
        has_access: visit.has_api_access(),
        role: visit.organization.role_name.as_deref().map(view::role_label).unwrap_or_default(),
        snippets: check_key(&visit.site.base_url),
    };
    Ok(visit.page(&page))
}
