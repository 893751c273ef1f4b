//! What a change of a role would do, before it is made.

use std::collections::{BTreeMap, HashMap};

use claviger_core::id::{OrganizationId, RoleId};
use claviger_core::limits::{PREVIEWED_KEYS_NAMED, PREVIEWED_ROLE_MAX};
use claviger_core::permission::PermissionSet;
use claviger_core::role::Role;
use claviger_store::role_impact::{Holder, Tie, TouchedKey};

use super::caller::Caller;
use super::error::OpResult;
use super::roles::{RolePatch, find_own, refuse_fixed};
use crate::app::App;

/// How a set of permissions compares with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It allows the same.
    Same,
    /// It allows more.
    Wider,
    /// It allows less.
    Narrower,
    /// It allows something that the other does not, and the other way round.
    Different,
}

impl Comparison {
    fn of(before: &PermissionSet, after: &PermissionSet) -> Self {
        match (before.is_within(after), after.is_within(before)) {
            (true, true) => Self::Same,
            (true, false) => Self::Wider,
            (false, true) => Self::Narrower,
            (false, false) => Self::Different,
        }
    }
}

/// What a change of a role would do.
#[derive(Debug, Clone)]
pub struct RolePreview {
    /// The role as it would be.
    pub role: Role,
    /// How its permissions would compare with the present ones.
    pub permissions: Comparison,
    /// Memberships that would feel it.
    pub member_count: u32,
    /// The first of them.
    pub members: Vec<Holder>,
    /// Live keys that would feel it: they have the role, or live by a user who has it.
    pub key_count: u32,
    /// The first of them.
    pub keys: Vec<TouchedKey>,
    /// Whether there may be more members or keys than were counted.
    pub is_partial: bool,
}

/// Says which members and keys, here and below, a change of a role would touch, and changes nothing. A change of nothing but the name or the
/// description touches none.
///
/// # Errors
/// Refusals; a change that cannot be made is refused here too.
pub async fn preview_role(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    role_id: RoleId,
    patch: RolePatch,
) -> OpResult<RolePreview> {
    for needed in ["claviger/members:read", "claviger/keys:read"] {
        caller.authorize(app, organization_id, needed)?;
    }
    let tenant = caller.authorize(app, organization_id, "claviger/roles:read")?;
    let mut reader = app.store().read().await?;
    let before = find_own(&mut reader, &tenant, role_id).await?;
    refuse_fixed(&before, &patch)?;
    let role = patch.apply(&before);
    let permissions = Comparison::of(&before.permissions, &role.permissions);
    let mut ties = Vec::new();
    if permissions != Comparison::Same {
        ties.extend([Tie::Role, Tie::MappedUser]);
    }
    if before.api_access != role.api_access {
        ties.push(Tie::Owner);
    }
    let is_felt = !ties.is_empty();
    let mut is_partial = false;
    // One more than is counted tells whether there are more.
    const READ: u32 = PREVIEWED_ROLE_MAX + 1;
    let mut holders = Vec::new();
    if is_felt {
        holders = reader.find_holders(&tenant, role_id, READ).await?;
    }
    let mut keys = BTreeMap::new();
    for tie in ties {
        let found = reader.find_touched_keys(&tenant, role_id, tie, READ).await?;
        is_partial |= found.len() >= READ as usize;
        keys.extend(found.into_iter().map(|it| (it.id, it)));
    }
    is_partial |= holders.len() >= READ as usize || keys.len() >= READ as usize;
    // Who does not see an organization below does not see its members and keys either.
    let mut seen: HashMap<(OrganizationId, &str), bool> = HashMap::new();
    let mut sees = |at: OrganizationId, needed: &'static str| {
        *seen.entry((at, needed)).or_insert_with(|| caller.authorize(app, at, needed).is_ok())
    };
    holders.retain(|it| sees(it.organization_id, "claviger/members:read"));
    let mut keys: Vec<_> = keys.into_values().collect();
    keys.retain(|it| sees(it.organization_id, "claviger/keys:read"));
    let count = |it: usize| u32::try_from(it).unwrap_or(u32::MAX).min(PREVIEWED_ROLE_MAX);
    let (member_count, key_count) = (count(holders.len()), count(keys.len()));
    holders.truncate(PREVIEWED_KEYS_NAMED as usize);
    keys.truncate(PREVIEWED_KEYS_NAMED as usize);
    Ok(RolePreview { role, permissions, member_count, members: holders, key_count, keys, is_partial })
}
