//! Where users stand, and that nobody gives, takes or takes over more than they hold.
//!
//! A membership reaches the subtree and the nearest one counts, so that a user may hold more below than above, or less. What acts in a whole
//! subtree is therefore judged at its top, and wherever below it the caller or the user has a membership of their own: nothing changes between
//! those.

use claviger_core::decision::Reach;
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::limits::PLACES_JUDGED_MAX;
use claviger_core::member::Member;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;
use claviger_store::Connection;

use super::admins;
use super::caller::{Caller, is_admin};
use super::error::{Error, OpResult};
use crate::app::App;

const JOB: &str = "judging";
/// Memberships of one user that are looked through for those that matter.
const MEMBERSHIPS_MAX: usize = 1000;

/// A user's place in an organization: the membership that counts there, with its role.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) member: Member,
    pub(crate) role: Role,
}

impl Standing {
    /// Everything the user holds there.
    pub(crate) fn rights(&self) -> PermissionSet {
        self.role.permissions.join(&self.member.extra_permissions)
    }
}

/// Finds where a user stands in the tenant's organization.
pub(crate) async fn standing(
    connection: &mut Connection,
    tenant: &Tenant,
    user_id: UserId,
) -> OpResult<Option<Standing>> {
    Ok(connection.find_standing(tenant, user_id).await?.map(|(member, role)| Standing { member, role }))
}

/// What a caller holds from an organization downwards.
pub(crate) struct Judge<'a> {
    app: &'a App,
    caller: &'a Caller,
    top: Tenant,
    /// Where below the top the caller has a membership of their own.
    own: Vec<OrganizationId>,
}

impl<'a> Judge<'a> {
    /// Prepares to judge from an organization downwards.
    pub(crate) async fn below(
        app: &'a App,
        caller: &'a Caller,
        connection: &mut Connection,
        top: OrganizationId,
    ) -> OpResult<Self> {
        let top = Tenant::system(top, JOB);
        let own = places_below(connection, &top, caller.user_id()).await?;
        Ok(Self { app, caller, top, own })
    }

    /// Whether the caller holds everything at the top and wherever below: then there is nothing to be judged.
    pub(crate) fn holds_everything(&self) -> bool {
        let at_top = self.caller.reach(self.app, self.top.organization_id());
        self.own.is_empty() && at_top.is_ok_and(|it| it.reach() == Reach::Subtree && is_admin(&it))
    }

    /// Where below the top what this user holds has to be judged: at the user's own memberships, and at the caller's.
    ///
    /// # Errors
    /// `LimitReached` for more than can be judged.
    pub(crate) async fn places(
        &self,
        connection: &mut Connection,
        user_id: Option<UserId>,
    ) -> OpResult<Vec<OrganizationId>> {
        let mut places = places_below(connection, &self.top, user_id).await?;
        let further: Vec<_> = self.own.iter().filter(|it| !places.contains(it)).copied().collect();
        places.extend(further);
        refuse_too_many(places)
    }

    /// Where among the caller's own memberships one of these organizations is on the way up: what counts there comes down to here.
    fn own_below(&self, tops: &[OrganizationId]) -> impl Iterator<Item = OrganizationId> {
        let comes_down =
            |it: &&OrganizationId| self.app.replica().path(**it).iter().skip(1).any(|it| tops.contains(it));
        self.own.iter().filter(comes_down).copied()
    }

    /// What the caller holds at an organization; nothing where they are refused.
    pub(crate) fn rights_at(&self, organization_id: OrganizationId) -> PermissionSet {
        let reached = self.caller.authorize_through_suspension(self.app, organization_id, &[], &self.own);
        reached.map_or_else(PermissionSet::nothing, |it| it.rights().clone())
    }
}

/// Where below an organization a user has a membership of their own.
async fn places_below(
    connection: &mut Connection,
    top: &Tenant,
    user_id: Option<UserId>,
) -> OpResult<Vec<OrganizationId>> {
    let Some(user_id) = user_id else { return Ok(vec![]) };
    let places = connection.find_places_below(top, user_id, MEMBERSHIPS_MAX + 1).await?;
    if places.len() <= MEMBERSHIPS_MAX { Ok(places) } else { Err(too_many()) }
}

fn refuse_too_many(places: Vec<OrganizationId>) -> OpResult<Vec<OrganizationId>> {
    if places.len() <= PLACES_JUDGED_MAX { Ok(places) } else { Err(too_many()) }
}

fn too_many() -> Error {
    let detail = format!(
        "The user or the caller has memberships of so many organizations that this would have to be judged in more than \
         {PLACES_JUDGED_MAX}; let an admin do it who holds everything there."
    );
    Reject::new(RejectCode::LimitReached, detail).into()
}

