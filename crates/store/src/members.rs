//! Memberships.

use std::sync::LazyLock;

use claviger_core::id::{MemberId, OrganizationId, UserId};
use claviger_core::member::Member;
use claviger_core::name::Name;
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;
use claviger_core::user::User;

use crate::roles::{role, role_columns};
use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of, statements};
use crate::statement::assert_newer;
use crate::users::{user, user_columns};
use crate::value::{Argument as _, args, json};
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "m.id, m.organization_id, m.user_id, m.role_id, m.extra_permissions, m.version, m.created_at, m.updated_at"
    };
}
pub(crate) use columns as member_columns;

statements! {
    INSERT_MEMBER =
        "INSERT INTO member (id, organization_id, user_id, role_id, extra_permissions, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_MEMBER =
        "UPDATE member SET role_id = $4, extra_permissions = $5, version = $6, updated_at = $7 \
         WHERE id = $1 AND organization_id = $2 AND version = $3";
    DELETE_MEMBER = "DELETE FROM member WHERE id = $1 AND organization_id = $2 AND version = $3";
    EXISTS = "SELECT 1 FROM member WHERE id = $1 AND organization_id = $2";
    FIND_MEMBER = concat!("SELECT ", columns!(), " FROM member m WHERE m.id = $1 AND m.organization_id = $2");
    FIND_ACTIVE_ADMINS =
        "SELECT m.user_id FROM organization_closure c JOIN role r ON r.organization_id = c.ancestor_id \
         JOIN member m ON m.role_id = r.id JOIN \"user\" u ON u.id = m.user_id \
         WHERE c.descendant_id = $1 AND r.built_in = 'admin' AND m.organization_id = $1 AND u.status = 'active' LIMIT $2";
    FIND_MEMBER_OF_USER = concat!("SELECT ", columns!(), " FROM member m WHERE m.user_id = $1 AND m.organization_id = $2");
    /// A role can be given where its organization is, and below: the last column says whether this one can here.
    FIND_STANDING = concat!(
        "SELECT ", columns!(), ", ", role_columns!(), ", (SELECT count(*) FROM organization_closure v \
         WHERE v.ancestor_id = r.organization_id AND v.descendant_id = $2) \
         FROM member m JOIN organization_closure c ON c.ancestor_id = m.organization_id JOIN role r ON r.id = m.role_id \
         WHERE m.user_id = $1 AND c.descendant_id = $2 ORDER BY c.depth LIMIT 1"
    );
    FIND_PLACES_BELOW =
        "SELECT m.organization_id FROM member m JOIN organization_closure c ON c.descendant_id = m.organization_id \
         WHERE m.user_id = $2 AND c.ancestor_id = $1 AND c.depth > 0 ORDER BY m.organization_id LIMIT $3";
    PAGE_MEMBERS = concat!(
        "SELECT ", columns!(), ", ", user_columns!(), ", r.name, u.name_key FROM member m \
         JOIN \"user\" u ON u.id = m.user_id JOIN role r ON r.id = m.role_id \
         WHERE m.organization_id = $1 AND (u.name_key, m.id) > ($2, $3) ORDER BY u.name_key, m.id LIMIT $4"
    );
}

/// The first of each organization by name.
static FIND_FIRST_USERS: LazyLock<Bulk> = LazyLock::new(|| {
    let (places, each) = (row_of(ROWS_PER_STATEMENT, 0), ROWS_PER_STATEMENT + 1);
    Bulk::new(format!(
        "SELECT found.id, found.name FROM (SELECT u.id, u.name, \
         row_number() OVER (PARTITION BY m.organization_id ORDER BY u.name_key, m.id) AS place \
         FROM member m JOIN \"user\" u ON u.id = m.user_id WHERE m.organization_id IN {places}) found \
         WHERE found.place <= ${each}"
    ))
});

/// The statement that is put together here, by name.
pub(crate) fn built_statements() -> [(String, String); 1] {
    [("FIND_FIRST_USERS".to_owned(), FIND_FIRST_USERS.portable.clone())]
}

/// A membership as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The membership.
    pub member: Member,
    /// Who.
    pub user: User,
    /// The name of the role.
    pub role_name: Name,
}

pub(crate) fn member(it: &mut Columns<'_>) -> Result<Member, Unreadable> {
    Ok(Member {
        id: it.next()?,
        organization_id: it.next()?,
        user_id: it.next()?,
        role_id: it.next()?,
        extra_permissions: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    })
}

