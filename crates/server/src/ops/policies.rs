//! Policies: what holds for an organization and where it comes from, changing what it sets itself, and seeing beforehand what would break.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use claviger_core::id::OrganizationId;
use claviger_core::limits::{
    PAGE_ITEMS_MAX, PREVIEWED_KEYS_MAX, PREVIEWED_KEYS_NAMED, PREVIEWED_KEYS_READ_MAX, PREVIEWED_ORGANIZATIONS_MAX,
};
use claviger_core::organization::Organization;
use claviger_core::permission::Asked;
use claviger_core::policy::{Origin, Policy, PolicyPatch, Reveal, Setting, origins};
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::keys::{Bounds, Breach, BreakingKey};
use claviger_store::organizations::OrganizationFilter;
use claviger_store::{Connection, PageRequest};

use super::caller::Caller;
use super::error::{Error, OpResult};
use super::organizations::{refuse_wider_than_locked, update};
use super::transaction::{begin, on_task, refuse_other_version};
use crate::app::App;

const DAY: Duration = Duration::from_secs(86_400);
/// As whom the organizations above are read: what they set holds here, whether the caller reaches them or not.
const JOB: &str = "policy";

/// An organization's policy, value by value.
#[derive(Debug, Clone)]
pub struct PolicyInfo {
    /// The organization, with what it sets itself.
    pub organization: Organization,
    /// What would hold if it set nothing.
    pub inherited: Policy,
    /// What holds.
    pub effective: Policy,
    /// Where each value comes from. An organization above that the caller does not reach is named all the same; whether it may be shown,
    /// `reached` says.
    origins: BTreeMap<Setting, Origin>,
    /// The organizations of the path that the caller reaches.
    reached: Vec<OrganizationId>,
}

/// Where a value comes from, as far as the caller may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody sets it.
    Default,
    /// The organization itself.
    Own,
    /// One above; which, only where the caller reaches it.
    Above(Option<OrganizationId>),
}

impl PolicyInfo {
    fn new(app: &App, caller: &Caller, path: &[Organization]) -> OpResult<Self> {
        let organization = path.first().cloned().ok_or_else(Reject::not_found)?;
        let own: Vec<_> = path.iter().map(|it| (it.id, &it.policy)).collect();
        let inherited = Policy::of_path(path.iter().skip(1).map(|it| &it.policy));
        Ok(Self {
            effective: inherited.inherit(&organization.policy),
            origins: origins(&own),
            reached: path.iter().map(|it| it.id).filter(|it| caller.reach(app, *it).is_ok()).collect(),
            inherited,
            organization,
        })
    }

    fn source(&self, id: Option<OrganizationId>) -> Source {
        match id {
            None => Source::Default,
            Some(id) if id == self.organization.id => Source::Own,
            Some(id) => Source::Above(self.reached.contains(&id).then_some(id)),
        }
    }

    /// Where the value of a setting comes from.
    pub fn set_by(&self, setting: Setting) -> Source {
        self.source(self.origins[&setting].set_by)
    }

    /// Who has locked it; [`Source::Default`] is nobody.
    pub fn locked_by(&self, setting: Setting) -> Source {
        self.source(self.origins[&setting].locked_by)
    }
}

/// Shows an organization's policy.
///
/// # Errors
/// Refusals.
pub async fn get_policy(app: &App, caller: &Caller, id: OrganizationId) -> OpResult<PolicyInfo> {
    caller.authorize_record(app, id, "claviger/organizations:read")?;
    let path = app.store().read().await?.find_path(&Tenant::system(id, JOB)).await?;
    PolicyInfo::new(app, caller, &path)
}

/// Changes what an organization sets itself. What one above has locked can only be narrowed.
///
/// # Errors
/// Refusals.
pub async fn update_policy(
    app: &App,
    caller: &Caller,
    id: OrganizationId,
    patch: PolicyPatch,
    expected_version: Option<u64>,
) -> OpResult<PolicyInfo> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_record(&app, id, "claviger/organizations:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let mut path = tx.find_path(&Tenant::system(id, JOB)).await?;
        let before = path.first().cloned().ok_or_else(Reject::not_found)?;
        refuse_other_version(expected_version, before.version)?;
        let after = Organization { policy: patch.apply(&before.policy), ..before.clone() };
        let inherited = Policy::of_path(path.iter().skip(1).map(|it| &it.policy));
        refuse_wider_than_locked(&inherited, &before.policy, &after.policy, "")?;
        path[0] = update(&app, tx, &tenant, before, after).await?.organization;
        PolicyInfo::new(&app, &caller, &path)
    })
    .await
}

