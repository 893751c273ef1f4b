//! What a key may be: bounded by what its maker holds, and by policy.

use std::time::Duration;

use claviger_core::api::Api;
use claviger_core::decision::{Code, Reach, rights_of};
use claviger_core::id::{RoleId, UserId};
use claviger_core::key::Key;
use claviger_core::key_limits::{DefaultLimits, KeyLimits};
use claviger_core::permission::PermissionSet;
use claviger_core::policy::Policy;
use claviger_core::reject::{FieldReject, Reject, RejectCode};
use claviger_core::role::{BuiltIn, Role};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::user::UserStatus;
use claviger_core::words::requests;
use claviger_store::Connection;

use crate::app::App;
use crate::ops::caller::{Caller, is_admin};
use crate::ops::error::OpResult;
use crate::ops::standing::{Judge, Standing, is_own_session, standing};

const DAY: Duration = Duration::from_secs(86_400);

/// Refuses, naming the field at fault, what policy does not allow.
pub(super) fn denied(pointer: &'static str, detail: impl Into<String>) -> Reject {
    let detail = detail.into();
    let fields = vec![FieldReject { pointer: pointer.into(), detail: detail.clone() }];
    Reject { fields, ..Reject::new(RejectCode::PolicyDenied, detail) }
}

/// What of a key says how much it allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Granted<'a> {
    pub(crate) role_id: Option<RoleId>,
    pub(crate) scopes: Option<&'a PermissionSet>,
    pub(crate) mapped_user_id: Option<UserId>,
    pub(crate) reach: Reach,
}

impl<'a> From<&'a Key> for Granted<'a> {
    fn from(key: &'a Key) -> Self {
        let (role_id, scopes, mapped_user_id) = (key.role_id, key.scopes.as_ref(), key.mapped_user_id);
        Self { role_id, scopes, mapped_user_id, reach: key.reach }
    }
}

