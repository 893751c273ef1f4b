//! Organizations: the nodes of the one tree.

use crate::id::OrganizationId;
use crate::name::{ExternalId, Name, Slug};
use crate::network::IpAllowList;
use crate::policy::OwnPolicy;
use crate::time::Timestamp;

/// Whether an organization's keys are good at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrganizationStatus {
    /// They are.
    Active,
    /// They are not, nor are those of any organization below it.
    Suspended,
}

impl OrganizationStatus {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|it| it.as_str() == text)
    }
}

/// A node of the tree: operator, agency, location and customer are positions in it, not kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its identifier.
    pub id: OrganizationId,
    /// The node above; only the root has none.
    pub parent_id: Option<OrganizationId>,
    /// The wire's `shortname`, unique in the installation.
    pub slug: Slug,
    /// What people call it.
    pub name: Name,
    /// The host's own identifier, unique in the installation.
    pub external_id: Option<ExternalId>,
    /// Whether its keys are good at all.
    pub status: OrganizationStatus,
    /// What it sets itself.
    pub policy: OwnPolicy,
    /// Where its keys may be used from; absent means anywhere.
    pub allowed_ips: Option<IpAllowList>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
