//! Creating a key.

use claviger_core::api::{Api, DEFAULT_API};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::key::KeyDraft;
use claviger_core::key_limits::KeyLimits;
use claviger_core::limits::KEYS_PER_ORGANIZATION_MAX;
use claviger_core::name::Name;
use claviger_core::policy::Policy;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::{Connection, Hold};

use super::rules::{Granted, check_expiry, check_limits, check_owner, default_expiry};
use super::{CreatedKey, NewKey, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::sealing::seal;
use crate::ops::transaction::{begin_adding, commit, on_task, settle};

/// Creates a key. Its token leaves in this answer, and in another one only where policy lets somebody see it again.
///
/// # Errors
/// Refusals: rights, policy, a name that is taken, a role or user that is not there, limits.
pub async fn create_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewKey,
    idempotency: Option<Idempotency<CreatedKey>>,
) -> OpResult<Answer<CreatedKey>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "create");
        // Keys of one owner are counted, so they are made one after the other.
        let owner = new.owner_id.unwrap_or(caller.user_id()).map(Hold::alone);
        let (mut tx, (tenant, whose)) = begin_adding(&app, &caller, owner, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            settle(&app, &mut tx).await?;
            return Ok(answer);
        }
        let now = app.now();
        let policy = policy_of(&app, organization_id)?;
        let api = find_api(&mut tx, &tenant, &new).await?;
        let draft = draft(new, &api, &policy, &caller, now);
        if let Whose::Own(user_id) = whose
            && (draft.owner_id != Some(user_id) || draft.mapped_user_id != Some(user_id))
        {
            return Err(Reject::from(claviger_core::decision::Code::InsufficientPermission).into());
        }
        // Where there is one for each user, that is bound enough: one person makes them for all.
        let counted = u32::from(!api.one_key_per_user);
        check_owner(&mut tx, &tenant, &policy, draft.owner_id, counted).await?;
        let granted = Granted {
            role_id: draft.role_id,
            scopes: draft.scopes.as_ref(),
            mapped_user_id: draft.mapped_user_id,
            reach: draft.reach,
        };
        granted.check(&app, &caller, &mut tx, &tenant, &policy).await?;
        check_expiry(&policy, draft.expires_at, now)?;
        check_limits(&tenant, &policy, &KeyLimits::default(), &draft.limits)?;
        refuse_too_many(&mut tx, &tenant, 1).await?;

        let (key, secret, token) = draft.mint(organization_id, &api, now, &mut *app.rng())?;
        tx.insert_key(&tenant, &key, std::slice::from_ref(&secret)).await?;
        seal(&app, &mut tx, &tenant, &policy, (&secret, &token), now).await?;
        let info = list::info_of_new(&app, &mut tx, &tenant, secret, now).await?;
        let created = CreatedKey { info, token };
        keep(idempotency.as_ref(), &mut tx, &tenant, &created, now).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::KeyCreated, key.id, now).after(&key)).await?;
        Ok(Answer::Fresh(created))
    })
    .await
}

/// What holds for an organization, from memory: inside a transaction the replica has applied everything that the transaction sees, or all
/// of it that is not about other keys.
pub(crate) fn policy_of(app: &App, organization_id: OrganizationId) -> OpResult<Policy> {
    let policy = app.replica().policy(organization_id);
    policy.ok_or_else(|| Error::Internal(format!("the replica holds no policy of {organization_id}")))
}

async fn find_api(connection: &mut Connection, tenant: &Tenant, new: &NewKey) -> OpResult<Api> {
    let slug = new.api.as_ref().map_or(DEFAULT_API, |it| it.as_str());
    let api = connection.find_api_by_slug(tenant, slug).await?;
    Ok(api.ok_or_else(|| Reject::field("/api", "is no api of this organization"))?)
}

fn draft(new: NewKey, api: &Api, policy: &Policy, caller: &Caller, now: Timestamp) -> KeyDraft {
    KeyDraft {
        name: new.name,
        description: new.description,
        role_id: new.role_id,
        scopes: new.scopes,
        owner_id: new.owner_id.unwrap_or(caller.user_id()),
        mapped_user_id: new.mapped_user_id.unwrap_or(caller.user_id()),
        expires_at: new.expires_at.unwrap_or_else(|| default_expiry(api, policy, now)),
        allowed_ips: new.allowed_ips,
        limits: new.limits,
        reach: new.reach,
        origin: new.origin,
        personal: false,
        stored_in: new.stored_in,
        metadata: new.metadata,
        created_by: caller.user_id(),
    }
}

/// Refuses more live keys than an organization may have.
pub(crate) async fn refuse_too_many(connection: &mut Connection, tenant: &Tenant, new_keys: usize) -> OpResult<()> {
    let new_keys = i64::try_from(new_keys).unwrap_or(i64::MAX);
    if connection.count_live_keys(tenant).await?.saturating_add(new_keys) <= KEYS_PER_ORGANIZATION_MAX {
        return Ok(());
    }
    let detail = format!("An organization has at most {KEYS_PER_ORGANIZATION_MAX} live keys.");
    Err(Reject::new(RejectCode::LimitReached, detail).into())
}

/// The first of these names that no live key of the api has.
pub(super) async fn first_free_name(
    connection: &mut Connection,
    tenant: &Tenant,
    api_id: ApiId,
    names: Vec<Name>,
) -> OpResult<Name> {
    let keys: Vec<_> = names.iter().map(Name::key).collect();
    let taken = connection.find_taken_names(tenant, api_id, &keys).await?;
    let free = names.into_iter().zip(keys).find(|(_, key)| !taken.contains(key));
    let none = || Reject::new(RejectCode::NameTaken, "Live keys have all names that this one could be given.");
    Ok(free.ok_or_else(none)?.0)
}