impl Granted<'_> {
    /// Refuses what lies beyond the caller's own rights, or beyond what policy lets the caller choose.
    pub(crate) async fn check(
        &self,
        app: &App,
        caller: &Caller,
        connection: &mut Connection,
        tenant: &Tenant,
        policy: &Policy,
    ) -> OpResult<()> {
        let role = self.role(connection, tenant).await?;
        let mapped = self.mapped(connection, tenant).await?;
        if !is_admin(tenant) {
            self.refuse_what_is_for_admins(connection, tenant, policy, role.as_ref()).await?;
        }
        self.refuse_beyond(tenant, role.as_ref(), mapped.map(Some))?;
        self.refuse_beyond_below(app, caller, connection, tenant, role.as_ref()).await
    }

    /// Refuses to hand out, in a new secret, more than the caller holds.
    pub(crate) async fn refuse_beyond_own(
        &self,
        app: &App,
        caller: &Caller,
        connection: &mut Connection,
        tenant: &Tenant,
    ) -> OpResult<()> {
        let role = match self.role_id {
            Some(id) => connection.find_role(tenant, id).await?,
            None => None,
        };
        // A role that is gone allows nothing anywhere, and so does not stand in the way of a new secret.
        if self.role_id.is_some() && role.is_none() {
            return Ok(());
        }
        let mapped = self.standing_at(connection, tenant).await?;
        self.refuse_beyond(tenant, role.as_ref(), mapped)?;
        self.refuse_beyond_below(app, caller, connection, tenant, role.as_ref()).await
    }

    fn refuse_beyond(
        &self,
        tenant: &Tenant,
        role: Option<&Role>,
        mapped: Option<Option<Standing>>,
    ) -> Result<(), Reject> {
        let detail = if !self.rights(role, mapped).is_within(tenant.rights()) {
            "The key would hold more than the caller does; narrow it by scopes or by a role."
        } else if self.reach == Reach::Subtree && tenant.reach() == Reach::Organization {
            "The key would reach further down than the caller does; give it the reach `organization`."
        } else {
            return Ok(());
        };
        Err(Reject::new(RejectCode::GrantExceedsOwn, detail))
    }

    /// Refuses a key that would hold more than the caller does somewhere below, if it reaches there.
    async fn refuse_beyond_below(
        &self,
        app: &App,
        caller: &Caller,
        connection: &mut Connection,
        tenant: &Tenant,
        role: Option<&Role>,
    ) -> OpResult<()> {
        if self.reach == Reach::Organization || is_own_session(tenant, self.mapped_user_id) {
            return Ok(());
        }
        let judge = Judge::below(app, caller, connection, tenant.organization_id()).await?;
        if judge.holds_everything() {
            return Ok(());
        }
        for place in judge.places(connection, self.mapped_user_id).await? {
            let mapped = self.standing_at(connection, &Tenant::system(place, "judging")).await?;
            if !self.rights(role, mapped).is_within(&judge.rights_at(place)) {
                let detail = format!(
                    "The key would hold more than the caller does in the organization {place} below; narrow it by scopes, or give it \
                     the reach `organization`."
                );
                return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
            }
        }
        Ok(())
    }

    /// Where the mapped user stands in the tenant's organization; the outer absence is that there is none.
    async fn standing_at(&self, connection: &mut Connection, tenant: &Tenant) -> OpResult<Option<Option<Standing>>> {
        match self.mapped_user_id {
            Some(id) => Ok(Some(standing(connection, tenant, id).await?)),
            None => Ok(None),
        }
    }

    fn rights(&self, role: Option<&Role>, mapped: Option<Option<Standing>>) -> PermissionSet {
        let mapped =
            mapped.as_ref().map(|it| it.as_ref().map(|it| (&it.role.permissions, &it.member.extra_permissions)));
        rights_of(role.map(|it| &it.permissions), self.scopes, mapped)
    }

    async fn role(&self, connection: &mut Connection, tenant: &Tenant) -> OpResult<Option<Role>> {
        let Some(id) = self.role_id else { return Ok(None) };
        let role = connection.find_role(tenant, id).await?;
        let missing = || Reject::field("/role_id", "is no role that can be given in this organization");
        Ok(Some(role.ok_or_else(missing)?))
    }

    async fn mapped(&self, connection: &mut Connection, tenant: &Tenant) -> OpResult<Option<Standing>> {
        let Some(id) = self.mapped_user_id else { return Ok(None) };
        let user = connection.find_user(tenant, id).await?.filter(|it| it.status == UserStatus::Active);
        let standing = match user {
            Some(_) => standing(connection, tenant, id).await?,
            None => None,
        };
        let missing = || Reject::field("/mapped_user_id", "is no active member of this organization");
        Ok(Some(standing.ok_or_else(missing)?))
    }

    async fn refuse_what_is_for_admins(
        &self,
        connection: &mut Connection,
        tenant: &Tenant,
        policy: &Policy,
        role: Option<&Role>,
    ) -> OpResult<()> {
        let own_id = tenant.actor().user_id;
        match self.mapped_user_id {
            None => return Err(denied("/mapped_user_id", "Only an admin makes a key that is mapped to nobody.").into()),
            mapped if mapped == own_id => {}
            Some(_) if policy.admin_only_mapping => {
                return Err(denied("/mapped_user_id", "Only an admin maps a key to somebody else.").into());
            }
            Some(_) => {}
        }
        let own_role = match own_id {
            Some(id) => standing(connection, tenant, id).await?.map(|it| it.role.id),
            None => None,
        };
        let may_give = |role: &Role| role.built_in == Some(BuiltIn::Readonly) || Some(role.id) == own_role;
        if role.is_some_and(|it| !may_give(it)) {
            return Err(denied("/role_id", "Members give keys their own role or `readonly`.").into());
        }
        Ok(())
    }
}

