//! The second group of an agency's keys: those of the organizations below it.

use claviger_core::decision::Code;
use claviger_core::reject::RejectCode;

use super::view;
use crate::console::failure::Failure;
use crate::console::pages::keys::{LocationKeys, LocationView};
use crate::console::visit::Visit;
use crate::ops::error::Error;
use crate::ops::keys::{KeyQuery, KeyTotal, list_keys};
use crate::ops::organizations::{OrganizationQuery, list_organizations};
use crate::ops::page::PageRequest;

const SUSPENDED: RejectCode = RejectCode::Decision(Code::OrganizationSuspended);

/// Organizations that are shown; the others are found among the organizations.
const LOCATIONS_MAX: u32 = 10;
/// Keys shown of each.
const KEYS_EACH: u32 = 5;

/// The keys of the organizations below, or of those that a search finds among them, as far as the viewer may look at them; nothing where there
/// is none.
pub(super) async fn location_keys(visit: &Visit, search: &str) -> Result<Option<LocationKeys>, Failure> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let search = Some(search.to_owned()).filter(|it| !it.is_empty());
    let query = OrganizationQuery { is_children_only: false, search };
    // The organization itself comes first, where nothing is searched for.
    let page = PageRequest { after: None, limit: LOCATIONS_MAX + 1 };
    let below = match list_organizations(app, caller, here, query, page).await {
        Ok(below) => below,
        Err(Error::Reject(_)) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    // That of what stands below a suspended one is closed too.
    let may_see = |id| caller.authorize_record(app, id, "claviger/organizations:read").is_ok();
    let (mut locations, mut count, mut is_exact) = (Vec::new(), 0, true);
    for it in below.items.iter().filter(|it| it.id != here) {
        let few = PageRequest { after: None, limit: KEYS_EACH };
        let (total, keys) = match list_keys(app, caller, it.id, KeyQuery::default(), few).await {
            Ok(found) => (Some(found.total), found.page.items),
            // What is suspended, or stands below what is, is closed; it has not vanished.
            Err(Error::Reject(reject)) if reject.code == SUSPENDED => (None, Vec::new()),
            // A nearer membership may allow less.
            Err(Error::Reject(_)) => continue,
            Err(fault) => return Err(fault.into()),
        };
        count += total.map_or(0, |it| it.count);
        is_exact &= total.is_none_or(|it| it.is_exact);
        let now = app.now();
        locations.push(LocationView {
            page: may_see(it.id).then(|| format!("/tree/{}", it.id)),
            name: it.name.to_string(),
            slug: it.slug.to_string(),
            total: total.map(view::total),
            keys: keys.iter().map(|it| view::row(it, now)).collect(),
        });
    }
    let more = below.next.is_some();
    let total = view::total(KeyTotal { count, is_exact: is_exact && !more });
    Ok((!locations.is_empty()).then_some(LocationKeys { total, locations, more }))
}
