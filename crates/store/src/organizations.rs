//! Organizations and the closure table that answers every question about their tree.

use std::sync::LazyLock;

use claviger_core::id::OrganizationId;
use claviger_core::limits;
use claviger_core::name::ExternalId;
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::tenant::Tenant;

use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, holding, holding_name, padded, row_of, statements};
use crate::statement::assert_newer;
use crate::value::{Argument, args, json};
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult, Tx, Unique};

macro_rules! columns {
    () => {
        "o.id, o.parent_id, o.slug, o.name, o.external_id, o.status, o.policy, o.allowed_ips, o.version, o.created_at, \
         o.updated_at"
    };
}
pub(crate) use columns;

/// The organizations above one that are not above another place.
macro_rules! lost {
    () => {
        " FROM organization_closure lost "
    };
}
macro_rules! is_lost {
    () => {
        "WHERE lost.descendant_id = $1 AND lost.depth > 0 AND NOT EXISTS (SELECT 1 FROM organization_closure a \
         WHERE a.descendant_id = $2 AND a.ancestor_id = lost.ancestor_id) "
    };
}

/// What a filter asks for, in the arguments behind the first.
macro_rules! is_wanted {
    () => {
        "(o.name_key LIKE $2 ESCAPE '\\' OR o.slug LIKE $3 ESCAPE '\\' OR lower(o.external_id) LIKE $3 ESCAPE '\\') \
         AND o.status LIKE $4 "
    };
}

