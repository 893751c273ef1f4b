//! Members: users in an organization, each with a role.

use std::collections::BTreeMap;

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{MemberId, OrganizationId, RoleId, UserId};
use claviger_core::member::Member;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;
use claviger_core::user::User;
use claviger_store::Connection;
use claviger_store::members::MemberRow;

use super::admins;
use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::leaving;
use super::page::{Page, PageRequest};
use super::precondition::refuse_unexpected;
use super::standing::{Standing, refuse_unheld, standing};
use super::transaction::{begin, commit, on_task, refuse_other_version};
use crate::app::App;

/// What is asked for when a user becomes a member.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Who: a user that this organization, or one above or below it, manages.
    pub user_id: UserId,
    /// With which role.
    pub role_id: RoleId,
    /// Permissions beside the role's.
    pub extra_permissions: PermissionSet,
}

/// What is to be changed on a membership; absent is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct MemberPatch {
    /// With which role.
    pub role_id: Option<RoleId>,
    /// Permissions beside the role's.
    pub extra_permissions: Option<PermissionSet>,
}

/// A membership with the names of what it joins.
#[derive(Debug, Clone)]
pub struct MemberInfo {
    /// The membership.
    pub member: Member,
    /// The user.
    pub user: User,
    /// The name of the role.
    pub role_name: String,
}

/// Makes a user a member.
///
/// # Errors
/// Refusals: rights, a user that is a member already, a role beyond the caller's own rights.
pub async fn create_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewMember,
    idempotency: Option<Idempotency<MemberInfo>>,
) -> OpResult<Answer<MemberInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/members:create");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let user = find_candidate(&app, &caller, &mut tx, &tenant, new.user_id).await?;
        let role = find_role(&mut tx, &tenant, new.role_id).await?;
        let inherited = standing(&mut tx, &tenant, user.id).await?;
        let given = role.permissions.join(&new.extra_permissions);
        refuse_unheld(&app, &caller, &mut tx, &tenant, inherited.as_ref(), (user.id, &given)).await?;
        let now = app.now();
        let member = Member {
            id: MemberId::new(now, &mut *app.rng()),
            organization_id,
            user_id: user.id,
            role_id: role.id,
            extra_permissions: new.extra_permissions,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        tx.insert_member(&tenant, &member).await?;
        let event = Event::new(&tenant, EventKind::MemberCreated, member.id, now).after(&member);
        let info = MemberInfo { member, user, role_name: role.name.to_string() };
        keep(idempotency.as_ref(), &mut tx, &tenant, &info, now).await?;
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(info))
    })
    .await
}

/// A user whom the caller may make a member: of this organization, or of another one in which the caller may look at users.
async fn find_candidate(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    user_id: UserId,
) -> OpResult<User> {
    let missing = || Reject::field("/user_id", "is no user that the caller may look at");
    let user = match connection.find_user(tenant, user_id).await? {
        Some(user) => user,
        None => connection.find_user_unchecked(user_id).await?.ok_or_else(missing)?,
    };
    if user.organization_id != tenant.organization_id() {
        caller.authorize(app, user.organization_id, "claviger/users:read").map_err(|_| missing())?;
    }
    Ok(user)
}

pub(super) async fn find_role(connection: &mut Connection, tenant: &Tenant, role_id: RoleId) -> OpResult<Role> {
    let missing = || Reject::field("/role_id", "is no role that can be given in this organization");
    Ok(connection.find_role(tenant, role_id).await?.ok_or_else(missing)?)
}

/// Lists the members.
///
/// # Errors
/// Refusals.
pub async fn list_members(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<MemberInfo>> {
    let tenant = caller.authorize(app, organization_id, "claviger/members:read")?;
    let rows = app.store().read().await?.page_members(&tenant, &page.try_into()?).await?;
    let info = |it: MemberRow| MemberInfo { member: it.member, user: it.user, role_name: it.role_name.to_string() };
    Ok(rows.map(info).into())
}

/// The users who are members of some organizations, so many of each, the first by name: each once, by name; of organizations whose members the caller
/// may not look at none.
///
/// # Errors
/// Faults.
pub async fn list_first_users(
    app: &App,
    caller: &Caller,
    organization_ids: &[OrganizationId],
    of_each: u32,
) -> OpResult<Vec<(UserId, String)>> {
    let tenant = |id: &OrganizationId| caller.authorize(app, *id, "claviger/members:read").ok();
    let tenants: Vec<_> = organization_ids.iter().filter_map(tenant).collect();
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let found = app.store().read().await?.find_first_users(&tenants, of_each).await?;
    let known: BTreeMap<_, _> = found.into_iter().collect();
    let mut users: Vec<_> = known.into_iter().collect();
    users.sort_by_cached_key(|(id, name)| (name.key(), *id));
    Ok(users.into_iter().map(|(id, name)| (id, name.to_string())).collect())
}

/// Finds one member.
///
/// # Errors
/// Refusals.
pub async fn get_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
) -> OpResult<MemberInfo> {
    let tenant = caller.authorize(app, organization_id, "claviger/members:read")?;
    let mut reader = app.store().read().await?;
    let member = reader.find_member(&tenant, member_id).await?.ok_or_else(Reject::not_found)?;
    info(&mut reader, &tenant, member).await
}

