//! Showing a key's secrets again, where policy says so and a copy was kept.

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::Key;
use claviger_core::policy::Reveal;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::{Secret, SecretState, Token};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::log::{EventFilter, EventRow};
use claviger_store::{Connection, Hold, PageRequest as StorePage};
use serde_json::json;

use super::change::COPY_DESTROYED;
use super::create::policy_of;
use super::rules::Granted;
use super::{KeyInfo, list};
use crate::app::App;
use crate::ops::account::refuse_unconfirmed;
use crate::ops::caller::{Caller, is_admin};
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::sealing::open;
use crate::ops::transaction::{begin_beside, commit, on_task};

/// A key with its secrets in clear.
#[derive(Debug)]
pub struct RevealedKey {
    /// The key.
    pub info: KeyInfo,
    /// Its secrets that are good, the current one first.
    pub secrets: Vec<RevealedSecret>,
}

/// A secret that is shown again.
#[derive(Debug)]
pub struct RevealedSecret {
    /// The secret.
    pub secret: Secret,
    /// The token in clear; absent where no copy of it was kept.
    pub token: Option<Token>,
}

/// Shows the secrets of a key again: to a person who has just proven who they are, where policy says so, and with an event each time.
///
/// # Errors
/// Refusals: `policy_denied` where policy shows secrets once or to others, `confirmation_required`, `no_copy_kept`, `master_key_missing`.
pub async fn reveal_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    idempotency: Option<Idempotency<RevealedKey>>,
) -> OpResult<Answer<RevealedKey>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "read");
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::shared(key_id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let key = list::find_visible(&mut tx, &tenant, whose, key_id).await?;
        refuse(&app, &caller, &mut tx, &tenant, &key).await?;
        refuse_unconfirmed(&app, &caller, &mut tx).await?;
        let now = app.now();
        let copies = tx.find_sealed_copies(&tenant, key_id).await?;
        let mut secrets = Vec::new();
        for secret in tx.find_live_secrets(&tenant, key_id).await?.into_iter().rev().filter(|it| it.state.is_good(now))
        {
            let copy = copies.iter().find(|it| it.secret_id == secret.id);
            let token = copy.map(|it| open(&app, &tenant, &secret, it)).transpose()?;
            secrets.push(RevealedSecret { secret, token });
        }
        secrets.sort_by_key(|it| it.secret.state != SecretState::Current);
        let shown = secrets.iter().filter(|it| it.token.is_some()).map(|it| it.secret.id.to_string());
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            return Err(not_kept(&mut tx, &tenant, &key).await?.into());
        }
        let revealed = RevealedKey { info: list::info(&app, &mut tx, &tenant, key_id, now).await?, secrets };
        keep(idempotency.as_ref(), &mut tx, &tenant, &revealed, now).await?;
        let what = json!({ "secret_ids": shown, "ip": caller.address().map(|it| it.to_string()) });
        commit(&app, tx, Event::new(&tenant, EventKind::KeyRevealed, key_id, now).after(&what)).await?;
        Ok(Answer::Fresh(revealed))
    })
    .await
}

/// Says beforehand whether [`reveal_key`] would show the caller anything once they have confirmed who they are; if not, why.
///
/// # Errors
/// Refusals of who may not look at the key at all; faults.
pub async fn check_reveal(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
) -> OpResult<Result<(), Reject>> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    let key = list::find_visible(&mut reader, &tenant, whose, key_id).await?;
    match refuse(app, caller, &mut reader, &tenant, &key).await {
        Ok(()) => {}
        Err(Error::Reject(reject)) => return Ok(Err(reject)),
        Err(fault) => return Err(fault),
    }
    let now = app.now();
    let copies = reader.find_sealed_copies(&tenant, key_id).await?;
    let secrets = reader.find_live_secrets(&tenant, key_id).await?;
    let is_kept = |secret: &Secret| secret.state.is_good(now) && copies.iter().any(|it| it.secret_id == secret.id);
    Ok(if secrets.iter().any(is_kept) { Ok(()) } else { Err(not_kept(&mut reader, &tenant, &key).await?) })
}

