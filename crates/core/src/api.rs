//! Apis: the resource servers whose keys are checked.

mod deprecation;
mod document;
mod locations;
mod openapi;
mod version;

use std::time::Duration;

use crate::id::{ApiId, OrganizationId};
use crate::name::{KeyPrefix, Name, Slug};
use crate::time::Timestamp;

pub use deprecation::deprecation_fields;
pub use document::{ApiDocument, DocumentHead};
pub use locations::{KeyLocation, KeyLocationError, KeyLocations};
pub use openapi::{Answer, Body, FROM_YAML, Field, OpenapiError, Operation, Parameter, Reference, Server};
pub use version::{ApiVersion, ApiVersionStatus, DocsUrl, DocsUrlError, VersionSlug, VersionSlugError};

/// The slug of the api that every organization's keys belong to unless something else is said.
pub const DEFAULT_API: &str = "default";
/// The slug of the built-in api for bulk loading, whose keys stand apart: one for each user, and for a year unless something else is set.
pub const DATA_LOADER_API: &str = "data-loader";

const DAY: Duration = Duration::from_secs(86_400);

/// A resource server. Defined at one organization, it serves that organization's subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its identifier.
    pub id: ApiId,
    /// The organization that defines it; the built-in ones stand at the root.
    pub organization_id: OrganizationId,
    /// The name on the wire, unique in the installation.
    pub slug: Slug,
    /// What people call it.
    pub name: Name,
    /// What its keys begin with, unique in the installation.
    pub prefix: KeyPrefix,
    /// Where gateways look for its keys.
    pub key_locations: KeyLocations,
    /// Its versions, as its developers are shown them.
    pub versions: Vec<ApiVersion>,
    /// Whether its keys are made one for each user: a live one is mapped to somebody, and to nobody who has another. Fixed when it is made.
    pub one_key_per_user: bool,
    /// How many days a key lives for which nothing is said; absent is for ever.
    pub expiry_days_default: Option<u16>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Api {
    /// Whether it came with the installation. Such a one stays.
    pub fn is_built_in(&self) -> bool {
        [DEFAULT_API, DATA_LOADER_API].contains(&self.slug.as_str())
    }

    /// When a key that is made now ends if nothing is said; absent is never.
    pub fn expiry_default(&self, now: Timestamp) -> Option<Timestamp> {
        self.expiry_days_default.map(|days| now.saturating_add(DAY * u32::from(days)))
    }
}
