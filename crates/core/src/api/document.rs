//! What a host says of a version of its api: the OpenAPI document, and guides.

use crate::api::VersionSlug;
use crate::id::{ApiId, OrganizationId};
use crate::name::{Name, Slug};
use crate::time::Timestamp;

/// A document without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentHead {
    /// Of which api.
    pub api_id: ApiId,
    /// The organization that defines that.
    pub organization_id: OrganizationId,
    /// Of which version.
    pub api_version: VersionSlug,
    /// The part of a guide's address; absent for the OpenAPI document.
    pub guide: Option<Slug>,
    /// What it is called.
    pub title: Name,
    /// Where a guide stands among the others: the least comes first, and of equals the first by address.
    pub position: u16,
    /// Bytes of its text.
    pub bytes: u64,
    /// Counts its changes.
    pub version: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiDocument {
    /// What is said of it.
    pub head: DocumentHead,
    /// Its text: JSON, or Markdown.
    pub body: String,
}
