//! What a key hangs on besides itself: all that can refuse its requests though it is good.

use crate::decision::Reach;
use crate::id::{OrganizationId, RoleId, UserId};
use crate::key::Key;

/// What a key hangs on. Keys that hang on the same are refused for it alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hanging {
    /// The organization that it stands in.
    pub organization_id: OrganizationId,
    /// See [`Key::role_id`].
    pub role_id: Option<RoleId>,
    /// See [`Key::owner_id`].
    pub owner_id: Option<UserId>,
    /// See [`Key::mapped_user_id`].
    pub mapped_user_id: Option<UserId>,
    /// See [`Key::reach`].
    pub reach: Reach,
}

impl From<&Key> for Hanging {
    fn from(key: &Key) -> Self {
        Self {
            organization_id: key.organization_id,
            role_id: key.role_id,
            owner_id: key.owner_id,
            mapped_user_id: key.mapped_user_id,
            reach: key.reach,
        }
    }
}
