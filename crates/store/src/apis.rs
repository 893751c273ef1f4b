//! Apis.

use claviger_core::api::Api;
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::statement::assert_newer;
use crate::value::{args, json};
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "a.id, a.organization_id, a.slug, a.name, a.prefix, a.key_locations, a.versions, a.one_key_per_user, a.expiry_days_default, \
         a.version, a.created_at, a.updated_at"
    };
}

/// Apis that serve an organization: its own, and those of the ones above.
macro_rules! visible {
    () => {
        " FROM api a JOIN organization_closure c ON c.ancestor_id = a.organization_id WHERE c.descendant_id = $1 AND a.deleted_at IS NULL "
    };
}

statements! {
    INSERT_API =
        "INSERT INTO api (id, organization_id, slug, name, prefix, key_locations, versions, one_key_per_user, expiry_days_default, \
         version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    UPDATE_API =
        "UPDATE api SET slug = $4, name = $5, prefix = $6, version = $7, updated_at = $8, key_locations = $9, versions = $10, \
         expiry_days_default = $11 \
         WHERE id = $1 AND organization_id = $2 AND version = $3 AND deleted_at IS NULL";
    DELETE_API =
        "UPDATE api SET version = version + 1, deleted_at = $4 \
         WHERE id = $1 AND organization_id = $2 AND version = $3 AND deleted_at IS NULL";
    EXISTS = "SELECT 1 FROM api WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL";
    /// By the index that has just these: there may be far more organizations below than keys. Between two equal bounds, and whether they are
    /// below as a question of its own: PostgreSQL does not know how few they are, and would ask all organizations instead.
    COUNT_KEYS_OF_API =
        "SELECT count(*) FROM (SELECT 1 AS one FROM key k WHERE k.api_id BETWEEN $2 AND $2 AND k.standing <> 'revoked' AND \
         (SELECT c.depth FROM organization_closure c WHERE c.ancestor_id = $1 AND c.descendant_id = k.organization_id) IS NOT NULL \
         LIMIT $3) found";
    /// An api serves the organization that defines it and those below.
    SERVES = concat!("SELECT 1", visible!(), "AND a.id = $2");
    FIND_API = concat!("SELECT ", columns!(), visible!(), "AND a.id = $2");
    FIND_API_BY_SLUG = concat!("SELECT ", columns!(), visible!(), "AND a.slug = $2");
    PAGE_APIS = concat!("SELECT ", columns!(), visible!(), "AND (a.slug, a.id) > ($2, $3) ORDER BY a.slug, a.id LIMIT $4");
    COUNT_APIS = "SELECT count(*) FROM api WHERE organization_id = $1 AND deleted_at IS NULL";
    FIND_APIS = concat!("SELECT ", columns!(), visible!(), "ORDER BY a.slug LIMIT 1000");
    FIND_ROOT_APIS = concat!(
        "SELECT ", columns!(), " FROM api a JOIN organization o ON o.id = a.organization_id \
         WHERE o.parent_id IS NULL AND a.deleted_at IS NULL ORDER BY a.slug LIMIT 1000"
    );
}

fn api(it: &mut Columns<'_>) -> Result<Api, Unreadable> {
    Ok(Api {
        id: it.next()?,
        organization_id: it.next()?,
        slug: it.next()?,
        name: it.next()?,
        prefix: it.next()?,
        key_locations: it.next()?,
        versions: it.next()?,
        one_key_per_user: it.next()?,
        expiry_days_default: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    })
}