/// The membership of a user in this organization itself; nothing where there is none.
///
/// # Errors
/// Refusals.
pub async fn find_member_of_user(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<Option<Member>> {
    let tenant = caller.authorize(app, organization_id, "claviger/members:read")?;
    Ok(app.store().read().await?.find_member_of_user(&tenant, user_id).await?)
}

async fn info(connection: &mut Connection, tenant: &Tenant, member: Member) -> OpResult<MemberInfo> {
    let user = connection.find_user(tenant, member.user_id).await?.ok_or_else(Reject::not_found)?;
    let role = connection.find_role(tenant, member.role_id).await?;
    Ok(MemberInfo { member, user, role_name: role.map(|it| it.name.to_string()).unwrap_or_default() })
}

/// Changes what the patch names.
///
/// # Errors
/// Refusals; the last admin of the installation stays one.
pub async fn update_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
    patch: MemberPatch,
    expected_version: Option<u64>,
) -> OpResult<MemberInfo> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/members:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let standing = find_to_change(&mut tx, &tenant, member_id).await?;
        let before = standing.member.clone();
        refuse_other_version(expected_version, before.version)?;
        let mut member = before.clone();
        member.role_id = patch.role_id.unwrap_or(member.role_id);
        member.extra_permissions = patch.extra_permissions.unwrap_or(member.extra_permissions);
        if member != before {
            let role = find_role(&mut tx, &tenant, member.role_id).await?;
            let given = role.permissions.join(&member.extra_permissions);
            refuse_unheld(&app, &caller, &mut tx, &tenant, Some(&standing), (member.user_id, &given)).await?;
            if !role.is_admin() {
                admins::refuse_last_member(&mut tx, &before).await?;
            }
            (member.version, member.updated_at) = (before.version + 1, app.now());
            tx.update_member(&tenant, &member, before.version).await?;
            let info = info(&mut tx, &tenant, member).await?;
            let event = Event::new(&tenant, EventKind::MemberUpdated, member_id, info.member.updated_at);
            commit(&app, tx, event.before(&before).after(&info.member)).await?;
            return Ok(info);
        }
        info(&mut tx, &tenant, member).await
    })
    .await
}

/// A member who holds no more than the caller: nobody takes rights from those who hold more.
async fn find_to_change(connection: &mut Connection, tenant: &Tenant, member_id: MemberId) -> OpResult<Standing> {
    let member = connection.find_member(tenant, member_id).await?.ok_or_else(Reject::not_found)?;
    let role = connection.find_role(tenant, member.role_id).await?.ok_or_else(Reject::not_found)?;
    let standing = Standing { member, role };
    if standing.rights().is_within(tenant.rights()) {
        return Ok(standing);
    }
    Err(Reject::new(RejectCode::GrantExceedsOwn, "The member holds more than the caller does.").into())
}

/// Ends a membership. Where no other membership of the user takes its place, the user's personal key is revoked and other keys of the user
/// become ownerless, here and below; keys mapped to the user are denied from the next request on.
///
/// # Errors
/// Refusals; the last admin of the installation stays a member.
pub async fn delete_member(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/members:delete");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let before = find_to_change(&mut tx, &tenant, member_id).await?;
        let member = &before.member;
        refuse_unexpected(member.version)?;
        admins::refuse_last_member(&mut tx, member).await?;
        tx.delete_member(&tenant, member_id, member.version).await?;
        let from_above = standing(&mut tx, &tenant, member.user_id).await?;
        let left = from_above.map_or_else(PermissionSet::nothing, |it| it.rights());
        refuse_unheld(&app, &caller, &mut tx, &tenant, Some(&before), (member.user_id, &left)).await?;
        let event = Event::new(&tenant, EventKind::MemberDeleted, member_id, app.now()).before(member);
        // Whoever is not wanted any more does not come in by an invitation that is still open.
        tx.withdraw_links_unchecked(member.user_id, app.now()).await?;
        let has_more = leaving::release_keys(&app, &mut tx, &tenant, member.user_id).await?;
        let committed = commit(&app, tx, event).await;
        if has_more {
            leaving::go_on(&app);
        }
        committed
    })
    .await
}
