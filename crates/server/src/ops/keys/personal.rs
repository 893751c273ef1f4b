//! The personal key: the one key behind a member's API Access toggle, made without a form and named after its user: `Personal key of Maria Keller`.
//!
//! It carries all that its user may do, belongs to the user and nobody else's limit. Its secret is for the user alone, so that only the user
//! makes it or has it regenerated; an admin may clear it, and then the user may make another one.

use std::time::Duration;

use claviger_core::api::DEFAULT_API;
use claviger_core::decision::Reach;
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::{Key, KeyDraft, Origin, RevocationReason};
use claviger_core::limits::NAME_CHARS_MAX;
use claviger_core::name::Name;
use claviger_core::policy::{Policy, Reveal};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use claviger_store::Hold;

use super::change::revoke_key;
use super::create::{first_free_name, policy_of, refuse_too_many};
use super::rotate::rotate_key;
use super::rules::{Granted, refuse_without_api_access};
use super::{CreatedKey, KeyInfo, Overlap, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency};
use crate::ops::precondition::{refuse_absent, refuse_unexpected};
use crate::ops::sealing::seal;
use crate::ops::standing::standing;
use crate::ops::transaction::{begin_beside, commit, on_task};

const DAY: Duration = Duration::from_secs(86_400);
/// Names that are tried before one is made that nobody else has.
const NAMES_TRIED: usize = 20;

/// What switching a personal key on came to.
#[derive(Debug)]
pub enum Toggled {
    /// It was made now: the one answer that carries the token.
    Made(CreatedKey),
    /// It was there already.
    There(KeyInfo),
}

/// Whether somebody may have keys here, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiAccess {
    /// An admin, whatever any switch says.
    Always,
    /// The role's switch says so.
    Allowed,
    /// The role's switch does not.
    NotAllowed,
}

/// What stands behind the caller's API Access toggle.
#[derive(Debug, Clone)]
pub struct PersonalAccess {
    /// Whether the toggle can be switched on.
    pub access: ApiAccess,
    /// The caller's personal key, if it is on.
    pub key: Option<KeyInfo>,
    /// To whom the organization shows secrets again.
    pub reveal: Reveal,
}

/// Shows the caller what stands behind the own toggle.
///
/// # Errors
/// Refusals; who acts for nobody has no toggle.
pub async fn get_personal_access(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
) -> OpResult<PersonalAccess> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let user_id = caller.user_id().ok_or_else(Reject::not_found)?;
    refuse_others(whose, user_id)?;
    let mut reader = app.store().read().await?;
    let access = match standing(&mut reader, &tenant, user_id).await? {
        Some(it) if it.role.is_admin() => ApiAccess::Always,
        Some(it) if it.role.api_access => ApiAccess::Allowed,
        _ => ApiAccess::NotAllowed,
    };
    let key = match reader.find_personal_key(&tenant, user_id).await? {
        Some(key) => Some(list::info(app, &mut reader, &tenant, key.id, app.now()).await?),
        None => None,
    };
    Ok(PersonalAccess { access, key, reveal: policy_of(app, organization_id)?.reveal })
}

/// Finds the live personal key of a user.
///
/// # Errors
/// Refusals; to whoever acts on own keys only, those of others are not there.
pub async fn get_personal_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<KeyInfo> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    refuse_others(whose, user_id)?;
    let mut reader = app.store().read().await?;
    let key = reader.find_personal_key(&tenant, user_id).await?.ok_or_else(Reject::not_found)?;
    list::info(app, &mut reader, &tenant, key.id, app.now()).await
}

/// Makes the caller's personal key, unless there is one.
///
/// # Errors
/// Refusals: a role without API access, somebody else's key, a caller who holds less than the user.
pub async fn put_personal_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<Toggled> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "create");
        // At most one: two toggles at the same time come one after the other.
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(user_id)], authorize).await?;
        refuse_others(whose, user_id)?;
        let user = tx.find_user(&tenant, user_id).await?;
        let (Some(user), Some(_)) = (user, standing(&mut tx, &tenant, user_id).await?) else {
            return Err(Reject::not_found().into());
        };
        refuse_stranger(&caller, user_id)?;
        refuse_without_api_access(&mut tx, &tenant, user_id).await?;
        let now = app.now();
        if let Some(key) = tx.find_personal_key(&tenant, user_id).await? {
            refuse_unexpected(key.version)?;
            return Ok(Toggled::There(list::info(&app, &mut tx, &tenant, key.id, now).await?));
        }
        refuse_absent()?;
        let policy = policy_of(&app, organization_id)?;
        let granted =
            Granted { role_id: None, scopes: None, mapped_user_id: Some(user_id), reach: Reach::Organization };
        granted.check(&app, &caller, &mut tx, &tenant, &policy).await?;
        refuse_too_many(&mut tx, &tenant, 1).await?;
        let api = tx.find_api_by_slug(&tenant, DEFAULT_API).await?;
        let api = api.ok_or_else(|| Error::Internal("the api `default` is not there".to_owned()))?;
        let name =
            first_free_name(&mut tx, &tenant, api.id, names_for(&name_of("Personal key", &user.name), user_id)).await?;
        let draft = KeyDraft {
            owner_id: Some(user_id),
            mapped_user_id: Some(user_id),
            expires_at: expiry(&policy, now),
            personal: true,
            created_by: caller.user_id(),
            ..KeyDraft::named(name, Origin::Toggle)
        };
        let (key, secret, token) = draft.mint(organization_id, &api, now, &mut *app.rng())?;
        tx.insert_key(&tenant, &key, std::slice::from_ref(&secret)).await?;
        seal(&app, &mut tx, &tenant, &policy, (&secret, &token), now).await?;
        let info = list::info_of_new(&app, &mut tx, &tenant, secret, now).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::KeyCreated, key.id, now).after(&key)).await?;
        Ok(Toggled::Made(CreatedKey { info, token }))
    })
    .await
}

