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

macro_rules! live {
    ($what:literal) => {
        concat!($what, " FROM key k WHERE k.organization_id = $1 AND k.standing <> 'revoked' ")
    };
}
macro_rules! named {
    ($where:literal) => {
        concat!(live!("SELECT k.id, k.name, k.owner_id, k.expires_at"), $where, "ORDER BY k.id LIMIT $3")
    };
}
macro_rules! counted {
    ($where:literal) => {
        concat!("SELECT count(*) FROM (", live!("SELECT 1 AS one"), $where, "LIMIT $3) found")
    };
}
/// Of each owner the keys that come after the first so many.
macro_rules! beyond {
    () => {
        concat!(
            "(",
            live!(
                "SELECT k.id, k.name, k.owner_id, k.expires_at, row_number() OVER (PARTITION BY k.owner_id ORDER BY k.id) AS place"
            ),
            "AND k.owner_id IS NOT NULL AND NOT k.personal) ranked WHERE ranked.place > $2 "
        )
    };
}

statements! {
    FIND_ENDLESS = named!("AND k.expires_at IS NULL AND $2 <= k.created_at ");
    COUNT_ENDLESS = counted!("AND k.expires_at IS NULL AND $2 <= k.created_at ");
    FIND_ENDING_AFTER = named!("AND k.expires_at IS NOT NULL AND k.expires_at > $2 ");
    COUNT_ENDING_AFTER = counted!("AND k.expires_at IS NOT NULL AND k.expires_at > $2 ");
    FIND_BEYOND = concat!(
        "SELECT ranked.id, ranked.name, ranked.owner_id, ranked.expires_at FROM ", beyond!(), "ORDER BY ranked.id LIMIT $3"
    );
    COUNT_BEYOND = concat!("SELECT count(*) FROM (SELECT 1 AS one FROM ", beyond!(), "LIMIT $3) found");
    FIND_IDLE = named!(
        "AND coalesce((SELECT max(u.last_used_at) FROM secret_use u WHERE u.key_id = k.id), k.created_at) < $2 "
    );
    COUNT_IDLE = counted!(
        "AND coalesce((SELECT max(u.last_used_at) FROM secret_use u WHERE u.key_id = k.id), k.created_at) < $2 "
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

impl Connection {
    /// How many live keys of the tenant's organization there are of this kind, counted up to `most`.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_breaking_keys(&mut self, tenant: &Tenant, breach: Breach, most: u32) -> StoreResult<u64> {
        let (_, count, bound) = breach.parts();
        let mut arguments = args![tenant.organization_id()];
        arguments.extend([bound, i64::from(most).value()]);
        self.number(count, arguments).await
    }

    /// The oldest live keys of the tenant's organization of this kind, at most `most`.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_breaking_keys(
        &mut self,
        tenant: &Tenant,
        breach: Breach,
        most: u32,
    ) -> StoreResult<Vec<BreakingKey>> {
        let (find, _, bound) = breach.parts();
        let mut arguments = args![tenant.organization_id()];
        arguments.extend([bound, i64::from(most).value()]);
        self.list(find, arguments, "key", breaking_key).await
    }
}
