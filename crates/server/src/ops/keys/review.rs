//! What there is to review below an organization: in which of those below it, and how many keys.

use claviger_core::id::OrganizationId;
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::name::{Name, Slug};
use claviger_store::PageRequest;
use claviger_store::organizations::OrganizationFilter;

use super::{KeyFilter, KeyHealth, KeyQuery, KeyTotal, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::OpResult;

/// An organization with keys to review.
#[derive(Debug, Clone)]
pub struct PlaceToReview {
    /// Its name.
    pub name: Name,
    /// Its short name.
    pub slug: Slug,
    /// How many of its keys there are to review, of those that the caller may look at.
    pub keys: KeyTotal,
}

/// What there is to review below an organization.
#[derive(Debug, Clone)]
pub struct ReviewBelow {
    /// Those with something to review, by name.
    pub places: Vec<PlaceToReview>,
    /// So many organizations were looked at, the first by name.
    pub looked_at: usize,
    /// Whether these are all there are.
    pub is_whole: bool,
    /// Whether the caller may look at every key of those: who sees only their own cannot know that there is nothing to do.
    pub sees_all: bool,
}

/// Looks at the keys of the organizations below one, by name: of so many of them, and at so many keys altogether. Nothing, where
/// the caller may look at the keys of none. Those without keys cost nothing but one count for all of them.
///
/// # Errors
/// Refusals.
pub async fn review_below(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    organizations_max: u32,
    keys_max: u64,
) -> OpResult<Option<ReviewBelow>> {
    let tenant = caller.authorize(app, organization_id, "claviger/organizations:read")?;
    let mut reader = app.store().read().await?;
    let below = OrganizationFilter { whole_subtree: true, ..OrganizationFilter::default() };
    let found = reader.page_organizations(&tenant, &below, &PageRequest::first(organizations_max)).await?;
    let ids: Vec<_> = found.rows.iter().map(|it| it.id).collect();
    let live = reader.count_live_keys_of(&tenant, &ids).await?;
    let mut review = ReviewBelow { places: Vec::new(), looked_at: 0, is_whole: found.next.is_none(), sees_all: true };
    let (mut may_look, mut room) = (false, keys_max);
    for it in found.rows {
        // A nearer membership may allow less, and of a suspended one no key works: of that nothing has to be done.
        let keys = match caller.authorize_keys(app, it.id, "read") {
            Ok((place, whose)) => {
                (may_look, review.sees_all) = (true, review.sees_all && matches!(whose, Whose::All));
                Some((place, whose))
            }
            Err(reject) => {
                review.sees_all &= reject.is_suspended();
                None
            }
        };
        // As many as a count looks at, at most.
        let cost = live.get(&it.id).map_or(0, |live| (*live).min(KEYS_EXAMINED_MAX as u64));
        if let Some((place, whose)) = keys.filter(|_| 0 < cost) {
            if room < cost {
                review.is_whole = false;
                break;
            }
            room -= cost;
            let filter = KeyFilter { health: Some(KeyHealth::ToReview), ..KeyFilter::default() };
            let query = KeyQuery::from(filter);
            if let Some(filter) = list::filter(&mut reader, &place, whose, &query).await? {
                let keys = reader.count_keys(&place, &filter, app.now()).await?;
                if 0 < keys.count || !keys.is_exact {
                    review.places.push(PlaceToReview { name: it.name, slug: it.slug, keys });
                }
            }
        }
        review.looked_at += 1;
    }
    Ok(may_look.then_some(review))
}