/// A rule that keys can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Keys have to end.
    ExpiryRequired,
    /// Keys end within so many days.
    LifetimeTooLong,
    /// A user owns so many keys at most.
    TooManyKeys,
    /// Keys that are not used end.
    Idle,
}

impl Rule {
    const ALL: [Self; 4] = [Self::ExpiryRequired, Self::LifetimeTooLong, Self::TooManyKeys, Self::Idle];

    /// The setting that brings it.
    pub const fn setting(self) -> Setting {
        match self {
            Self::ExpiryRequired | Self::LifetimeTooLong => Setting::ExpiryDaysMax,
            Self::TooManyKeys => Setting::MaxKeysPerUser,
            Self::Idle => Setting::IdleDays,
        }
    }

    /// What a key looks like that breaks it under a policy, if any can.
    fn breach(self, policy: &Policy, now: Timestamp) -> Option<Breach> {
        let days = |it: u16| DAY * u32::from(it);
        Some(match self {
            Self::ExpiryRequired => policy.expiry_days_max.map(|_| Breach::Endless)?,
            Self::LifetimeTooLong => Breach::EndsAfter(now.saturating_add(days(policy.expiry_days_max?))),
            Self::TooManyKeys => Breach::Beyond(policy.max_keys_per_user),
            Self::Idle => Breach::IdleSince(now.saturating_sub(days(policy.idle_days?))),
        })
    }
}

/// What breaks one rule.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// How many keys break it, counted up to [`PREVIEWED_KEYS_MAX`].
    pub key_count: u32,
    /// Whether there may be more: the bound was reached, or not all keys were looked through.
    pub is_partial: bool,
    /// The first of them, with their organizations.
    pub keys: Vec<(OrganizationId, BreakingKey)>,
}

/// What a change of a policy would do.
#[derive(Debug, Clone)]
pub struct PolicyPreview {
    /// What would hold for the organization.
    pub effective: Policy,
    /// Organizations, itself included, for which something else would hold than now.
    pub organization_count: u32,
    /// Whether there are more organizations below than were looked through.
    pub is_partial: bool,
    /// The rules that would be broken.
    pub broken: Vec<Broken>,
    /// Copies of secrets that would be destroyed, since nobody would be shown them again; counted up to [`PREVIEWED_KEYS_MAX`].
    pub destroyed_copies: u32,
}

/// Says which keys, here and below, would break a policy, and changes nothing. A rule that stays as it is for an organization is not looked
/// at there: what breaks it does so already.
///
/// # Errors
/// Refusals; a change that a lock forbids is refused here too.
pub async fn preview_policy(
    app: &App,
    caller: &Caller,
    id: OrganizationId,
    patch: PolicyPatch,
) -> OpResult<PolicyPreview> {
    caller.authorize(app, id, "claviger/organizations:read")?;
    let tenant = caller.authorize(app, id, "claviger/keys:read")?;
    let mut reader = app.store().read().await?;
    let path = reader.find_path(&Tenant::system(id, JOB)).await?;
    let before = path.first().cloned().ok_or_else(Reject::not_found)?;
    let inherited = Policy::of_path(path.iter().skip(1).map(|it| &it.policy));
    let own = patch.apply(&before.policy);
    refuse_wider_than_locked(&inherited, &before.policy, &own, "")?;
    let pair = (inherited.inherit(&before.policy), inherited.inherit(&own));
    let effective = pair.1.clone();
    let (below, is_partial) = subtree(&mut reader, &tenant).await?;
    // Who does not see an organization below does not see its keys either.
    // One that is suspended will not be so for ever, and its keys lose their copies with the others.
    let keys_read = Asked::parse("claviger/keys:read").map_err(|error| Error::Internal(error.to_string()))?;
    let asked = std::slice::from_ref(&keys_read);
    let is_seen =
        |it: &OrganizationId| *it == id || caller.authorize_through_suspension(app, *it, asked, &[]).is_some();
    let mut changed = changed_policies(id, pair, &below);
    changed.retain(|(it, _)| is_seen(it));
    let mut broken = Vec::new();
    for rule in Rule::ALL {
        let found = breaking(&mut reader, rule, &changed, app.now()).await?;
        broken.extend((found.key_count > 0 || found.is_partial).then_some(found));
    }
    let destroyed_copies = destroyed(&mut reader, &changed).await?;
    let organization_count = u32::try_from(changed.len()).unwrap_or(u32::MAX);
    Ok(PolicyPreview { effective, organization_count, is_partial, broken, destroyed_copies })
}

