//! Live keys that a policy would not allow any more: how many, and which come first.

use claviger_core::id::{KeyId, UserId};
use claviger_core::name::Name;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::{Argument, Value, args};
use crate::{Connection, StoreResult};

/// What a policy can ask of a key that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// It has no end.
    Endless,
    /// It ends later than this.
    EndsAfter(Timestamp),
    /// Its owner has so many older ones, personal keys aside.
    Beyond(u32),
    /// It has not been used since then, nor made.
    IdleSince(Timestamp),
}

/// The oldest live keys of an organization, as many as may be looked through.
macro_rules! live {
    ($columns:literal) => {
        concat!(
            "(SELECT ",
            $columns,
            " FROM key k WHERE k.organization_id = $1 AND k.standing <> 'revoked' ORDER BY k.id LIMIT $4) k "
        )
    };
}
macro_rules! named {
    ($where:literal) => {
        concat!(
            "SELECT k.id, k.name, k.owner_id, k.expires_at FROM ",
            live!("k.id, k.name, k.owner_id, k.expires_at, k.created_at"),
            $where,
            "ORDER BY k.id LIMIT $3"
        )
    };
}
/// How many break it, up to a bound, and how many were looked through: always all that may be, so that the two can be told apart.
macro_rules! counted {
    ($where:literal) => {
        concat!(
            "SELECT (SELECT count(*) FROM (SELECT 1 AS one FROM ",
            live!("k.id, k.expires_at, k.created_at"),
            $where,
            "LIMIT $3) found), (SELECT count(*) FROM ",
            live!("k.id"),
            ")"
        )
    };
}
/// Of each owner the keys that come after the first so many.
macro_rules! beyond {
    () => {
        concat!(
            "(SELECT k.id, k.name, k.owner_id, k.expires_at, \
             row_number() OVER (PARTITION BY k.owner_id ORDER BY k.id) AS place FROM ",
            live!("k.id, k.name, k.owner_id, k.expires_at, k.personal, k.sole"),
            "WHERE k.owner_id IS NOT NULL AND NOT k.personal AND NOT k.sole) ranked WHERE ranked.place > $2 "
        )
    };
}

statements! {
    FIND_ENDLESS = named!("WHERE k.expires_at IS NULL AND $2 <= k.created_at ");
    COUNT_ENDLESS = counted!("WHERE k.expires_at IS NULL AND $2 <= k.created_at ");
    FIND_ENDING_AFTER = named!("WHERE k.expires_at IS NOT NULL AND k.expires_at > $2 ");
    COUNT_ENDING_AFTER = counted!("WHERE k.expires_at IS NOT NULL AND k.expires_at > $2 ");
    FIND_BEYOND = concat!(
        "SELECT ranked.id, ranked.name, ranked.owner_id, ranked.expires_at FROM ", beyond!(), "ORDER BY ranked.id LIMIT $3"
    );
    COUNT_BEYOND = concat!(
        "SELECT (SELECT count(*) FROM (SELECT 1 AS one FROM ", beyond!(), "LIMIT $3) found), (SELECT count(*) FROM ",
        live!("k.id"), ")"
    );
    FIND_IDLE = named!(
        "WHERE coalesce((SELECT max(u.last_used_at) FROM secret s JOIN secret_use u ON u.secret_id = s.id \
         WHERE s.key_id = k.id), k.created_at) < $2 "
    );
    COUNT_IDLE = counted!(
        "WHERE coalesce((SELECT max(u.last_used_at) FROM secret s JOIN secret_use u ON u.secret_id = s.id \
         WHERE s.key_id = k.id), k.created_at) < $2 "
    );
}

impl Breach {
    /// The statements that name and count, and what they compare with.
    fn parts(self) -> (&'static str, &'static str, Value) {
        match self {
            // Every one of these statements takes the same arguments, so that one call serves them all.
            Self::Endless => (FIND_ENDLESS, COUNT_ENDLESS, i64::MIN.value()),
            Self::EndsAfter(at) => (FIND_ENDING_AFTER, COUNT_ENDING_AFTER, at.value()),
            Self::Beyond(most) => (FIND_BEYOND, COUNT_BEYOND, i64::from(most).value()),
            Self::IdleSince(at) => (FIND_IDLE, COUNT_IDLE, at.value()),
        }
    }
}

/// A key that would break a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakingKey {
    /// The key.
    pub id: KeyId,
    /// Its name.
    pub name: Name,
    /// Whom it belongs to.
    pub owner_id: Option<UserId>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

fn breaking_key(it: &mut Columns<'_>) -> Result<BreakingKey, Unreadable> {
    Ok(BreakingKey { id: it.next()?, name: it.next()?, owner_id: it.next()?, expires_at: it.next()? })
}

/// How many keys break a policy, as far as was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaking {
    /// Those that do.
    pub keys: u64,
    /// Those that were looked through.
    pub read: u64,
}

/// How far to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Keys that break it, at most.
    pub keys: u32,
    /// Keys that are looked through, at most.
    pub read: u32,
}

fn arguments(tenant: &Tenant, bound: Value, bounds: Bounds) -> Vec<Value> {
    let mut arguments = args![tenant.organization_id()];
    arguments.extend([bound, i64::from(bounds.keys).value(), i64::from(bounds.read).value()]);
    arguments
}

impl Connection {
    /// How many of the oldest live keys of the tenant's organization are of this kind.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_breaking_keys(
        &mut self,
        tenant: &Tenant,
        breach: Breach,
        bounds: Bounds,
    ) -> StoreResult<Breaking> {
        let (_, count, bound) = breach.parts();
        let counts = |it: &mut Columns<'_>| Ok(Breaking { keys: it.next()?, read: it.next()? });
        Ok(self.find(count, arguments(tenant, bound, bounds), "key", counts).await?.unwrap_or_default())
    }

    /// The oldest of them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_breaking_keys(
        &mut self,
        tenant: &Tenant,
        breach: Breach,
        bounds: Bounds,
    ) -> StoreResult<Vec<BreakingKey>> {
        let (find, _, bound) = breach.parts();
        self.list(find, arguments(tenant, bound, bounds), "key", breaking_key).await
    }
}
