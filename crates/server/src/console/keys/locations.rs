//! The second group of an agency's keys: those of the organizations below it.

use super::view;
use crate::console::failure::Failure;
use crate::console::pages::keys::{LocationKeys, LocationView};
use crate::console::visit::Visit;
use crate::ops::error::Error;
use crate::ops::keys::{KeyQuery, KeyTotal, list_keys};
use crate::ops::organizations::{OrganizationQuery, list_organizations};
use crate::ops::page::PageRequest;

/// Organizations that are shown; the others are found among the organizations.
const LOCATIONS_MAX: u32 = 10;
/// Keys shown of each.
const KEYS_EACH: u32 = 5;

/// The keys of the organizations below, as far as the viewer may look at them; nothing where there is none below.
pub(super) async fn location_keys(visit: &Visit) -> Result<Option<LocationKeys>, Failure> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    // The organization itself comes first.
    let page = PageRequest { after: None, limit: LOCATIONS_MAX + 1 };
    let below = match list_organizations(app, caller, here, OrganizationQuery::default(), page).await {
        Ok(below) => below,
        Err(Error::Reject(_)) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let (mut locations, mut count, mut is_exact) = (Vec::new(), 0, true);
    for it in below.items.iter().filter(|it| it.id != here) {
        let few = PageRequest { after: None, limit: KEYS_EACH };
        let found = match list_keys(app, caller, it.id, KeyQuery::default(), few).await {
            Ok(found) => found,
            // A suspended organization is closed, and a nearer membership may allow less.
            Err(Error::Reject(_)) => continue,
            Err(fault) => return Err(fault.into()),
        };
        count += found.total.count;
        is_exact &= found.total.is_exact;
        let now = app.now();
        locations.push(LocationView {
            name: it.name.to_string(),
            slug: it.slug.to_string(),
            total: view::total(found.total),
            keys: found.page.items.iter().map(|it| view::row(it, now)).collect(),
        });
    }
    let more = below.next.is_some();
    let total = view::total(KeyTotal { count, is_exact: is_exact && !more });
    Ok((!locations.is_empty()).then_some(LocationKeys { total, locations, more }))
}
