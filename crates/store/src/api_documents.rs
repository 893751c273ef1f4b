//! What hosts say of their own apis: OpenAPI documents and guides. What stands at the root of the tree is shown to everybody at `/docs`.

use claviger_core::api::{Api, ApiDocument, DocumentHead, VersionSlug};
use claviger_core::id::ApiId;
use claviger_core::name::Slug;
use claviger_core::tenant::Tenant;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, Error, StoreResult, Tx};

macro_rules! head {
    () => {
        "SELECT d.api_id, d.organization_id, d.api_version, d.guide, d.title, d.position, d.bytes, d.version, d.updated_at"
    };
}

macro_rules! visible {
    () => {
        " FROM api_document d JOIN organization_closure c ON c.ancestor_id = d.organization_id WHERE c.descendant_id = $1 AND d.api_id = $2"
    };
}

/// Of apis of the root, which serve everybody.
macro_rules! published {
    () => {
        " FROM api_document d JOIN api a ON a.id = d.api_id JOIN organization o ON o.id = d.organization_id \
         WHERE o.parent_id IS NULL AND a.deleted_at IS NULL"
    };
}

statements! {
    PUT_DOCUMENT =
        "INSERT INTO api_document (api_id, api_version, guide, organization_id, title, position, body, bytes, version, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (api_id, api_version, guide) DO UPDATE SET title = excluded.title, position = excluded.position, \
         body = excluded.body, bytes = excluded.bytes, version = excluded.version, updated_at = excluded.updated_at";
    IS_OWN = "SELECT 1 FROM api WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL";
    DELETE_DOCUMENT =
        "DELETE FROM api_document WHERE api_id = $1 AND organization_id = $2 AND api_version = $3 AND guide = $4";
    DELETE_OF_VERSION = "DELETE FROM api_document WHERE api_id = $1 AND organization_id = $2 AND api_version = $3";
    DELETE_OF_API = "DELETE FROM api_document WHERE api_id = $1 AND organization_id = $2";
    FIND_DOCUMENTS = concat!(head!(), visible!(), " ORDER BY d.api_version, d.position, d.guide LIMIT 10000");
    FIND_DOCUMENT = concat!(head!(), ", d.body", visible!(), " AND d.api_version = $3 AND d.guide = $4");
    COUNT_BYTES = "SELECT CAST(coalesce(sum(d.bytes), 0) AS bigint) FROM api_document d WHERE d.organization_id = $1";
    FIND_PUBLISHED = concat!(head!(), published!(), " ORDER BY d.api_id, d.api_version, d.position, d.guide LIMIT 10000");
    FIND_PUBLISHED_BODY =
        concat!(head!(), ", d.body", published!(), " AND d.api_id = $1 AND d.api_version = $2 AND d.guide = $3");
}

fn head(it: &mut Columns<'_>) -> Result<DocumentHead, Unreadable> {
    let (api_id, organization_id, api_version) = (it.next()?, it.next()?, it.next()?);
    let guide: String = it.next()?;
    let guide = match guide.as_str() {
        OPENAPI => None,
        guide => Some(Slug::parse(guide).map_err(|error| Unreadable(error.to_string()))?),
    };
    Ok(DocumentHead {
        api_id,
        organization_id,
        api_version,
        guide,
        title: it.next()?,
        position: it.next()?,
        bytes: it.next()?,
        version: it.next()?,
        updated_at: it.next()?,
    })
}

fn document(it: &mut Columns<'_>) -> Result<ApiDocument, Unreadable> {
    Ok(ApiDocument { head: head(it)?, body: it.next()? })
}

/// What stands in the column of the guide for the OpenAPI document: no guide can be called so.
const OPENAPI: &str = "";

fn guide_text(guide: Option<&Slug>) -> &str {
    guide.map_or(OPENAPI, Slug::as_str)
}

impl Connection {
    /// What is said of an api that serves the tenant's organization: by version, and in the order of the guides.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_documents(&mut self, tenant: &Tenant, api_id: ApiId) -> StoreResult<Vec<DocumentHead>> {
        self.list(FIND_DOCUMENTS, args![tenant.organization_id(), api_id], "api_document", head).await
    }

    /// One guide to a version of an api that serves the tenant's organization, or the OpenAPI document.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_document(
        &mut self,
        tenant: &Tenant,
        api_id: ApiId,
        api_version: &VersionSlug,
        guide: Option<&Slug>,
    ) -> StoreResult<Option<ApiDocument>> {
        let arguments = args![tenant.organization_id(), api_id, api_version, guide_text(guide)];
        self.find(FIND_DOCUMENT, arguments, "api_document", document).await
    }

    /// Bytes of all that the tenant's organization says of its apis.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_document_bytes(&mut self, tenant: &Tenant) -> StoreResult<u64> {
        self.number(COUNT_BYTES, args![tenant.organization_id()]).await
    }

    /// The apis of the root by slug, and what is said of them: everybody may read it, also who is not signed in.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_published_unchecked(&mut self) -> StoreResult<(Vec<Api>, Vec<DocumentHead>)> {
        let documents = self.list(FIND_PUBLISHED, args![], "api_document", head).await?;
        // Mostly there are none, and then nobody asks what would be said.
        let apis = if documents.is_empty() { Vec::new() } else { self.find_root_apis_unchecked().await? };
        Ok((apis, documents))
    }

    /// One of the documents that everybody may read.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_published_document_unchecked(&mut self, head: &DocumentHead) -> StoreResult<Option<ApiDocument>> {
        let arguments = args![head.api_id, head.api_version, guide_text(head.guide.as_ref())];
        self.find(FIND_PUBLISHED_BODY, arguments, "api_document", document).await
    }
}

impl Tx {
    /// Writes what is said of an api of the tenant's organization, in the place of what was said there before.
    ///
    /// # Errors
    /// `Missing` where the api is not the tenant's own.
    pub async fn put_document(&mut self, tenant: &Tenant, it: &ApiDocument) -> StoreResult<()> {
        let head = &it.head;
        assert_eq!(head.organization_id, tenant.organization_id(), "a document is written by its own tenant");
        if self.fetch_optional(IS_OWN, args![head.api_id, tenant.organization_id()]).await?.is_none() {
            return Err(Error::Missing);
        }
        let place = args![head.api_id, head.api_version, guide_text(head.guide.as_ref()), tenant.organization_id()];
        let what = args![head.title, i64::from(head.position), it.body, head.bytes, head.version, head.updated_at];
        self.execute(PUT_DOCUMENT, [place, what].concat()).await.map(drop)
    }

    /// Takes away a guide of the tenant's, or an OpenAPI document.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn delete_document(&mut self, tenant: &Tenant, it: &DocumentHead) -> StoreResult<()> {
        let guide = guide_text(it.guide.as_ref());
        self.change(DELETE_DOCUMENT, args![it.api_id, tenant.organization_id(), it.api_version, guide]).await
    }

    /// Takes away all that the tenant says of a version, and says how much that was.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn delete_documents(
        &mut self,
        tenant: &Tenant,
        api_id: ApiId,
        api_version: &VersionSlug,
    ) -> StoreResult<u64> {
        self.execute(DELETE_OF_VERSION, args![api_id, tenant.organization_id(), api_version]).await
    }

    /// The same of a whole api, which ends.
    pub(crate) async fn delete_documents_of(&mut self, tenant: &Tenant, api_id: ApiId) -> StoreResult<()> {
        self.execute(DELETE_OF_API, args![api_id, tenant.organization_id()]).await.map(drop)
    }
}
