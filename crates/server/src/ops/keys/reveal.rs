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
use claviger_store::{Connection, Hold};
use serde_json::json;

use super::create::policy_of;
use super::rules::Granted;
use super::{KeyInfo, list};
use crate::app::App;
use crate::ops::account::refuse_unconfirmed;
use crate::ops::caller::{Caller, is_admin};
use crate::ops::error::OpResult;
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
        for secret in tx.find_live_secrets(&tenant, key_id).await?.into_iter().rev().filter(|it| is_good(it, now)) {
            let copy = copies.iter().find(|it| it.secret_id == secret.id);
            let token = copy.map(|it| open(&app, &tenant, &secret, it)).transpose()?;
            secrets.push(RevealedSecret { secret, token });
        }
        secrets.sort_by_key(|it| it.secret.state != SecretState::Current);
        let shown = secrets.iter().filter(|it| it.token.is_some()).map(|it| it.secret.id.to_string());
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            return Err(not_kept().into());
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
        Err(crate::ops::error::Error::Reject(reject)) => return Ok(Err(reject)),
        Err(fault) => return Err(fault),
    }
    let now = app.now();
    let copies = reader.find_sealed_copies(&tenant, key_id).await?;
    let secrets = reader.find_live_secrets(&tenant, key_id).await?;
    let is_kept = |secret: &Secret| is_good(secret, now) && copies.iter().any(|it| it.secret_id == secret.id);
    Ok(if secrets.iter().any(is_kept) { Ok(()) } else { Err(not_kept()) })
}

fn is_good(secret: &Secret, now: Timestamp) -> bool {
    match secret.state {
        SecretState::Current => true,
        SecretState::Retiring { until } => now < until,
        SecretState::Dead => false,
    }
}

fn not_kept() -> Reject {
    let detail = "No copy of this key's secret was kept: policy did not allow one when it was made, or has not since, or it was imported.";
    Reject::new(RejectCode::NoCopyKept, detail)
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