/// How many copies of secrets would be destroyed.
async fn destroyed(reader: &mut Connection, changed: &[(OrganizationId, Pair)]) -> OpResult<u32> {
    let mut copies = 0;
    for (id, (_, after)) in changed {
        if after.reveal == Reveal::Once && copies < PREVIEWED_KEYS_MAX {
            let found = reader.count_sealed_copies(&Tenant::system(*id, JOB), PREVIEWED_KEYS_MAX - copies).await?;
            copies += u32::try_from(found).unwrap_or(u32::MAX);
        }
    }
    Ok(copies)
}

/// What holds before and after.
type Pair = (Policy, Policy);

/// The organizations below, up to the limit, and whether there are more.
async fn subtree(reader: &mut Connection, tenant: &Tenant) -> OpResult<(Vec<Organization>, bool)> {
    let filter = OrganizationFilter { whole_subtree: true, ..OrganizationFilter::default() };
    let mut request = PageRequest::first(PAGE_ITEMS_MAX);
    let mut found = Vec::new();
    while found.len() < PREVIEWED_ORGANIZATIONS_MAX {
        let page = reader.page_organizations(tenant, &filter, &request).await?;
        found.extend(page.rows);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok((found, false)),
        }
    }
    Ok((found, true))
}

/// The organizations for which something else holds after than before, from the top down.
fn changed_policies(top: OrganizationId, pair: Pair, below: &[Organization]) -> Vec<(OrganizationId, Pair)> {
    let mut children: HashMap<OrganizationId, Vec<&Organization>> = HashMap::new();
    for it in below {
        children.entry(it.parent_id.unwrap_or(top)).or_default().push(it);
    }
    let mut changed = vec![(top, pair)];
    let mut next = 0;
    while let Some((id, (before, after))) = changed.get(next).cloned() {
        for child in children.remove(&id).unwrap_or_default() {
            let pair = (before.inherit(&child.policy), after.inherit(&child.policy));
            // Where nothing changes, nothing changes below either.
            if pair.0 != pair.1 {
                changed.push((child.id, pair));
            }
        }
        next += 1;
    }
    changed.retain(|(_, (before, after))| before != after);
    changed
}

async fn breaking(
    reader: &mut Connection,
    rule: Rule,
    changed: &[(OrganizationId, Pair)],
    now: Timestamp,
) -> OpResult<Broken> {
    let mut broken = Broken { rule, key_count: 0, is_partial: false, keys: Vec::new() };
    let mut bounds = Bounds { keys: PREVIEWED_KEYS_MAX, read: PREVIEWED_KEYS_READ_MAX };
    for (id, (before, after)) in changed {
        let breach = rule.breach(after, now);
        let Some(breach) = breach.filter(|it| rule.breach(before, now) != Some(*it)) else { continue };
        if bounds.keys == 0 || bounds.read == 0 {
            broken.is_partial = true;
            break;
        }
        let tenant = Tenant::system(*id, JOB);
        // One more than may be: else who has exactly so many would be told that there are more.
        let looked = Bounds { keys: bounds.keys + 1, read: bounds.read + 1 };
        let found = reader.count_breaking_keys(&tenant, breach, looked).await?;
        let (count, read) = [found.keys, found.read].map(|it| u32::try_from(it).unwrap_or(u32::MAX)).into();
        broken.is_partial |= count > bounds.keys || read > bounds.read;
        let count = count.min(bounds.keys);
        broken.key_count += count;
        bounds = Bounds { keys: bounds.keys - count, read: bounds.read.saturating_sub(read) };
        let unnamed = PREVIEWED_KEYS_NAMED.saturating_sub(u32::try_from(broken.keys.len()).unwrap_or(u32::MAX));
        if count > 0 && unnamed > 0 {
            let keys = reader.find_breaking_keys(&tenant, breach, Bounds { keys: unnamed, ..looked }).await?;
            broken.keys.extend(keys.into_iter().map(|it| (*id, it)));
        }
    }
    Ok(broken)
}
