//! Apis.

use claviger_core::api::Api;
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::tenant::Tenant;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::statement::assert_newer;
use crate::value::args;
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "a.id, a.organization_id, a.slug, a.name, a.prefix, a.version, a.created_at, a.updated_at"
    };
}

/// Apis that serve an organization: its own, and those of the ones above.
macro_rules! visible {
    () => {
        " FROM api a JOIN organization_closure c ON c.ancestor_id = a.organization_id WHERE c.descendant_id = $1 "
    };
}

statements! {
    INSERT_API =
        "INSERT INTO api (id, organization_id, slug, name, prefix, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_API =
        "UPDATE api SET slug = $4, name = $5, prefix = $6, version = $7, updated_at = $8 \
         WHERE id = $1 AND organization_id = $2 AND version = $3";
    EXISTS = "SELECT 1 FROM api WHERE id = $1 AND organization_id = $2";
    /// An api serves the organization that defines it and those below.
    SERVES = concat!("SELECT 1", visible!(), "AND a.id = $2");
    FIND_API = concat!("SELECT ", columns!(), visible!(), "AND a.id = $2");
    FIND_API_BY_SLUG = concat!("SELECT ", columns!(), visible!(), "AND a.slug = $2");
    PAGE_APIS = concat!("SELECT ", columns!(), visible!(), "AND (a.slug, a.id) > ($2, $3) ORDER BY a.slug, a.id LIMIT $4");
    COUNT_APIS = "SELECT count(*) FROM api WHERE organization_id = $1";
    FIND_APIS = concat!("SELECT ", columns!(), visible!(), "ORDER BY a.slug LIMIT 1000");
}

fn api(it: &mut Columns<'_>) -> Result<Api, Unreadable> {
    Ok(Api {
        id: it.next()?,
        organization_id: it.next()?,
        slug: it.next()?,
        name: it.next()?,
        prefix: it.next()?,
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
        self.find(FIND_API, args![tenant.organization_id(), id], "api", api).await
    }

    /// Finds an api that serves the tenant's organization by its slug.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_api_by_slug(&mut self, tenant: &Tenant, slug: &str) -> StoreResult<Option<Api>> {
        self.find(FIND_API_BY_SLUG, args![tenant.organization_id(), slug], "api", api).await
    }

    /// All apis that serve the tenant's organization, by slug, at most 1,000.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_apis(&mut self, tenant: &Tenant) -> StoreResult<Vec<Api>> {
        self.list(FIND_APIS, args![tenant.organization_id()], "api", api).await
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
}

impl Tx {
    /// Refuses an api that does not serve this organization.
    pub(crate) async fn refuse_foreign_api(&mut self, at: OrganizationId, id: ApiId) -> StoreResult<()> {
        let found = self.fetch_optional(SERVES, args![at, id]).await?;
        found.map_or(Err(Error::Missing), |_| Ok(()))
    }

    /// Writes an api of the tenant's organization.
    ///
    /// # Errors
    /// `Taken` (slug, prefix).
    pub async fn insert_api(&mut self, tenant: &Tenant, it: &Api) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "an api is written by its own tenant");
        let arguments =
            args![it.id, it.organization_id, it.slug, it.name, it.prefix, it.version, it.created_at, it.updated_at];
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
        let arguments =
            args![it.id, it.organization_id, expected_version, it.slug, it.name, it.prefix, it.version, it.updated_at];
        self.replace(UPDATE_API, arguments, EXISTS).await?;
        self.touch(it.id);
        Ok(())
    }
}