impl Connection {
    /// Finds a membership of the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_member(&mut self, tenant: &Tenant, id: MemberId) -> StoreResult<Option<Member>> {
        self.find(FIND_MEMBER, args![id, tenant.organization_id()], "member", member).await
    }

    /// Finds a user's membership of exactly the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_member_of_user(&mut self, tenant: &Tenant, user_id: UserId) -> StoreResult<Option<Member>> {
        self.find(FIND_MEMBER_OF_USER, args![user_id, tenant.organization_id()], "member", member).await
    }

    /// Users who are not disabled and have a built-in admin role by a membership in the tenant's organization; at most so many, in no order.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_active_admins(&mut self, tenant: &Tenant, at_most: u32) -> StoreResult<Vec<UserId>> {
        let arguments = args![tenant.organization_id(), i64::from(at_most)];
        self.list(FIND_ACTIVE_ADMINS, arguments, "member", |it| it.next()).await
    }

    /// Finds the membership that counts in the tenant's organization, there or the nearest one above, with its role.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_standing(&mut self, tenant: &Tenant, user_id: UserId) -> StoreResult<Option<(Member, Role)>> {
        let read = |it: &mut Columns<'_>| Ok((member(it)?, role(it)?, it.next::<u64>()?));
        let found = self.find(FIND_STANDING, args![user_id, tenant.organization_id()], "member", read).await?;
        Ok(found.filter(|(_, _, given_here)| 0 < *given_here).map(|(member, role, _)| (member, role)))
    }

    /// The organizations below the tenant's in which a user has a membership of their own, at most so many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_places_below(
        &mut self,
        tenant: &Tenant,
        user_id: UserId,
        limit: usize,
    ) -> StoreResult<Vec<OrganizationId>> {
        let arguments = args![tenant.organization_id(), user_id, limit as i64];
        self.list(FIND_PLACES_BELOW, arguments, "member", |it| it.next()).await
    }

    /// Memberships of the tenant's organization, by the users' names.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_members(&mut self, tenant: &Tenant, request: &PageRequest) -> StoreResult<Page<MemberRow>> {
        let (after_name, after_id) = request.after_text();
        let arguments = args![tenant.organization_id(), after_name, after_id, request.rows_to_read()];
        let row = |it: &mut Columns<'_>| {
            let row = MemberRow { member: member(it)?, user: user(it)?, role_name: it.next()? };
            Ok((row, it.next::<String>()?))
        };
        let rows = self.list(PAGE_MEMBERS, arguments, "member", row).await?;
        Ok(Page::cut(rows, request, |(it, name_key)| Cursor::new(name_key, it.member.id)).map(|(it, _)| it))
    }

    /// The users who are members of the tenants' organizations, so many of each, the first by name; in no order, and one of several more than once.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_first_users(&mut self, tenants: &[Tenant], of_each: u32) -> StoreResult<Vec<(UserId, Name)>> {
        let mut found = Vec::new();
        for chunk in tenants.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = padded(chunk, |it| it.organization_id().value());
            arguments.extend(args![u64::from(of_each)]);
            let named = |it: &mut Columns<'_>| Ok((it.next()?, it.next()?));
            found.extend(self.list_bulk(&FIND_FIRST_USERS, arguments, "user", named).await?);
        }
        Ok(found)
    }
}

impl Tx {
    /// Makes a user a member of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` when the user is one; `Missing` when the role is not one of the organization's or of those above.
    pub async fn insert_member(&mut self, tenant: &Tenant, it: &Member) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a membership is written by its own tenant");
        self.refuse_foreign_role(it.organization_id, it.role_id).await?;
        let arguments = args![
            it.id,
            it.organization_id,
            it.user_id,
            it.role_id,
            json(&it.extra_permissions),
            it.version,
            it.created_at,
            it.updated_at,
        ];
        self.execute(INSERT_MEMBER, arguments).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Changes a membership.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, also when the role is not one of the organization's or of those above.
    pub async fn update_member(&mut self, tenant: &Tenant, it: &Member, expected_version: u64) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a membership is changed by its own tenant");
        assert_newer(it.version, expected_version);
        self.refuse_foreign_role(it.organization_id, it.role_id).await?;
        let arguments = args![
            it.id,
            it.organization_id,
            expected_version,
            it.role_id,
            json(&it.extra_permissions),
            it.version,
            it.updated_at,
        ];
        self.replace(UPDATE_MEMBER, arguments, EXISTS).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`.
    pub async fn delete_member(&mut self, tenant: &Tenant, id: MemberId, expected_version: u64) -> StoreResult<()> {
        self.replace(DELETE_MEMBER, args![id, tenant.organization_id(), expected_version], EXISTS).await?;
        self.touch(id);
        Ok(())
    }
}