statements! {
    INSERT_ORGANIZATION =
        "INSERT INTO organization (id, parent_id, slug, name, name_key, external_id, status, policy, allowed_ips, version, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    UPDATE_ORGANIZATION =
        "UPDATE organization SET parent_id = $4, slug = $5, name = $6, name_key = $7, external_id = $8, status = $9, \
         policy = $10, allowed_ips = $11, version = $12, updated_at = $13 \
         WHERE id = $1 AND version = $3 AND EXISTS (SELECT 1 FROM organization_closure c \
         WHERE c.ancestor_id = $2 AND c.descendant_id = $1)";
    INSERT_COUNT = "INSERT INTO key_count (organization_id, live) VALUES ($1, 0)";
    INSERT_CLOSURE =
        "INSERT INTO organization_closure (ancestor_id, descendant_id, depth) \
         SELECT c.ancestor_id, $1, c.depth + 1 FROM organization_closure c WHERE c.descendant_id = $2";
    INSERT_CLOSURE_SELF =
        "INSERT INTO organization_closure (ancestor_id, descendant_id, depth) VALUES ($1, $1, 0)";
    /// Cuts a subtree off what stands above it.
    DELETE_CLOSURE_ABOVE =
        "DELETE FROM organization_closure WHERE \
         descendant_id IN (SELECT b.descendant_id FROM organization_closure b WHERE b.ancestor_id = $1) AND \
         ancestor_id IN (SELECT a.ancestor_id FROM organization_closure a WHERE a.descendant_id = $1 AND a.depth > 0)";
    /// Hangs a subtree below another organization.
    INSERT_CLOSURE_ABOVE =
        "INSERT INTO organization_closure (ancestor_id, descendant_id, depth) \
         SELECT a.ancestor_id, b.descendant_id, a.depth + b.depth + 1 \
         FROM organization_closure a, organization_closure b WHERE a.descendant_id = $2 AND b.ancestor_id = $1";
    HAS_BELOW = "SELECT 1 FROM organization_closure WHERE ancestor_id = $1 AND depth > 0 LIMIT 1";
    FIND_DEPTH_ABOVE = "SELECT max(c.depth) FROM organization_closure c WHERE c.descendant_id = $1";
    FIND_DEPTH_BELOW = "SELECT max(c.depth) FROM organization_closure c WHERE c.ancestor_id = $1";
    FIND_MEMBER_LEFT_BEHIND = concat!(
        "SELECT 1", lost!(), "JOIN role r ON r.organization_id = lost.ancestor_id JOIN member m ON m.role_id = r.id \
         JOIN organization_closure b ON b.descendant_id = m.organization_id AND b.ancestor_id = $1 ", is_lost!(), "LIMIT 1"
    );
    FIND_KEY_LEFT_BY_ROLE = concat!(
        "SELECT 1", lost!(), "JOIN role r ON r.organization_id = lost.ancestor_id JOIN key k ON k.role_id = r.id \
         JOIN organization_closure b ON b.descendant_id = k.organization_id AND b.ancestor_id = $1 ", is_lost!(),
        "AND k.standing <> 'revoked' LIMIT 1"
    );
    FIND_KEY_LEFT_BY_API = concat!(
        "SELECT 1", lost!(), "JOIN api p ON p.organization_id = lost.ancestor_id \
         JOIN organization_closure b ON b.ancestor_id = $1 \
         JOIN key k ON k.organization_id = b.descendant_id AND k.api_id = p.id ", is_lost!(), "AND k.standing <> 'revoked' LIMIT 1"
    );
    /// What an organization below holds: live keys, members and organizations directly below, the latter two up to a bound.
    FIND_COUNTS =
        "SELECT n.live, (SELECT count(*) FROM (SELECT 1 FROM member m WHERE m.organization_id = $2 LIMIT 1000) counted), \
         (SELECT count(*) FROM (SELECT 1 FROM organization o WHERE o.parent_id = $2 LIMIT 1000) counted) \
         FROM key_count n WHERE n.organization_id = $2 AND EXISTS (SELECT 1 FROM organization_closure c \
         WHERE c.ancestor_id = $1 AND c.descendant_id = $2)";
    EXISTS =
        "SELECT 1 FROM organization o JOIN organization_closure c ON c.descendant_id = o.id \
         WHERE o.id = $1 AND c.ancestor_id = $2";
    /// One reference finds one organization: nobody's slug is somebody else's external id.
    FIND_NAMESAKE = "SELECT 1 FROM organization o WHERE o.id <> $1 AND (o.external_id = $2 OR o.slug = $3)";
    IS_BELOW = "SELECT 1 FROM organization_closure c WHERE c.ancestor_id = $1 AND c.descendant_id = $2";
    FIND_ORGANIZATION = concat!("SELECT ", columns!(), " FROM organization o WHERE o.id = $1");
    FIND_ORGANIZATION_BELOW = concat!(
        "SELECT ", columns!(), " FROM organization o WHERE o.id = $2 AND EXISTS (SELECT 1 FROM organization_closure c \
         WHERE c.ancestor_id = $1 AND c.descendant_id = o.id)"
    );
    FIND_ORGANIZATION_BY_SLUG = concat!("SELECT ", columns!(), " FROM organization o WHERE o.slug = $1");
    FIND_ORGANIZATION_BY_EXTERNAL_ID = concat!("SELECT ", columns!(), " FROM organization o WHERE o.external_id = $1");
    FIND_PATH = concat!(
        "SELECT ", columns!(), " FROM organization_closure c JOIN organization o ON o.id = c.ancestor_id \
         WHERE c.descendant_id = $1 ORDER BY c.depth"
    );
    PAGE_CHILDREN = concat!(
        "SELECT ", columns!(), ", o.name_key FROM organization o WHERE o.parent_id = $1 AND ", is_wanted!(),
        "AND (o.name_key, o.id) > ($5, $6) ORDER BY o.name_key, o.id LIMIT $7"
    );
    PAGE_SUBTREE = concat!(
        "SELECT ", columns!(), ", o.name_key FROM organization_closure c JOIN organization o ON o.id = c.descendant_id \
         WHERE c.ancestor_id = $1 AND c.depth > 0 AND ", is_wanted!(),
        "AND (o.name_key, o.id) > ($5, $6) ORDER BY o.name_key, o.id LIMIT $7"
    );
    COUNT_CHILDREN = concat!("SELECT count(*) FROM organization o WHERE o.parent_id = $1 AND ", is_wanted!());
    COUNT_SUBTREE = concat!(
        "SELECT count(*) FROM organization_closure c JOIN organization o ON o.id = c.descendant_id \
         WHERE c.ancestor_id = $1 AND c.depth > 0 AND ", is_wanted!()
    );
}