/// Refuses an owner who may not have keys, or for whom the caller may not make so many more that count.
pub(crate) async fn check_owner(
    connection: &mut Connection,
    tenant: &Tenant,
    policy: &Policy,
    owner_id: Option<UserId>,
    new_keys: u32,
) -> OpResult<()> {
    let Some(owner_id) = owner_id else {
        if is_admin(tenant) {
            return Ok(());
        }
        return Err(denied("/owner_id", "Only an admin makes a key that belongs to nobody.").into());
    };
    if tenant.actor().user_id != Some(owner_id) && !is_admin(tenant) {
        return Err(denied("/owner_id", "Only an admin makes a key for somebody else.").into());
    }
    refuse_without_api_access(connection, tenant, owner_id).await?;
    if new_keys == 0 {
        return Ok(());
    }
    let (owned, most) = (connection.count_live_keys_of_owner(tenant, owner_id).await?, policy.max_keys_per_user);
    if owned + i64::from(new_keys) > i64::from(most) {
        let detail = format!(
            "A user owns at most {most} keys in this organization: its policy {OWNED_KEYS_POLICY}. An admin can raise it by PATCH \
             /api/v1/organizations/{}/policy, where it is not locked above, and can make keys that belong to nobody (`owner_id: null`).",
            tenant.organization_id()
        );
        return Err(Reject::new(RejectCode::LimitReached, detail).into());
    }
    Ok(())
}

/// What the refusal of one key too many of an owner calls the policy.
const OWNED_KEYS_POLICY: &str = "`max_keys_per_user`";

/// Whether a refusal says that an owner has as many keys as policy allows: others under this code say other things.
pub fn is_about_owned_keys(reject: &Reject) -> bool {
    reject.code == RejectCode::LimitReached && reject.detail.contains(OWNED_KEYS_POLICY)
}

/// Refuses a key whose owner's role has no API access: it would be denied wherever it is shown.
pub(crate) async fn refuse_without_api_access(
    connection: &mut Connection,
    tenant: &Tenant,
    owner_id: UserId,
) -> OpResult<()> {
    let missing = || Reject::field("/owner_id", "is no member of this organization");
    let owner = standing(connection, tenant, owner_id).await?.ok_or_else(missing)?;
    if owner.role.is_admin() || owner.role.api_access {
        return Ok(());
    }
    Err(Reject::from(Code::ApiAccessDenied).into())
}

/// When a key ends for which nothing is said: as its api has it, and no later than policy allows. Where the api says nothing, policy does not
/// choose either: whoever has to say when a key ends says it.
pub(crate) fn default_expiry(api: &Api, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let latest = policy.expiry_days_max.map(|days| now.saturating_add(DAY * u32::from(days)));
    api.expiry_default(now).map(|at| latest.map_or(at, |latest| at.min(latest)))
}

/// Refuses limits that let a key be used more often than a policy's lock allows, whoever asks; and than before, where it is no admin who asks.
pub(crate) fn check_limits(
    tenant: &Tenant,
    policy: &Policy,
    before: &KeyLimits,
    after: &KeyLimits,
) -> Result<(), Reject> {
    if before == after {
        return Ok(());
    }
    let default = policy.default_limits();
    let free = DefaultLimits { is_rate_locked: false, is_daily_quota_locked: false, ..default };
    let (held, asked) = (after.within(&default), after.within(&free));
    let at_most =
        |what: String| format!("This organization's policy is locked: a key of it may be used for {what} at most.");
    // What it said before a lock came may stay, and does not count.
    let is_rate_wider = before.rate != after.rate && held.rate != asked.rate;
    let is_quota_wider = before.daily_quota != after.daily_quota && held.daily_quota != asked.daily_quota;
    match (held.rate, held.daily_quota) {
        (Some(rate), _) if is_rate_wider => Err(denied("/limits/rate", at_most(rate.in_words()))),
        (_, Some(quota)) if is_quota_wider => {
            Err(denied("/limits/daily_quota", at_most(format!("{} a day", requests(quota)))))
        }
        _ if !is_admin(tenant) && !held.is_within(&before.within(&default)) => Err(denied(
            "/limits",
            "Only an admin lets a key be used more often than the policy, or the key until now, allows.",
        )),
        _ => Ok(()),
    }
}

/// Refuses an expiry that is missing where policy wants one, or lies too far ahead.
pub(crate) fn check_expiry(policy: &Policy, expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Reject> {
    let Some(days) = policy.expiry_days_max else { return Ok(()) };
    let latest = now.saturating_add(DAY * u32::from(days));
    if expires_at.is_some_and(|at| at <= latest) {
        return Ok(());
    }
    Err(denied("/expires_at", format!("Keys of this organization live at most {days} days: say when this one ends.")))
}
