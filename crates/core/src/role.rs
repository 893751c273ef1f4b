//! Roles: named sets of permissions, with the switch that lets their holders have keys.

use crate::id::{OrganizationId, RoleId};
use crate::name::{Description, Name};
use crate::permission::PermissionSet;
use crate::time::Timestamp;

/// The roles that every organization has from the start and that cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltIn {
    /// Everything; its holders always have API access.
    Admin,
    /// Every read and nothing else.
    Readonly,
    /// The own profile, own keys and their webhooks; the host's resources only when granted.
    Member,
}

impl BuiltIn {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Readonly, Self::Member];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Readonly => "readonly",
            Self::Member => "member",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// What the role allows before anybody changes it.
    pub fn permissions(self) -> PermissionSet {
        let texts: &[&str] = match self {
            Self::Admin => &["*:*"],
            Self::Readonly => &["*:read"],
            Self::Member => {
                &["claviger/profile:*", "claviger/own-keys:*", "claviger/own-webhooks:*", "claviger/event-types:read"]
            }
        };
        PermissionSet::parse(texts).expect("the built-in permissions are well formed")
    }
}

/// A role of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its identifier.
    pub id: RoleId,
    /// The organization that defines it; it can be given in that organization and below.
    pub organization_id: OrganizationId,
    /// Which built-in role it is, if one.
    pub built_in: Option<BuiltIn>,
    /// Its name, unique in the organization.
    pub name: Name,
    /// What it is for.
    pub description: Description,
    /// What it allows.
    pub permissions: PermissionSet,
    /// Whether holders other than admins may have and use keys; off in a new organization.
    pub api_access: bool,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Role {
    /// Whether it is the built-in admin role, whose holders have API access whatever the switch says.
    pub fn is_admin(&self) -> bool {
        self.built_in == Some(BuiltIn::Admin)
    }

    /// One of the roles that a new organization has.
    pub fn built_in(id: RoleId, organization_id: OrganizationId, built_in: BuiltIn, now: Timestamp) -> Self {
        Self {
            id,
            organization_id,
            built_in: Some(built_in),
            name: Name::parse(built_in.as_str()).expect("the built-in names are well formed"),
            description: Description::default(),
            permissions: built_in.permissions(),
            api_access: built_in == BuiltIn::Admin,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S0.2, S0.3
    #[test]
    fn only_admins_have_api_access_from_the_start() {
        let role = |it| Role::built_in(RoleId::from_u128(1), OrganizationId::from_u128(1), it, Timestamp::MIN);
        assert!(role(BuiltIn::Admin).api_access && role(BuiltIn::Admin).is_admin());
        assert!(!role(BuiltIn::Member).api_access && !role(BuiltIn::Readonly).api_access);
    }
}