impl Connection {
    /// Finds an api that serves the tenant's organization: its own, or of one above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_api(&mut self, tenant: &Tenant, id: ApiId) -> StoreResult<Option<Api>> {
        let api = self.find(FIND_API, args![tenant.organization_id(), id], "api", api).await?;
        self.serving.extend(api.as_ref().map(|it| (tenant.organization_id(), it.id)));
        Ok(api)
    }

    /// Finds an api that serves the tenant's organization by its slug.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_api_by_slug(&mut self, tenant: &Tenant, slug: &str) -> StoreResult<Option<Api>> {
        let api = self.find(FIND_API_BY_SLUG, args![tenant.organization_id(), slug], "api", api).await?;
        self.serving.extend(api.as_ref().map(|it| (tenant.organization_id(), it.id)));
        Ok(api)
    }

    /// All apis that serve the tenant's organization, by slug, at most 1,000.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_apis(&mut self, tenant: &Tenant) -> StoreResult<Vec<Api>> {
        self.list(FIND_APIS, args![tenant.organization_id()], "api", api).await
    }

    /// The apis of the root by slug, at most 1,000: they serve every organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_root_apis_unchecked(&mut self) -> StoreResult<Vec<Api>> {
        self.list(FIND_ROOT_APIS, args![], "api", api).await
    }

    /// A page of the apis that serve the tenant's organization, by slug.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_apis(&mut self, tenant: &Tenant, request: &PageRequest) -> StoreResult<Page<Api>> {
        let (slug, id) = request.after_text();
        let arguments = args![tenant.organization_id(), slug, id, request.rows_to_read()];
        let rows = self.list(PAGE_APIS, arguments, "api", api).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new(&it.slug, it.id)))
    }

    /// How many apis the tenant's organization defines itself.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_apis(&mut self, tenant: &Tenant) -> StoreResult<u64> {
        self.number(COUNT_APIS, args![tenant.organization_id()]).await
    }

    /// How many live keys an api has in the tenant's organization and below, counted up to `most`.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_keys_of_api(&mut self, tenant: &Tenant, id: ApiId, most: u32) -> StoreResult<u64> {
        self.number(COUNT_KEYS_OF_API, args![tenant.organization_id(), id, i64::from(most)]).await
    }
}

impl Tx {
    /// Refuses an api that does not serve this organization.
    pub(crate) async fn refuse_foreign_api(&mut self, at: OrganizationId, id: ApiId) -> StoreResult<()> {
        if self.serving.contains(&(at, id)) {
            return Ok(());
        }
        let found = self.fetch_optional(SERVES, args![at, id]).await?;
        found.map_or(Err(Error::Missing), |_| Ok(()))
    }

    /// Writes an api of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` (slug, prefix).
    pub async fn insert_api(&mut self, tenant: &Tenant, it: &Api) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "an api is written by its own tenant");
        let arguments = args![
            it.id,
            it.organization_id,
            it.slug,
            it.name,
            it.prefix,
            json(&it.key_locations),
            json(&it.versions),
            it.one_key_per_user,
            it.expiry_days_default.map(i64::from),
            it.version,
            it.created_at,
            it.updated_at,
        ];
        self.execute(INSERT_API, arguments).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Changes an api of the tenant's organization.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`.
    pub async fn update_api(&mut self, tenant: &Tenant, it: &Api, expected_version: u64) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "an api is changed by its own tenant");
        assert_newer(it.version, expected_version);
        let arguments = args![
            it.id,
            it.organization_id,
            expected_version,
            it.slug,
            it.name,
            it.prefix,
            it.version,
            it.updated_at,
            json(&it.key_locations),
            json(&it.versions),
            it.expiry_days_default.map(i64::from),
        ];
        self.replace(UPDATE_API, arguments, EXISTS).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Deletes an api of the tenant's organization. Whether live keys have it is asked before, by [`Connection::count_keys_of_api`].
    ///
    /// # Errors
    /// `InUse` while a live key has it, `VersionMismatch`, `Missing`.
    pub async fn delete_api(
        &mut self,
        tenant: &Tenant,
        id: ApiId,
        expected_version: u64,
        now: Timestamp,
    ) -> StoreResult<()> {
        if self.count_keys_of_api(tenant, id, 1).await? > 0 {
            return Err(Error::InUse);
        }
        self.replace(DELETE_API, args![id, tenant.organization_id(), expected_version, now], EXISTS).await?;
        self.delete_documents_of(tenant, id).await?;
        self.touch(id);
        Ok(())
    }
}
