//! People: members as whoever manages them sees them, and inviting somebody.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{MemberId, OrganizationId, RoleId};
use claviger_core::member::Member;
use claviger_core::name::{Email, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;
use claviger_core::user::{User, UserStatus};
use claviger_store::people::{KeysOfMember, PersonRow};
use claviger_store::{Connection, Tx};
use serde_json::json;

use super::admins::refuse_last_member;
use super::caller::Caller;
use super::error::{Error, OpResult};
use super::links::{SignInLink, insert_sign_in_link};
use super::members::find_role;
use super::page::{Page, PageRequest};
use super::roles::list_roles;
use super::standing::{refuse_unheld, standing};
use super::transaction::{begin, commit, on_task};
use super::users::{NewUser, insert};
use crate::app::App;

/// Lists the members with what is known of their signing in, as far as name or e-mail address hold what is searched for.
///
/// # Errors
/// Refusals.
pub async fn list_people(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    search: Option<&str>,
    page: PageRequest,
) -> OpResult<Page<PersonRow>> {
    let tenant = caller.authorize(app, organization_id, "claviger/members:read")?;
    let now = app.now();
    Ok(app.store().read().await?.page_people(&tenant, search, &page.try_into()?, now).await?.into())
}

/// Finds a member, and counts what the end of the membership would do to keys.
///
/// # Errors
/// Refusals.
pub async fn get_person(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
) -> OpResult<(PersonRow, KeysOfMember)> {
    let tenant = caller.authorize(app, organization_id, "claviger/members:read")?;
    let mut reader = app.store().read().await?;
    let person = reader.find_person(&tenant, member_id, app.now()).await?.ok_or_else(Reject::not_found)?;
    let keys = reader.count_keys_of_member(&tenant, &person.row.member).await?;
    Ok((person, keys))
}

/// Whether this membership is the last administrator's, which can be neither ended nor weakened.
///
/// # Errors
/// Refusals of the caller.
pub async fn is_last_admin(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    member_id: MemberId,
) -> OpResult<bool> {
    let tenant = caller.authorize(app, organization_id, "claviger/members:read")?;
    let mut reader = app.store().read().await?;
    let person = reader.find_person(&tenant, member_id, app.now()).await?.ok_or_else(Reject::not_found)?;
    match refuse_last_member(&mut reader, &person.row.member).await {
        Ok(()) => Ok(false),
        Err(Error::Reject(_)) => Ok(true),
        Err(fault) => Err(fault),
    }
}

/// The roles that the caller may give here: those that allow no more than the caller may do. The first page of them.
///
/// # Errors
/// Refusals.
pub async fn list_roles_to_give(app: &App, caller: &Caller, organization_id: OrganizationId) -> OpResult<Vec<Role>> {
    let held = caller.reach(app, organization_id)?;
    let all = PageRequest { after: None, limit: claviger_core::limits::PAGE_ITEMS_MAX };
    let mut roles = list_roles(app, caller, organization_id, all).await?.items;
    roles.retain(|it| it.permissions.is_within(held.rights()));
    Ok(roles)
}

/// Whom to invite.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// What people call the user.
    pub name: Name,
    /// The sign-in name.
    pub email: Email,
    /// With which role.
    pub role_id: RoleId,
}

/// Somebody who was invited.
#[derive(Debug)]
pub struct Invited {
    /// The user.
    pub user: User,
    /// The membership.
    pub member: Member,
    /// The link to set a password by; none where the user has one already and signs in as before.
    pub link: Option<SignInLink>,
}

/// Makes a person a member with a role, and a user unless somebody whom the caller may look at has the e-mail address, with a link to set a
/// password by.
///
/// # Errors
/// Refusals: rights, a role beyond the caller's own rights, somebody who is a member already.
pub async fn invite(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewInvitation,
) -> OpResult<Invited> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || {
            caller.authorize(&app, organization_id, "claviger/users:create")?;
            caller.authorize(&app, organization_id, "claviger/users:update")?;
            caller.authorize(&app, organization_id, "claviger/members:create")
        };
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let role = find_role(&mut tx, &tenant, new.role_id).await?;
        let (user, made) = match find_known(&app, &caller, &mut tx, &tenant, &new.email).await? {
            Some(user) => (user, false),
            None => {
                let user = NewUser { name: new.name, email: Some(new.email), external_id: None, service: false };
                (insert(&app, &mut tx, &tenant, user).await?, true)
            }
        };
        let inherited = standing(&mut tx, &tenant, user.id).await?;
        refuse_unheld(&app, &caller, &mut tx, &tenant, inherited.as_ref(), (user.id, &role.permissions)).await?;
        let member = insert_member(&app, &mut tx, &tenant, &user, &role).await?;
        // Of somebody who was there before nobody but who may change them gets a link, and that is another operation.
        let link = if made { Some(insert_sign_in_link(&app, &mut tx, user.id).await?) } else { None };
        let facts = json!({
            "user_id": user.id.to_string(),
            "name": user.name.as_str(),
            "email": user.email.as_ref().map(ToString::to_string),
            "role_id": role.id.to_string(),
            "user_created": made,
        });
        commit(&app, tx, Event::new(&tenant, EventKind::MemberInvited, member.id, member.created_at).after(&facts))
            .await?;
        Ok(Invited { user, member, link })
    })
    .await
}

async fn insert_member(app: &App, tx: &mut Tx, tenant: &Tenant, user: &User, role: &Role) -> OpResult<Member> {
    let now = app.now();
    let member = Member {
        id: MemberId::new(now, &mut *app.rng()),
        organization_id: tenant.organization_id(),
        user_id: user.id,
        role_id: role.id,
        extra_permissions: PermissionSet::nothing(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if tx.find_member_of_user(tenant, user.id).await?.is_some() {
        let detail = "is that of somebody who is a member or invited already. A link is shown only once: make another one on that person's page.";
        return Err(Reject::field("/email", detail).into());
    }
    tx.insert_member(tenant, &member).await?;
    Ok(member)
}

/// Somebody with this e-mail address whom the caller may make a member.
async fn find_known(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    email: &Email,
) -> OpResult<Option<User>> {
    let Some(user) = connection.find_user_by_email_unchecked(email).await? else { return Ok(None) };
    let is_own = user.organization_id == tenant.organization_id();
    if !is_own && caller.authorize(app, user.organization_id, "claviger/users:read").is_err() {
        let detail = "Somebody of another organization signs in with this e-mail address.";
        return Err(Reject::new(RejectCode::NameTaken, detail).into());
    }
    if user.service || user.status != UserStatus::Active {
        let detail = "is that of a user who is disabled; enable the user first, on that person's page or by PATCH /api/v1/organizations/…/users/…";
        return Err(Reject::field("/email", detail).into());
    }
    Ok(Some(user))
}
