//! Organizations: create below, look at, list, change, put by the host's own identifier.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::name::{ExternalId, Name, Slug, address_words};
use claviger_core::network::IpAllowList;
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::policy::{OwnPolicy, Policy, Setting};
use claviger_core::reject::{FieldReject, Reject, RejectCode};
use claviger_core::role::{BuiltIn, Role};
use claviger_core::tenant::Tenant;
pub use claviger_store::organizations::OrganizationCounts;
use claviger_store::organizations::OrganizationFilter;
use claviger_store::{Connection, Tx};
use data_encoding::HEXLOWER;
use serde_json::Value;

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::keys::policy_of;
use super::page::{Cursor, Page, PageRequest};
use super::precondition::{refuse_absent, refuse_unexpected};
use super::sealing::destroy_unrevealed;
use super::transaction::{begin, commit, on_task, refuse_other_version};
use crate::app::App;

/// What is asked for when an organization is made.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// What people call it.
    pub name: Name,
    /// The wire's `shortname`; absent means one made from the name.
    pub slug: Option<Slug>,
    /// The host's own identifier.
    pub external_id: Option<ExternalId>,
    /// What it sets itself; absent means nothing.
    pub policy: Option<OwnPolicy>,
    /// Where its keys may be used from. The outer `Option` is "not said": anywhere for a new one, and as it is for one that is there.
    pub allowed_ips: Option<Option<IpAllowList>>,
    /// Whether the caller means it where that keeps the caller out.
    pub confirms_lockout: bool,
}

/// What is to be changed on an organization; the outer `Option` is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct OrganizationPatch {
    /// What people call it.
    pub name: Option<Name>,
    /// The wire's `shortname`.
    pub slug: Option<Slug>,
    /// The host's own identifier.
    pub external_id: Option<Option<ExternalId>>,
    /// Whether its keys are good at all.
    pub status: Option<OrganizationStatus>,
    /// What it sets itself, as a whole.
    pub policy: Option<OwnPolicy>,
    /// Where its keys may be used from.
    pub allowed_ips: Option<Option<IpAllowList>>,
    /// Whether the caller means it where that keeps the caller out.
    pub confirms_lockout: bool,
}

/// An organization and what holds for it.
#[derive(Debug, Clone)]
pub struct OrganizationInfo {
    /// The organization.
    pub organization: Organization,
    /// What holds once its ancestors' settings are taken into account.
    pub effective_policy: Policy,
}

/// Makes an organization below another, with the built-in roles.
///
/// # Errors
/// Refusals: rights, a slug or external id that is taken, a tree that is too deep.
pub async fn create_organization(
    app: &App,
    caller: &Caller,
    parent_id: OrganizationId,
    new: NewOrganization,
    idempotency: Option<Idempotency<OrganizationInfo>>,
) -> OpResult<Answer<OrganizationInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, parent_id, "claviger/organizations:create");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let info = insert(&app, &caller, &mut tx, &tenant, new).await?;
        keep(idempotency.as_ref(), &mut tx, &tenant, &info, info.organization.created_at).await?;
        commit(&app, tx, created(&tenant, &info)).await?;
        Ok(Answer::Fresh(info))
    })
    .await
}

/// Refuses an allow-list that would keep out the key that sets it, from where it calls: nobody could mend that but from an address of the list,
/// or at the console, where addresses do not count.
fn refuse_lockout(
    caller: &Caller,
    before: Option<&IpAllowList>,
    after: Option<&IpAllowList>,
    is_confirmed: bool,
) -> Result<(), Reject> {
    let (Some(ip), Some(after)) = (caller.key_address(), after) else { return Ok(()) };
    if is_confirmed || before == Some(after) || after.allows(ip) {
        return Ok(());
    }
    let fields = vec![FieldReject {
        pointer: "/allowed_ips".into(),
        detail: format!("does not hold {ip}, where this request came from"),
    }];
    let detail = "This would keep out the very key that asks for it, from where it calls.";
    Err(Reject { fields, ..Reject::new(RejectCode::LocksOut, detail) })
}

fn created(tenant: &Tenant, info: &OrganizationInfo) -> Event {
    let made = &info.organization;
    Event::new(tenant, EventKind::OrganizationCreated, made.id, made.created_at).after(made)
}