/// Whether the caller would be shown the secrets of a key, once they have confirmed who they are; no key of theirs is.
///
/// # Errors
/// Faults.
pub(super) async fn may_see(
    app: &App,
    caller: &Caller,
    connection: &mut Connection,
    tenant: &Tenant,
    key: &Key,
) -> OpResult<bool> {
    if !matches!(caller, Caller::Session { .. }) {
        return Ok(false);
    }
    match refuse(app, caller, connection, tenant, key).await {
        Ok(()) => Ok(true),
        Err(Error::Reject(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Whether a token is one of a key that is still good, for whoever has it in hand and may look at the key.
///
/// # Errors
/// Refusals of who may not look at the key; faults.
pub async fn is_token_of(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    token: &Token,
) -> OpResult<bool> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    list::find_visible(&mut reader, &tenant, whose, key_id).await?;
    let (digest, now) = (token.digest(), app.now());
    let secrets = reader.find_live_secrets(&tenant, key_id).await?;
    Ok(secrets.iter().any(|it| it.state.is_good(now) && it.digest.matches(&digest)))
}

/// Says beforehand whether giving the key to somebody else destroys the kept copies of its secrets: there are some, and the caller is not to be
/// shown them; see [`super::update_key`].
///
/// # Errors
/// Refusals of who may not look at the key at all; faults.
pub async fn hides_when_given(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
) -> OpResult<bool> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    let key = list::find_visible(&mut reader, &tenant, whose, key_id).await?;
    Ok(!reader.find_sealed_copies(&tenant, key_id).await?.is_empty()
        && !may_see(app, caller, &mut reader, &tenant, &key).await?)
}

/// Events of a key among which one is looked for that says what became of its copies.
const EVENTS_SOUGHT_MAX: u32 = 100;

/// Says which of the reasons it is that there is no copy.
async fn not_kept(connection: &mut Connection, tenant: &Tenant, key: &Key) -> OpResult<Reject> {
    let secrets = connection.find_live_secrets(tenant, key.id).await?;
    let current = secrets.iter().find(|it| it.state == SecretState::Current);
    let made_at = current.map_or(key.created_at, |it| it.created_at);
    let detail = if current.is_some_and(|it| it.access_id.is_none()) {
        "This secret came from another product, and no copy of it was kept. Rotate the key to get one that can be viewed again.".to_owned()
    } else if let Some(at) = copy_destroyed_at(connection, tenant, key.id, made_at).await? {
        format!(
            "The key was given to somebody else on {} UTC, by somebody who was not to see its secret: the kept copy was destroyed then. Rotate \
             the key to get a secret that can be viewed again.",
            at.to_table_text()
        )
    } else {
        format!(
            "No copy of this secret is kept: when it was made, on {} UTC, or at some time since, policy showed secrets once. Rotate the key to \
             get one that can be viewed again.",
            made_at.to_table_text()
        )
    };
    Ok(Reject::new(RejectCode::NoCopyKept, detail))
}

/// When a change of the key destroyed the copies of its secrets, not before an instant; absent where none did, or its event was erased.
async fn copy_destroyed_at(
    connection: &mut Connection,
    tenant: &Tenant,
    key_id: KeyId,
    not_before: Timestamp,
) -> OpResult<Option<Timestamp>> {
    let filter = EventFilter {
        entity: Some(key_id.into()),
        kind: Some(EventKind::KeyUpdated),
        from: Some(not_before),
        ..EventFilter::default()
    };
    let events = connection.page_events(tenant, &filter, &StorePage::first(EVENTS_SOUGHT_MAX)).await?.rows;
    let destroyed = |it: &EventRow| it.after.as_ref().is_some_and(|it| it[COPY_DESTROYED] == true);
    Ok(events.into_iter().find(destroyed).map(|it| it.at))
}

/// Refuses whom policy does not show the key's secrets.
async fn refuse(app: &App, caller: &Caller, connection: &mut Connection, tenant: &Tenant, key: &Key) -> OpResult<()> {
    let denied = |detail: &'static str| Err(Reject::new(RejectCode::PolicyDenied, detail).into());
    let is = |user_id| caller.user_id().is_some() && caller.user_id() == user_id;
    match policy_of(app, key.organization_id)?.reveal {
        Reveal::Once => {
            return denied("Policy shows a secret once, when it is made.");
        }
        Reveal::Owner | Reveal::OwnerAndAdmins if is(key.mapped_user_id) => {}
        // A secret is the key itself: nobody is given more than they hold.
        Reveal::Owner | Reveal::OwnerAndAdmins if is(key.owner_id) => {
            Granted::from(key).refuse_beyond_own(app, caller, connection, tenant).await?;
        }
        // Whoever else had it could act in that user's name.
        Reveal::OwnerAndAdmins if key.personal => return denied("The secret of a personal key is for its user alone."),
        Reveal::OwnerAndAdmins if is_admin(tenant) => {
            Granted::from(key).refuse_beyond_own(app, caller, connection, tenant).await?;
        }
        Reveal::OwnerAndAdmins => {
            return denied("The secret is shown to the key's owner, to its mapped user and to admins.");
        }
        Reveal::Owner => return denied("The secret is shown to the key's owner and to its mapped user."),
    }
    if key.standing == KeyStanding::Revoked {
        return Err(
            Reject::new(RejectCode::StateConflict, "The key is revoked; no copy of its secrets is left.").into()
        );
    }
    Ok(())
}
