//! What hangs on a role, as far as a change of it is felt: members, the keys that have it, and the keys that live by such members.

use claviger_core::id::{KeyId, MemberId, OrganizationId, RoleId, UserId};
use claviger_core::name::Name;
use claviger_core::tenant::Tenant;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult};

/// Memberships with a role of this organization: any so many, since putting them in order would mean to read them all.
macro_rules! holders {
    () => {
        "(SELECT m.id, m.user_id, m.organization_id FROM role r JOIN member m ON m.role_id = r.id \
         WHERE r.id = $1 AND r.organization_id = $2 LIMIT $3) found "
    };
}
/// The live keys of these users, where this membership is the one that counts: there is none between it and the key. Between two equal bounds,
/// and how deep they stand as a question of its own: PostgreSQL does not know how few these users are, and would go through all keys
/// there are and all organizations to find theirs.
macro_rules! keys_of_holders {
    ($user:literal) => {
        concat!(
            "SELECT near.id, near.organization_id, near.name FROM (SELECT k.id, k.organization_id, k.name, found.user_id, \
             (SELECT c.depth FROM organization_closure c WHERE c.ancestor_id = found.organization_id \
             AND c.descendant_id = k.organization_id) AS depth FROM ", holders!(),
            "JOIN key k ON k.", $user, " BETWEEN found.user_id AND found.user_id AND k.standing <> 'revoked') near \
             WHERE near.depth IS NOT NULL AND NOT EXISTS (SELECT 1 FROM organization_closure d JOIN member n \
             ON n.organization_id = d.ancestor_id AND n.user_id = near.user_id \
             WHERE d.descendant_id = near.organization_id AND d.depth < near.depth) LIMIT $4"
        )
    };
}

statements! {
    FIND_HOLDERS = concat!(
        "SELECT found.id, found.organization_id, found.user_id, u.name FROM ", holders!(),
        "JOIN \"user\" u ON u.id = found.user_id ORDER BY found.id"
    );
    FIND_KEYS_WITH_ROLE =
        "SELECT k.id, k.organization_id, k.name FROM role r JOIN key k ON k.role_id = r.id \
         WHERE r.id = $1 AND r.organization_id = $2 AND k.standing <> 'revoked' LIMIT $3";
    FIND_KEYS_OWNED = keys_of_holders!("owner_id");
    FIND_KEYS_MAPPED = keys_of_holders!("mapped_user_id");
}

/// A membership with a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The membership.
    pub id: MemberId,
    /// Where it stands.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub name: Name,
}

/// A live key that a role is felt by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedKey {
    /// The key.
    pub id: KeyId,
    /// Where it stands.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: Name,
}

/// By what a key hangs on a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// It has the role itself.
    Role,
    /// Its owner has it: it may be used as long as that allows API access.
    Owner,
    /// Its mapped user has it: it may do what that allows.
    MappedUser,
}

fn holder(it: &mut Columns<'_>) -> Result<Holder, Unreadable> {
    Ok(Holder { id: it.next()?, organization_id: it.next()?, user_id: it.next()?, name: it.next()? })
}

fn touched_key(it: &mut Columns<'_>) -> Result<TouchedKey, Unreadable> {
    Ok(TouchedKey { id: it.next()?, organization_id: it.next()?, name: it.next()? })
}

impl Connection {
    /// Memberships with a role of the tenant's organization, wherever below they stand; any so many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_holders(&mut self, tenant: &Tenant, id: RoleId, most: u32) -> StoreResult<Vec<Holder>> {
        self.list(FIND_HOLDERS, args![id, tenant.organization_id(), i64::from(most)], "member", holder).await
    }

    /// Live keys that hang on a role of the tenant's organization in this way, at most `most`; of as many of its holders.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_touched_keys(
        &mut self,
        tenant: &Tenant,
        id: RoleId,
        tie: Tie,
        most: u32,
    ) -> StoreResult<Vec<TouchedKey>> {
        let most = i64::from(most);
        let (statement, arguments) = match tie {
            Tie::Role => (FIND_KEYS_WITH_ROLE, args![id, tenant.organization_id(), most]),
            Tie::Owner => (FIND_KEYS_OWNED, args![id, tenant.organization_id(), most, most]),
            Tie::MappedUser => (FIND_KEYS_MAPPED, args![id, tenant.organization_id(), most, most]),
        };
        self.list(statement, arguments, "key", touched_key).await
    }
}