async fn insert(
    app: &App,
    caller: &Caller,
    tx: &mut Tx,
    parent: &Tenant,
    new: NewOrganization,
) -> OpResult<OrganizationInfo> {
    let allowed_ips = new.allowed_ips.flatten();
    refuse_lockout(caller, None, allowed_ips.as_ref(), new.confirms_lockout)?;
    let inherited = policy_of(app, parent.organization_id())?;
    let policy = new.policy.unwrap_or_default();
    refuse_wider_than_locked(&inherited, &OwnPolicy::default(), &policy, "/policy")?;
    let slug = match new.slug {
        Some(slug) => slug,
        None => free_slug(app, tx, &new.name).await?,
    };
    let now = app.now();
    let organization = Organization {
        id: OrganizationId::new(now, &mut *app.rng()),
        parent_id: Some(parent.organization_id()),
        slug,
        name: new.name,
        external_id: new.external_id,
        status: OrganizationStatus::Active,
        policy,
        allowed_ips,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tx.insert_organization(parent, &organization).await?;
    insert_built_in_roles(app, tx, organization.id).await?;
    Ok(OrganizationInfo { effective_policy: inherited.inherit(&organization.policy), organization })
}

/// Gives a new organization the roles that every one has. Nobody can be authorized for it yet, so the service writes them itself, in the
/// transaction of whoever makes the organization.
pub(super) async fn insert_built_in_roles(app: &App, tx: &mut Tx, id: OrganizationId) -> OpResult<Vec<Role>> {
    let tenant = Tenant::system(id, "organization");
    let now = app.now();
    let mut roles = Vec::new();
    for built_in in BuiltIn::ALL {
        let role = Role::built_in(RoleId::new(now, &mut *app.rng()), id, built_in, now);
        tx.insert_role(&tenant, &role).await?;
        roles.push(role);
    }
    Ok(roles)
}

/// A slug made from a name, with a number where others have it too.
async fn free_slug(app: &App, connection: &mut Connection, name: &Name) -> OpResult<Slug> {
    let base = slug_of(name);
    for number in 1..10 {
        let candidate = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        if let Ok(slug) = Slug::parse(&candidate)
            && connection.find_organization_ref_unchecked(slug.as_str()).await?.is_none()
        {
            return Ok(slug);
        }
    }
    let mut bytes = [0; 5];
    app.rng().fill_bytes(&mut bytes);
    let unique = format!("{base}-{}", HEXLOWER.encode(&bytes));
    Slug::parse(&unique).map_err(|error| Reject::field("/slug", error).into())
}

/// The letters and digits of a name, with room left for a number behind them.
fn slug_of(name: &Name) -> String {
    const BYTES_MAX: usize = 28;
    let words = address_words(name.as_str(), BYTES_MAX);
    if words.is_empty() { "organization".to_owned() } else { words }
}

/// Refuses what an organization above has locked tighter. Later locks hold too, see [`Policy::inherit`]; this one says so to whoever sets it.
pub(super) fn refuse_wider_than_locked(
    inherited: &Policy,
    before: &OwnPolicy,
    own: &OwnPolicy,
    place: &str,
) -> Result<(), Reject> {
    let fault = |(setting, holds): (Setting, Value)| FieldReject {
        pointer: format!("{place}/{}", setting.as_str()).into(),
        detail: format!("is locked above at {holds}; only a narrower value is possible"),
    };
    let fields: Vec<_> = inherited.wider_than_locked(before, own).into_iter().map(fault).collect();
    if fields.is_empty() {
        return Ok(());
    }
    let detail = "An organization above has locked some of these settings.";
    Err(Reject { fields, ..Reject::new(RejectCode::PolicyDenied, detail) })
}

/// Finds one organization.
///
/// # Errors
/// Refusals.
pub async fn get_organization(app: &App, caller: &Caller, id: OrganizationId) -> OpResult<OrganizationInfo> {
    let tenant = caller.authorize_record(app, id, "claviger/organizations:read")?;
    let found = app.store().read().await?.find_organization_below(&tenant, id).await?;
    let organization = found.ok_or_else(Reject::not_found)?;
    let effective_policy = policy_of(app, id)?;
    Ok(OrganizationInfo { organization, effective_policy })
}

/// Which organizations are asked for.
#[derive(Debug, Clone, Default)]
pub struct OrganizationQuery {
    /// Only those directly below.
    pub is_children_only: bool,
    /// Those whose name, slug or external id contains this.
    pub search: Option<String>,
}

/// Lists what stands below `under`, by name. Where everything is asked for, it comes first itself.
///
/// # Errors
/// Refusals.
pub async fn list_organizations(
    app: &App,
    caller: &Caller,
    under: OrganizationId,
    query: OrganizationQuery,
    mut page: PageRequest,
) -> OpResult<Page<Organization>> {
    let tenant = caller.authorize(app, under, "claviger/organizations:read")?;
    let mut reader = app.store().read().await?;
    let is_narrowed = query.is_children_only || query.search.is_some();
    let top = match page.after {
        None if !is_narrowed => reader.find_organization(&tenant).await?,
        _ => None,
    };
    let is_full = top.is_some() && page.limit <= 1;
    if top.is_some() {
        page.limit = page.limit.saturating_sub(1).max(1);
    }
    let filter =
        OrganizationFilter { whole_subtree: !query.is_children_only, search: query.search, active_only: false };
    let mut found: Page<_> = reader.page_organizations(&tenant, &filter, &page.try_into()?).await?.into();
    if is_full && !found.items.is_empty() {
        found = Page { items: Vec::new(), next: Some(Cursor(claviger_store::Cursor::before_all().to_text())) };
    }
    found.items.splice(0..0, top);
    Ok(found)
}

/// Counts what organizations hold that are `under` itself or below it, in their order.
///
/// # Errors
/// Refusals.
pub async fn count_in_organizations(
    app: &App,
    caller: &Caller,
    under: OrganizationId,
    ids: &[OrganizationId],
) -> OpResult<Vec<OrganizationCounts>> {
    let tenant = caller.authorize(app, under, "claviger/organizations:read")?;
    let mut reader = app.store().read().await?;
    let mut counts = Vec::with_capacity(ids.len());
    for id in ids {
        counts.push(reader.find_organization_counts(&tenant, *id).await?.unwrap_or_default());
    }
    Ok(counts)
}

/// Changes what the patch names.
///
/// # Errors
/// Refusals; the root cannot be suspended, since nobody could lift that.
pub async fn update_organization(
    app: &App,
    caller: &Caller,
    id: OrganizationId,
    patch: OrganizationPatch,
    expected_version: Option<u64>,
) -> OpResult<OrganizationInfo> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_record(&app, id, "claviger/organizations:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let before = tx.find_organization_below(&tenant, id).await?.ok_or_else(Reject::not_found)?;
        refuse_other_version(expected_version, before.version)?;
        let mut organization = before.clone();
        organization.name = patch.name.unwrap_or(organization.name);
        organization.slug = patch.slug.unwrap_or(organization.slug);
        organization.external_id = patch.external_id.unwrap_or(organization.external_id);
        organization.status = patch.status.unwrap_or(organization.status);
        organization.policy = patch.policy.unwrap_or(organization.policy);
        organization.allowed_ips = patch.allowed_ips.unwrap_or(organization.allowed_ips);
        let (old, new) = (before.allowed_ips.as_ref(), organization.allowed_ips.as_ref());
        refuse_lockout(&caller, old, new, patch.confirms_lockout)?;
        update(&app, tx, &tenant, before, organization).await
    })
    .await
}