static FIND_ORGANIZATIONS: LazyLock<Bulk> = LazyLock::new(|| {
    let ids = row_of(ROWS_PER_STATEMENT, 0);
    Bulk::new(format!(concat!("SELECT ", columns!(), " FROM organization o WHERE o.id IN {}"), ids))
});

/// What an organization that moves would leave behind although something below it needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBehind {
    /// A role that a member has.
    RoleOfMember,
    /// A role that a live key has.
    RoleOfKey,
    /// The api of a live key.
    ApiOfKey,
}

/// What an organization holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrganizationCounts {
    /// Live keys.
    pub keys: u64,
    /// Members, up to [`COUNTED_MAX`].
    pub members: u64,
    /// Organizations directly below, up to [`COUNTED_MAX`].
    pub children: u64,
}

/// Members and organizations are counted so far and no further: a page must not take longer because there are very many.
pub const COUNTED_MAX: u64 = 1000;

/// Which organizations a list shows.
#[derive(Debug, Clone, Default)]
pub struct OrganizationFilter {
    /// All below the tenant, and not only those directly below.
    pub whole_subtree: bool,
    /// Part of the name, of the slug or of the external id.
    pub search: Option<String>,
    /// Only those that are not suspended themselves.
    pub active_only: bool,
}

impl OrganizationFilter {
    /// The patterns for the name, for slug and external id, and for the status.
    fn patterns(&self) -> (String, String, &'static str) {
        let slug = self.search.as_deref().map_or("%".into(), |it| holding(&it.trim().to_lowercase()));
        let status = if self.active_only { OrganizationStatus::Active.as_str() } else { "%" };
        (holding_name(self.search.as_deref()), slug, status)
    }
}

/// The place of an organization in what [`Connection::page_organizations`] lists: for who shows fewer than those.
pub fn cursor_behind(it: &Organization) -> Cursor {
    Cursor::new(it.name.key().as_str(), it.id)
}

pub(crate) fn organization(it: &mut Columns<'_>) -> Result<Organization, Unreadable> {
    Ok(Organization {
        id: it.next()?,
        parent_id: it.next()?,
        slug: it.next()?,
        name: it.next()?,
        external_id: it.next()?,
        status: it.next()?,
        policy: it.next()?,
        allowed_ips: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    })
}