/// The name of a user whom the organization may know, for who looks for the personal key that the user may hold: whoever may look at all keys
/// reads there to whom each belongs.
///
/// # Errors
/// Refusals of who may not look at all keys; faults.
pub async fn find_possible_holder(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<Option<Name>> {
    let tenant = caller.authorize(app, organization_id, "claviger/keys:read")?;
    Ok(app.store().read().await?.find_user(&tenant, user_id).await?.map(|it| it.name))
}

/// Gives the caller's personal key a new secret; the next call with the old one fails.
///
/// # Errors
/// Refusals.
pub async fn rotate_personal_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
    idempotency: Option<Idempotency<CreatedKey>>,
) -> OpResult<Answer<CreatedKey>> {
    let key_id = find(app, caller, organization_id, user_id, "update").await?;
    refuse_stranger(caller, user_id)?;
    rotate_key(app, caller, organization_id, key_id, Overlap::For(Duration::ZERO), idempotency).await
}

/// Revokes a personal key for ever: the user's own way out, and how an admin's program clears somebody's. The user may make another one.
///
/// # Errors
/// Refusals; to whoever acts on own keys only, those of others are not there.
pub async fn delete_personal_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<()> {
    let by_user = caller.user_id() == Some(user_id);
    let reason = if by_user { RevocationReason::CessationOfOperation } else { RevocationReason::PrivilegeWithdrawn };
    end(app, caller, organization_id, user_id, reason).await
}

/// Clears a personal key, as an admin does, who may clear their own among others: it is told as cleared, since nobody has switched API access off.
///
/// # Errors
/// As [`delete_personal_key`].
pub async fn clear_personal_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<()> {
    end(app, caller, organization_id, user_id, RevocationReason::PrivilegeWithdrawn).await
}

async fn end(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
    reason: RevocationReason,
) -> OpResult<()> {
    let key_id = find(app, caller, organization_id, user_id, "delete").await?;
    revoke_key(app, caller, organization_id, key_id, reason, None).await.map(drop)
}

/// The key that an operation is about, for who may do that to it.
async fn find(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
    action: &str,
) -> OpResult<KeyId> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, action)?;
    refuse_others(whose, user_id)?;
    let key: Option<Key> = app.store().read().await?.find_personal_key(&tenant, user_id).await?;
    Ok(key.ok_or_else(Reject::not_found)?.id)
}

/// Who acts on own keys only does not learn whether somebody else has one.
fn refuse_others(whose: Whose, user_id: UserId) -> Result<(), Reject> {
    match whose {
        Whose::Own(own) if own != user_id => Err(Reject::not_found()),
        _ => Ok(()),
    }
}

fn refuse_stranger(caller: &Caller, user_id: UserId) -> Result<(), Reject> {
    if caller.user_id() == Some(user_id) {
        return Ok(());
    }
    let detail = "Only its user makes or regenerates a personal key, since its secret is for nobody else.";
    Err(Reject::new(RejectCode::PolicyDenied, detail))
}

/// As long as policy allows: there is no form in which an end could be chosen.
fn expiry(policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    policy.expiry_days_max.map(|days| now.saturating_add(DAY * u32::from(days)))
}

/// What a key is called that nobody names: what it is, and whose. The user's name alone, as it was once, was taken for whoever uses the key, and for
/// keys that others made for that user.
pub(super) fn name_of(what: &str, user: &Name) -> Name {
    let text = format!("{what} of {user}");
    let short: String = text.chars().take(NAME_CHARS_MAX).collect();
    // A fixed word or a name, a word, and a name are one.
    Name::parse(short.trim()).unwrap_or_else(|_| user.clone())
}

/// The name, or with a number behind it where another live key has that. Past that the end of the user's identifier makes it unique.
pub(super) fn names_for(name: &Name, user_id: UserId) -> Vec<Name> {
    let numbered = (2..=NAMES_TRIED).map(|number| name.with_suffix(&format!(" ({number})")));
    let id = user_id.to_string();
    let unique = name.with_suffix(&format!(" ({})", &id[id.len() - 10..]));
    [name.clone()].into_iter().chain(numbered).chain([unique]).collect()
}