/// Writes and commits a changed organization; nothing, where nothing changed.
pub(super) async fn update(
    app: &App,
    mut tx: Tx,
    tenant: &Tenant,
    before: Organization,
    mut organization: Organization,
) -> OpResult<OrganizationInfo> {
    let inherited = match before.parent_id {
        Some(parent_id) => policy_of(app, parent_id)?,
        None => Policy::default(),
    };
    let effective_policy = inherited.inherit(&organization.policy);
    if organization == before {
        return Ok(OrganizationInfo { organization, effective_policy });
    }
    if organization.policy != before.policy {
        refuse_wider_than_locked(&inherited, &before.policy, &organization.policy, "/policy")?;
    }
    if organization.parent_id.is_none() && organization.status == OrganizationStatus::Suspended {
        let detail = "The root cannot be suspended: nobody could lift that.";
        return Err(Reject::new(RejectCode::StateConflict, detail).into());
    }
    (organization.version, organization.updated_at) = (before.version + 1, app.now());
    tx.update_organization(tenant, &organization, before.version).await?;
    let policies = (&inherited.inherit(&before.policy), &effective_policy);
    destroy_unrevealed(&mut tx, organization.id, policies, organization.updated_at).await?;
    let kind = match changes_only_policy(&before, &organization) {
        true => EventKind::OrganizationPolicyUpdated,
        false => EventKind::OrganizationUpdated,
    };
    let event = Event::new(tenant, kind, organization.id, organization.updated_at);
    commit(app, tx, event.before(&before).after(&organization)).await?;
    Ok(OrganizationInfo { organization, effective_policy })
}