impl Connection {
    /// Finds the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization(&mut self, tenant: &Tenant) -> StoreResult<Option<Organization>> {
        self.find(FIND_ORGANIZATION, args![tenant.organization_id()], "organization", organization).await
    }

    /// Finds the organizations of several tenants, in no order.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organizations(&mut self, tenants: &[Tenant]) -> StoreResult<Vec<Organization>> {
        let mut found = Vec::new();
        for chunk in tenants.chunks(ROWS_PER_STATEMENT) {
            let arguments = padded(chunk, |it| it.organization_id().value());
            found.extend(self.list_bulk(&FIND_ORGANIZATIONS, arguments, "organization", organization).await?);
        }
        Ok(found)
    }

    /// Finds the tenant's organization or one below it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization_below(
        &mut self,
        tenant: &Tenant,
        id: OrganizationId,
    ) -> StoreResult<Option<Organization>> {
        let arguments = args![tenant.organization_id(), id];
        self.find(FIND_ORGANIZATION_BELOW, arguments, "organization", organization).await
    }

    /// The tenant's organization and those above it, nearest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_path(&mut self, tenant: &Tenant) -> StoreResult<Vec<Organization>> {
        self.list(FIND_PATH, args![tenant.organization_id()], "organization", organization).await
    }

    /// Finds an organization by id, slug or external id, before anybody can be authorized for it. An id is never taken for a slug:
    /// it holds an underscore, which slugs cannot. An external id that looks like another organization's slug or id loses.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization_ref_unchecked(&mut self, reference: &str) -> StoreResult<Option<Organization>> {
        for statement in [FIND_ORGANIZATION, FIND_ORGANIZATION_BY_SLUG, FIND_ORGANIZATION_BY_EXTERNAL_ID] {
            if let Some(found) = self.find(statement, args![reference], "organization", organization).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Finds the organization of an external id, which is unique in the installation, wherever it stands.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization_by_external_id_unchecked(
        &mut self,
        external_id: &ExternalId,
    ) -> StoreResult<Option<Organization>> {
        self.find(FIND_ORGANIZATION_BY_EXTERNAL_ID, args![external_id], "organization", organization).await
    }

    /// Organizations below the tenant's, by name.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_organizations(
        &mut self,
        tenant: &Tenant,
        filter: &OrganizationFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<Organization>> {
        let statement = if filter.whole_subtree { PAGE_SUBTREE } else { PAGE_CHILDREN };
        let (name, slug, status) = filter.patterns();
        let (after_name, after_id) = request.after_text();
        let arguments =
            args![tenant.organization_id(), name, slug, status, after_name, after_id, request.rows_to_read()];
        let with_key = |it: &mut Columns<'_>| Ok((organization(it)?, it.next::<String>()?));
        let rows = self.list(statement, arguments, "organization", with_key).await?;
        Ok(Page::cut(rows, request, |(it, name_key)| Cursor::new(name_key, it.id)).map(|(it, _)| it))
    }

    /// Counts what [`Self::page_organizations`] lists.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_organizations(&mut self, tenant: &Tenant, filter: &OrganizationFilter) -> StoreResult<u64> {
        let statement = if filter.whole_subtree { COUNT_SUBTREE } else { COUNT_CHILDREN };
        let (name, slug, status) = filter.patterns();
        self.number(statement, args![tenant.organization_id(), name, slug, status]).await
    }

    /// Counts what an organization holds that is the tenant's own or below it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_organization_counts(
        &mut self,
        tenant: &Tenant,
        id: OrganizationId,
    ) -> StoreResult<Option<OrganizationCounts>> {
        let counts = |it: &mut Columns<'_>| {
            Ok(OrganizationCounts { keys: it.next()?, members: it.next()?, children: it.next()? })
        };
        self.find(FIND_COUNTS, args![tenant.organization_id(), id], "organization", counts).await
    }

    /// Whether there are organizations below the tenant's.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn has_organizations_below(&mut self, tenant: &Tenant) -> StoreResult<bool> {
        Ok(self.fetch_optional(HAS_BELOW, args![tenant.organization_id()]).await?.is_some())
    }

    /// What members and live keys of the tenant's organization, or of one below, have from an organization that would not be above them any more
    /// below another parent.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_left_behind(
        &mut self,
        tenant: &Tenant,
        parent_id: OrganizationId,
    ) -> StoreResult<Option<LeftBehind>> {
        for (statement, left) in [
            (FIND_KEY_LEFT_BY_API, LeftBehind::ApiOfKey),
            (FIND_KEY_LEFT_BY_ROLE, LeftBehind::RoleOfKey),
            (FIND_MEMBER_LEFT_BEHIND, LeftBehind::RoleOfMember),
        ] {
            if self.fetch_optional(statement, args![tenant.organization_id(), parent_id]).await?.is_some() {
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    /// Whether `below` is `above` or stands below it.
    async fn is_below(&mut self, above: OrganizationId, below: OrganizationId) -> StoreResult<bool> {
        Ok(self.fetch_optional(IS_BELOW, args![above, below]).await?.is_some())
    }
}

impl Tx {
    /// Writes the root of the tree.
    ///
    /// # Errors
    /// `Taken` when there is one.
    pub async fn insert_root_unchecked(&mut self, organization: &Organization) -> StoreResult<()> {
        assert!(organization.parent_id.is_none(), "the root has nothing above it");
        self.insert_organization_row(organization).await
    }

    /// Writes a child of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` (slug, external id), `TreeTooDeep`, `Missing`.
    pub async fn insert_organization(&mut self, tenant: &Tenant, organization: &Organization) -> StoreResult<()> {
        let parent_id = tenant.organization_id();
        assert_eq!(organization.parent_id, Some(parent_id), "a child is written by its parent's tenant");
        let levels = self.number(FIND_DEPTH_ABOVE, args![parent_id]).await? as usize + 1;
        if limits::TREE_LEVELS_MAX <= levels {
            return Err(Error::TreeTooDeep);
        }
        self.insert_organization_row(organization).await?;
        self.execute(INSERT_CLOSURE, args![organization.id, parent_id]).await?;
        Ok(())
    }

    async fn refuse_namesake(&mut self, it: &Organization) -> StoreResult<()> {
        let found = self.fetch_optional(FIND_NAMESAKE, args![it.id, it.slug, it.external_id]).await?;
        found.map_or(Ok(()), |_| Err(Error::Taken(Unique::OrganizationExternalId)))
    }

    async fn insert_organization_row(&mut self, it: &Organization) -> StoreResult<()> {
        self.refuse_namesake(it).await?;
        let arguments = args![
            it.id,
            it.parent_id,
            it.slug,
            it.name,
            it.name.key(),
            it.external_id,
            it.status.as_str(),
            json(&it.policy),
            it.allowed_ips.as_ref().map(json),
            it.version,
            it.created_at,
            it.updated_at,
        ];
        self.execute(INSERT_ORGANIZATION, arguments).await?;
        self.execute(INSERT_CLOSURE_SELF, args![it.id]).await?;
        self.execute(INSERT_COUNT, args![it.id]).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Changes the tenant's organization or one below it. Another parent moves it with all that stands below;
    /// the place it goes to has to be the tenant's organization or below it too.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`, `TreeTooDeep`, `TreeCycle`.
    pub async fn update_organization(
        &mut self,
        tenant: &Tenant,
        it: &Organization,
        expected_version: u64,
    ) -> StoreResult<()> {
        assert_newer(it.version, expected_version);
        let before = self.find_organization_below(tenant, it.id).await?.ok_or(Error::Missing)?;
        if before.version != expected_version {
            return Err(Error::VersionMismatch);
        }
        if before.parent_id != it.parent_id {
            self.move_organization(tenant, it.id, it.parent_id).await?;
        }
        self.refuse_namesake(it).await?;
        let arguments = args![
            it.id,
            tenant.organization_id(),
            expected_version,
            it.parent_id,
            it.slug,
            it.name,
            it.name.key(),
            it.external_id,
            it.status.as_str(),
            json(&it.policy),
            it.allowed_ips.as_ref().map(json),
            it.version,
            it.updated_at,
        ];
        self.replace(UPDATE_ORGANIZATION, arguments, EXISTS).await?;
        self.touch(it.id);
        Ok(())
    }

    async fn move_organization(
        &mut self,
        tenant: &Tenant,
        id: OrganizationId,
        parent_id: Option<OrganizationId>,
    ) -> StoreResult<()> {
        // The root stays the root, and nobody moves what they stand in out of their own reach.
        let parent_id = parent_id.ok_or(Error::TreeCycle)?;
        if id == tenant.organization_id() || !self.is_below(tenant.organization_id(), parent_id).await? {
            return Err(Error::Missing);
        }
        if self.is_below(id, parent_id).await? {
            return Err(Error::TreeCycle);
        }
        let above = self.number(FIND_DEPTH_ABOVE, args![parent_id]).await? as usize + 1;
        let below = self.number(FIND_DEPTH_BELOW, args![id]).await? as usize + 1;
        if limits::TREE_LEVELS_MAX < above + below {
            return Err(Error::TreeTooDeep);
        }
        self.execute(DELETE_CLOSURE_ABOVE, args![id]).await?;
        self.execute(INSERT_CLOSURE_ABOVE, args![id, parent_id]).await?;
        Ok(())
    }
}
