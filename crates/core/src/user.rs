//! Users: persons and service users.

use crate::id::{OrganizationId, UserId};
use crate::name::{Email, ExternalId, Name};
use crate::time::Timestamp;

/// Whether keys mapped to a user are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserStatus {
    /// They are.
    Active,
    /// They are not, and the user cannot sign in.
    Disabled,
}

impl UserStatus {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|it| it.as_str() == text)
    }
}

/// A person who may sign in, or a service user that only acts through keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its identifier.
    pub id: UserId,
    /// The organization that manages the user; memberships may stand elsewhere too.
    pub organization_id: OrganizationId,
    /// What people call the user, and what stands beside the user's actions.
    pub name: Name,
    /// The sign-in name; a service user has none.
    pub email: Option<Email>,
    /// The host's own identifier, unique in the managing organization.
    pub external_id: Option<ExternalId>,
    /// Whether it is a service user.
    pub service: bool,
    /// Whether keys mapped to the user are good.
    pub status: UserStatus,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