/// Refuses to change a user who holds more than the caller does, wherever that is: who changes a sign-in name takes over the account, who
/// changes an external id lets one pass for another at the host, and who disables a user takes all of their rights. A mere name takes
/// nothing, so that it is judged only beyond `spared` and what stands below it: else no host could keep names in step by a narrow key.
pub(crate) async fn refuse_stronger(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    user_id: UserId,
    spared: Option<OrganizationId>,
) -> OpResult<()> {
    if is_own_session(tenant, Some(user_id)) {
        return Ok(());
    }
    let Some(root) = admins::root(connection).await? else { return Ok(()) };
    let judge = Judge::below(app, caller, connection, root.organization_id()).await?;
    if judge.holds_everything() {
        return Ok(());
    }
    let mut places = places_below(connection, &root, Some(user_id)).await?;
    if connection.find_member_of_user(&root, user_id).await?.is_some() {
        places.push(root.organization_id());
    }
    let further: Vec<_> = judge.own_below(&places).filter(|it| !places.contains(it)).collect();
    places.extend(further);
    let is_spared = |place: &OrganizationId| spared.is_some_and(|it| app.replica().path(*place).contains(&it));
    places.retain(|it| !is_spared(it));
    for place in refuse_too_many(places)? {
        let standing = standing(connection, &Tenant::system(place, JOB), user_id).await?;
        if standing.is_some_and(|it| !it.rights().is_within(&judge.rights_at(place))) {
            let detail = "This user holds more than the caller does, here or in another organization.";
            return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
        }
    }
    Ok(())
}

/// Whether a session acts on its own user, who holds everywhere what the session does. A key does not: it may be narrower.
pub(crate) fn is_own_session(tenant: &Tenant, user_id: Option<UserId>) -> bool {
    let actor = tenant.actor();
    user_id.is_some() && actor.key_id.is_none() && actor.user_id == user_id
}

/// Refuses a membership that would give, or take, more than the caller holds, at the tenant's organization or below. `before` is what counted
/// for the user there, be it inherited; `after` what counts then.
pub(crate) async fn refuse_unheld(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    before: Option<&Standing>,
    after: (UserId, &PermissionSet),
) -> OpResult<()> {
    let (user_id, after) = after;
    let refusal =
        || Reject::new(RejectCode::GrantExceedsOwn, "The member would hold, or holds, more than the caller does.");
    if !after.is_within(tenant.rights()) {
        return Err(refusal().into());
    }
    refuse_short_reach(connection, tenant).await?;
    let judge = Judge::below(app, caller, connection, tenant.organization_id()).await?;
    let held = before.map(Standing::rights);
    if let Some((before, held)) = before.zip(held.as_ref()) {
        // One from above is only hidden, and stays where it is; so it is its own place where the caller has to hold as much.
        let place = before.member.organization_id;
        let is_inherited = place != tenant.organization_id();
        let takes = !is_inherited || !held.is_within(after);
        if takes && !held.is_within(&judge.rights_at(place)) {
            return Err(refusal().into());
        }
    }
    // Where the user has a nearer membership, that one counts before and after.
    let nearer = places_below(connection, &judge.top, Some(user_id)).await?;
    let is_nearer = |it: &OrganizationId| app.replica().path(*it).iter().any(|it| nearer.contains(it));
    let places = judge.own.iter().filter(|it| !is_nearer(it)).copied().collect();
    for place in refuse_too_many(places)? {
        let own = judge.rights_at(place);
        if !after.is_within(&own) || held.as_ref().is_some_and(|it| !it.is_within(&own)) {
            return Err(refusal().into());
        }
    }
    Ok(())
}

/// Refuses a caller who reaches only the tenant's organization where others stand below it: what is changed here also counts in those, and the
/// caller holds nothing there.
pub(crate) async fn refuse_short_reach(connection: &mut Connection, tenant: &Tenant) -> OpResult<()> {
    if tenant.reach() == Reach::Subtree || !connection.has_organizations_below(tenant).await? {
        return Ok(());
    }
    let detail = "This also counts in the organizations below, and the key that asks reaches only this one. Use a key with the reach `subtree`.";
    Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into())
}

/// Refuses to change a role between sets of permissions of which one is more than the caller holds, at the tenant's organization or below.
pub(crate) async fn refuse_unheld_role(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    permissions: [&PermissionSet; 2],
) -> OpResult<()> {
    refuse_short_reach(connection, tenant).await?;
    let judge = Judge::below(app, caller, connection, tenant.organization_id()).await?;
    let places = refuse_too_many(judge.own.clone())?;
    let below = places.into_iter().map(|place| judge.rights_at(place));
    for rights in std::iter::once(tenant.rights().clone()).chain(below) {
        if permissions.iter().any(|it| !it.is_within(&rights)) {
            let detail = "The role would hold, or holds, more than the caller does.";
            return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
        }
    }
    Ok(())
}
