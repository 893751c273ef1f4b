//! Roles.

use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::name::Name;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::tenant::Tenant;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::statement::assert_newer;
use crate::value::{args, json};
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "r.id, r.organization_id, r.built_in, r.name, r.description, r.permissions, r.api_access, r.version, r.created_at, \
         r.updated_at"
    };
}
pub(crate) use columns as role_columns;

/// Roles that can be given in an organization: its own, and those of the ones above.
macro_rules! visible {
    () => {
        " FROM role r JOIN organization_closure c ON c.ancestor_id = r.organization_id WHERE c.descendant_id = $1 "
    };
}

statements! {
    INSERT_ROLE =
        "INSERT INTO role (id, organization_id, built_in, name, name_key, description, permissions, api_access, version, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    UPDATE_ROLE =
        "UPDATE role SET name = $4, name_key = $5, description = $6, permissions = $7, api_access = $8, version = $9, \
         updated_at = $10 WHERE id = $1 AND organization_id = $2 AND version = $3";
    DELETE_ROLE = "DELETE FROM role WHERE id = $1 AND organization_id = $2 AND version = $3";
    EXISTS = "SELECT 1 FROM role WHERE id = $1 AND organization_id = $2";
    IS_IN_USE =
        "SELECT 1 FROM role r WHERE r.id = $1 AND r.organization_id = $2 AND (EXISTS (\
         SELECT 1 FROM member m WHERE m.role_id = r.id) OR EXISTS (\
         SELECT 1 FROM key k WHERE k.role_id = r.id AND k.standing <> 'revoked'))";
    /// A role can be given where it is defined and below.
    CAN_GIVE = concat!("SELECT 1", visible!(), "AND r.id = $2");
    FIND_ROLE = concat!("SELECT ", columns!(), visible!(), "AND r.id = $2");
    FIND_ROLE_BY_NAME = concat!("SELECT ", columns!(), visible!(), "AND r.name_key = $2 ORDER BY c.depth LIMIT 1");
    FIND_BUILT_IN_ROLE = concat!("SELECT ", columns!(), visible!(), "AND r.built_in = $2 ORDER BY c.depth LIMIT 1");
    PAGE_ROLES = concat!(
        "SELECT ", columns!(), ", r.name_key", visible!(),
        "AND (r.name_key, r.id) > ($2, $3) ORDER BY r.name_key, r.id LIMIT $4"
    );
    COUNT_MEMBERS =
        "SELECT count(*) FROM role r JOIN member m ON m.role_id = r.id WHERE r.id = $1 AND r.organization_id = $2";
    COUNT_KEYS =
        "SELECT count(*) FROM role r JOIN key k ON k.role_id = r.id \
         WHERE r.id = $1 AND r.organization_id = $2 AND k.standing <> 'revoked'";
}

/// What hangs on a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleUses {
    /// Memberships with this role.
    pub members: u64,
    /// Live keys with this role.
    pub keys: u64,
}

pub(crate) fn role(it: &mut Columns<'_>) -> Result<Role, Unreadable> {
    Ok(Role {
        id: it.next()?,
        organization_id: it.next()?,
        built_in: it.next()?,
        name: it.next()?,
        description: it.next()?,
        permissions: it.next()?,
        api_access: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    })
}

impl Connection {
    /// Finds a role that can be given in the tenant's organization: its own, or of one above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_role(&mut self, tenant: &Tenant, id: RoleId) -> StoreResult<Option<Role>> {
        self.find(FIND_ROLE, args![tenant.organization_id(), id], "role", role).await
    }

    /// Finds a role that can be given in the tenant's organization by its name; the nearest one where several have it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_role_by_name(&mut self, tenant: &Tenant, name: &Name) -> StoreResult<Option<Role>> {
        self.find(FIND_ROLE_BY_NAME, args![tenant.organization_id(), name.key()], "role", role).await
    }

    /// Finds a built-in role, whatever it is called by now; the nearest one where there are several.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_built_in_role(&mut self, tenant: &Tenant, built_in: BuiltIn) -> StoreResult<Option<Role>> {
        self.find(FIND_BUILT_IN_ROLE, args![tenant.organization_id(), built_in.as_str()], "role", role).await
    }

    /// Roles that can be given in the tenant's organization: its own and those of the ones above, by name.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_roles(&mut self, tenant: &Tenant, request: &PageRequest) -> StoreResult<Page<Role>> {
        let (after_name, after_id) = request.after_text();
        let arguments = args![tenant.organization_id(), after_name, after_id, request.rows_to_read()];
        let with_key = |it: &mut Columns<'_>| Ok((role(it)?, it.next::<String>()?));
        let rows = self.list(PAGE_ROLES, arguments, "role", with_key).await?;
        Ok(Page::cut(rows, request, |(it, name_key)| Cursor::new(name_key, it.id)).map(|(it, _)| it))
    }

    /// Counts what hangs on a role of the tenant's organization, wherever below it stands.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_role_uses(&mut self, tenant: &Tenant, id: RoleId) -> StoreResult<RoleUses> {
        let members = self.number(COUNT_MEMBERS, args![id, tenant.organization_id()]).await?;
        let keys = self.number(COUNT_KEYS, args![id, tenant.organization_id()]).await?;
        Ok(RoleUses { members, keys })
    }
}

impl Tx {
    /// Refuses a role that is neither of this organization nor of one above.
    pub(crate) async fn refuse_foreign_role(&mut self, at: OrganizationId, id: RoleId) -> StoreResult<()> {
        let found = self.fetch_optional(CAN_GIVE, args![at, id]).await?;
        found.map_or(Err(Error::Missing), |_| Ok(()))
    }

    /// Writes a role of the tenant's organization.
    ///
    /// # Errors
    /// `Taken`.
    pub async fn insert_role(&mut self, tenant: &Tenant, it: &Role) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a role is written by its own tenant");
        let arguments = args![
            it.id,
            it.organization_id,
            it.built_in.map(BuiltIn::as_str),
            it.name,
            it.name.key(),
            it.description,
            json(&it.permissions),
            it.api_access,
            it.version,
            it.created_at,
            it.updated_at,
        ];
        self.execute(INSERT_ROLE, arguments).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Changes a role of the tenant's organization.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`.
    pub async fn update_role(&mut self, tenant: &Tenant, it: &Role, expected_version: u64) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a role is changed by its own tenant");
        assert_newer(it.version, expected_version);
        let arguments = args![
            it.id,
            it.organization_id,
            expected_version,
            it.name,
            it.name.key(),
            it.description,
            json(&it.permissions),
            it.api_access,
            it.version,
            it.updated_at,
        ];
        self.replace(UPDATE_ROLE, arguments, EXISTS).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Deletes a role of the tenant's organization.
    ///
    /// # Errors
    /// `InUse` while a member or a live key has it, `VersionMismatch`, `Missing`.
    pub async fn delete_role(&mut self, tenant: &Tenant, id: RoleId, expected_version: u64) -> StoreResult<()> {
        if self.fetch_optional(IS_IN_USE, args![id, tenant.organization_id()]).await?.is_some() {
            return Err(Error::InUse);
        }
        self.replace(DELETE_ROLE, args![id, tenant.organization_id(), expected_version], EXISTS).await?;
        self.touch(id);
        Ok(())
    }
}
