//! Roles: named sets of permissions, with the switch that lets their holders have keys.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::name::{Description, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;
use claviger_store::roles::RoleUses;
use claviger_store::{Connection, Error as StoreError};

use super::caller::Caller;
use super::error::{Error, OpResult};
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::page::{Page, PageRequest};
use super::precondition::refuse_unexpected;
use super::standing::refuse_unheld_role;
use super::transaction::{begin, commit, on_task, refuse_other_version};
use crate::app::App;

/// What is asked for when a role is made.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its name, unique in the organization.
    pub name: Name,
    /// What it is for.
    pub description: Description,
    /// What it allows.
    pub permissions: PermissionSet,
    /// Whether its holders may have keys.
    pub api_access: bool,
}

/// What is to be changed on a role; absent is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct RolePatch {
    /// Its name.
    pub name: Option<Name>,
    /// What it is for.
    pub description: Option<Description>,
    /// What it allows; fixed for the built-in admin role.
    pub permissions: Option<PermissionSet>,
    /// Whether its holders may have keys; always so for the built-in admin role.
    pub api_access: Option<bool>,
}

impl RolePatch {
    /// The role as it is after the change.
    pub(super) fn apply(self, before: &Role) -> Role {
        let mut role = before.clone();
        role.name = self.name.unwrap_or(role.name);
        role.description = self.description.unwrap_or(role.description);
        role.permissions = self.permissions.unwrap_or(role.permissions);
        role.api_access = self.api_access.unwrap_or(role.api_access);
        role
    }
}

/// A role and what has it.
#[derive(Debug, Clone)]
pub struct RoleInfo {
    /// The role.
    pub role: Role,
    /// Members who have it.
    pub member_count: u64,
    /// Live keys that have it themselves.
    pub key_count: u64,
}

/// Makes a role.
///
/// # Errors
/// Refusals: rights, a name that is taken, permissions beyond the caller's own.
pub async fn create_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewRole,
    idempotency: Option<Idempotency<Role>>,
) -> OpResult<Answer<Role>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/roles:create");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        refuse_beyond(&tenant, &new.permissions)?;
        let now = app.now();
        let role = Role {
            id: RoleId::new(now, &mut *app.rng()),
            organization_id,
            built_in: None,
            name: new.name,
            description: new.description,
            permissions: new.permissions,
            api_access: new.api_access,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        tx.insert_role(&tenant, &role).await?;
        keep(idempotency.as_ref(), &mut tx, &tenant, &role, now).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::RoleCreated, role.id, now).after(&role)).await?;
        Ok(Answer::Fresh(role))
    })
    .await
}

/// Lists the roles that can be given here: the organization's own and those that the ones above it made. Of the built-in ones only its own
/// are listed, since every organization has them.
///
/// # Errors
/// Refusals.
pub async fn list_roles(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<Role>> {
    let tenant = caller.authorize(app, organization_id, "claviger/roles:read")?;
    let mut page: Page<Role> = app.store().read().await?.page_roles(&tenant, &page.try_into()?).await?.into();
    page.items.retain(|it| it.organization_id == organization_id || it.built_in.is_none());
    Ok(page)
}

/// Finds one role and says what has it.
///
/// # Errors
/// Refusals.
pub async fn get_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    role_id: RoleId,
) -> OpResult<RoleInfo> {
    let tenant = caller.authorize(app, organization_id, "claviger/roles:read")?;
    let mut reader = app.store().read().await?;
    let role = reader.find_role(&tenant, role_id).await?.ok_or_else(Reject::not_found)?;
    // What hangs on a role of an organization above is that one's affair.
    let uses = match role.organization_id == organization_id {
        true => reader.count_role_uses(&tenant, role_id).await?,
        false => RoleUses::default(),
    };
    Ok(RoleInfo { role, member_count: uses.members, key_count: uses.keys })
}

/// Changes what the patch names. What changes for its holders changes with their next request.
///
/// # Errors
/// Refusals; the admin role's permissions and access are fixed, and the names of built-in roles are.
pub async fn update_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    role_id: RoleId,
    patch: RolePatch,
    expected_version: Option<u64>,
) -> OpResult<Role> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/roles:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let before = find_own(&mut tx, &tenant, role_id).await?;
        refuse_other_version(expected_version, before.version)?;
        refuse_fixed(&before, &patch)?;
        let mut role = patch.apply(&before);
        if role == before {
            return Ok(role);
        }
        // Also what it allowed before: otherwise whoever may change roles could take rights from those who hold more.
        let sets = [&before.permissions, &role.permissions];
        refuse_unheld_role(&app, &caller, &mut tx, &tenant, sets).await?;
        (role.version, role.updated_at) = (before.version + 1, app.now());
        tx.update_role(&tenant, &role, before.version).await?;
        let event = Event::new(&tenant, EventKind::RoleUpdated, role_id, role.updated_at);
        commit(&app, tx, event.before(&before).after(&role)).await?;
        Ok(role)
    })
    .await
}

/// Deletes a role that nobody has.
///
/// # Errors
/// Refusals; built-in roles and roles in use stay.
pub async fn delete_role(app: &App, caller: &Caller, organization_id: OrganizationId, role_id: RoleId) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/roles:delete");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let role = find_own(&mut tx, &tenant, role_id).await?;
        refuse_unexpected(role.version)?;
        if role.built_in.is_some() {
            return Err(conflict("Built-in roles cannot be deleted.").into());
        }
        tx.delete_role(&tenant, role_id, role.version).await.map_err(|error| match error {
            StoreError::InUse => {
                let detail = "Members or live keys have this role, and the role's preview names them: give them another one first.";
                Error::from(conflict(detail))
            }
            error => error.into(),
        })?;
        commit(&app, tx, Event::new(&tenant, EventKind::RoleDeleted, role_id, app.now()).before(&role)).await
    })
    .await
}

/// A role of this very organization: one of an organization above can be given here, but is not changed from here.
pub(super) async fn find_own(connection: &mut Connection, tenant: &Tenant, role_id: RoleId) -> OpResult<Role> {
    let role = connection.find_role(tenant, role_id).await?.ok_or_else(Reject::not_found)?;
    if role.organization_id != tenant.organization_id() {
        return Err(conflict("This role belongs to an organization above; change it there.").into());
    }
    Ok(role)
}

pub(super) fn refuse_fixed(role: &Role, patch: &RolePatch) -> Result<(), Reject> {
    let changes_name = patch.name.as_ref().is_some_and(|it| *it != role.name);
    if role.built_in.is_some() && changes_name {
        return Err(conflict("The names of built-in roles are fixed."));
    }
    let changes_permissions = patch.permissions.as_ref().is_some_and(|it| *it != role.permissions);
    let changes_access = patch.api_access.is_some_and(|it| it != role.api_access);
    if role.is_admin() && (changes_permissions || changes_access) {
        return Err(conflict("Admins hold everything and always have API access; give another role instead."));
    }
    Ok(())
}

fn conflict(detail: &'static str) -> Reject {
    Reject::new(RejectCode::StateConflict, detail)
}

fn refuse_beyond(tenant: &Tenant, permissions: &PermissionSet) -> Result<(), Reject> {
    if permissions.is_within(tenant.rights()) {
        return Ok(());
    }
    Err(Reject::new(RejectCode::GrantExceedsOwn, "The role would hold more than the caller does."))
}