/// Whether the policy is all that differs, but for what differs after every change.
fn changes_only_policy(before: &Organization, after: &Organization) -> bool {
    let like_before = Organization {
        policy: before.policy.clone(),
        version: before.version,
        updated_at: before.updated_at,
        ..after.clone()
    };
    before.policy != after.policy && like_before == *before
}

/// Makes or changes the organization of this external id below `parent_id`; says whether it was made. Doing it twice changes nothing.
///
/// As with a user, what describes it becomes what the host says, and what is not the host's to keep in step stays unless the host says it: the
/// slug that its addresses have, and what guards it, which are its status, policy and allow-list. A host that only keeps names in step must not
/// open what an admin has closed.
///
/// # Errors
/// Refusals; an organization of this external id elsewhere is a name that is taken.
pub async fn put_organization(
    app: &App,
    caller: &Caller,
    parent_id: OrganizationId,
    external_id: ExternalId,
    new: NewOrganization,
) -> OpResult<(OrganizationInfo, bool)> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        // Whether it is one or the other is known only inside; a host that keeps the tree in step needs both.
        let authorize = || {
            caller.authorize(&app, parent_id, "claviger/organizations:update")?;
            caller.authorize(&app, parent_id, "claviger/organizations:create")
        };
        let (mut tx, parent) = begin(&app, authorize).await?;
        let Some(before) = tx.find_organization_by_external_id_unchecked(&external_id).await? else {
            refuse_absent()?;
            let new = NewOrganization { external_id: Some(external_id), ..new };
            let info = insert(&app, &caller, &mut tx, &parent, new).await?;
            commit(&app, tx, created(&parent, &info)).await?;
            return Ok((info, true));
        };
        if before.parent_id != Some(parent_id) {
            let detail = "An organization elsewhere has this external id.";
            return Err(Reject::new(RejectCode::NameTaken, detail).into());
        }
        let tenant = caller.authorize_record(&app, before.id, "claviger/organizations:update")?;
        refuse_unexpected(before.version)?;
        let mut organization = before.clone();
        organization.name = new.name;
        organization.slug = new.slug.unwrap_or(organization.slug);
        organization.policy = new.policy.unwrap_or(organization.policy);
        organization.allowed_ips = new.allowed_ips.unwrap_or(organization.allowed_ips);
        let (old, allowed) = (before.allowed_ips.as_ref(), organization.allowed_ips.as_ref());
        refuse_lockout(&caller, old, allowed, new.confirms_lockout)?;
        Ok((update(&app, tx, &tenant, before, organization).await?, false))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_made_of_what_a_name_has() {
        for (name, slug) in [
            ("Agentur Süd", "agentur-sud"),
            ("日本", "organization"),
            ("A very long name that goes on and on and on", "a-very-long-name-that-goes-o"),
        ] {
            let made = slug_of(&Name::parse(name).expect("a name"));
            assert_eq!(made, slug);
            Slug::parse(&made).expect("a slug");
        }
    }

    #[test]
    fn a_locked_setting_is_refused_by_its_name_when_it_is_widened() {
        let own = |text: &str| serde_json::from_str::<OwnPolicy>(text).expect("a policy");
        let above = Policy::default()
            .inherit(&own(r#"{"idle_days": 90, "reveal": "once", "locked": ["idle_days", "reveal"]}"#));
        let refuse = |text: &str| refuse_wider_than_locked(&above, &OwnPolicy::default(), &own(text), "/policy");
        let refused = refuse(r#"{"idle_days": 0, "reveal": "owner", "max_keys_per_user": 99}"#);
        let pointers: Vec<_> = refused.expect_err("a refusal").fields.into_iter().map(|it| it.pointer).collect();
        assert_eq!(pointers, ["/policy/reveal", "/policy/idle_days"]);
        refuse(r#"{"idle_days": 30}"#).expect("narrower is fine");
    }
}
