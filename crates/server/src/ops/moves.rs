//! Moving an organization, with all that stands below it, to another parent.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::OrganizationId;
use claviger_core::organization::Organization;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_store::organizations::LeftBehind;

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::keys::policy_of;
use super::organizations::OrganizationInfo;
use super::sealing::destroy_unrevealed;
use super::standing::Judge;
use super::transaction::{begin, commit, on_task, refuse_other_version};
use crate::app::App;

/// For whom a move is authorized: at the organization itself, and where the old place and the new one meet.
struct Places {
    own: Tenant,
    top: Tenant,
}

/// Authorizes at the organization, at the parent it has, at the one it gets, and where both meet.
fn authorize(app: &App, caller: &Caller, id: OrganizationId, parent_id: OrganizationId) -> Result<Places, Reject> {
    const UPDATE: &str = "claviger/organizations:update";
    let own = caller.authorize_record(app, id, UPDATE)?;
    let (from, to) = (app.replica().path(id), app.replica().path(parent_id));
    let Some(old_parent) = from.get(1) else {
        return Err(Reject::new(RejectCode::StateConflict, "The root stays where it is."));
    };
    caller.authorize(app, parent_id, UPDATE)?;
    caller.authorize(app, *old_parent, UPDATE)?;
    let meeting = from[1..].iter().find(|it| to.contains(it)).ok_or_else(Reject::not_found)?;
    Ok(Places { own, top: caller.authorize(app, *meeting, UPDATE)? })
}

/// Moves an organization to another parent.
///
/// What is inherited changes hands then: members above get and lose rights in all that is moved, locked policies hold no more and others begin
/// to, addresses are allowed or not. To weigh each of those against what the caller holds would still let a caller leave a lock behind that
/// they could not have lifted; so the caller has to hold everything at the organization where both places meet. What is inherited from there
/// upwards stays as it is.
///
/// # Errors
/// Refusals: rights, a circle, a tree that is too deep, and what would be left behind although a member or a live key needs it.
pub async fn move_organization(
    app: &App,
    caller: &Caller,
    id: OrganizationId,
    parent_id: OrganizationId,
    expected_version: Option<u64>,
    idempotency: Option<Idempotency<OrganizationInfo>>,
) -> OpResult<Answer<OrganizationInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let (mut tx, places) = begin(&app, || authorize(&app, &caller, id, parent_id)).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &places.own).await? {
            return Ok(answer);
        }
        let before = tx.find_organization_below(&places.top, id).await?.ok_or_else(Reject::not_found)?;
        refuse_other_version(expected_version, before.version)?;
        if before.parent_id == Some(parent_id) {
            let info = OrganizationInfo { effective_policy: policy_of(&app, id)?, organization: before };
            if idempotency.is_some() {
                keep(idempotency.as_ref(), &mut tx, &places.own, &info, app.now()).await?;
                tx.commit_unaudited("it stood there already; the answer is kept for a repetition").await?;
            }
            return Ok(Answer::Fresh(info));
        }
        let judge = Judge::below(&app, &caller, &mut tx, places.top.organization_id()).await?;
        if !judge.holds_everything() {
            let detail = "What is inherited changes hands; only who holds everything where both places meet moves an organization.";
            return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
        }
        if let Some(left) = tx.find_left_behind(&Tenant::system(id, "move"), parent_id).await? {
            return Err(Reject::new(RejectCode::StateConflict, left_behind(left)).into());
        }
        let effective_policy = policy_of(&app, parent_id)?.inherit(&before.policy);
        let organization = Organization {
            parent_id: Some(parent_id),
            version: before.version + 1,
            updated_at: app.now(),
            ..before.clone()
        };
        tx.update_organization(&places.top, &organization, before.version).await?;
        let policies = (&policy_of(&app, id)?, &effective_policy);
        destroy_unrevealed(&mut tx, id, policies, organization.updated_at).await?;
        let info = OrganizationInfo { organization, effective_policy };
        let (organization, now) = (&info.organization, info.organization.updated_at);
        keep(idempotency.as_ref(), &mut tx, &places.own, &info, now).await?;
        let event = Event::new(&places.own, EventKind::OrganizationMoved, id, now);
        commit(&app, tx, event.before(&before).after(organization)).await?;
        Ok(Answer::Fresh(info))
    })
    .await
}

const fn left_behind(left: LeftBehind) -> &'static str {
    match left {
        LeftBehind::RoleOfMember => {
            "A member here or below has a role of an organization that would not be above any more; give another role first."
        }
        LeftBehind::RoleOfKey => {
            "A live key here or below has a role of an organization that would not be above any more; give another role first."
        }
        LeftBehind::ApiOfKey => {
            "A live key here or below is of an api of an organization that would not be above any more; revoke it first."
        }
    }
}
