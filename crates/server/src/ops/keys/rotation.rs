//! What is done to a rotation while the old secret is still good: it is ended early, extended, or taken back.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId, SecretId};
use claviger_core::key::Key;
use claviger_core::policy::Policy;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::rotation::OldUntil;
use claviger_core::secret::{AccessId, Secret, SecretState};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::{Connection, Hold, Tx};
use serde_json::{Value, json};

use super::change::{find_to_change, leave};
use super::create::policy_of;
use super::rotate::{bounds_of, refuse_foreign_personal};
use super::rules::{Granted, refuse_without_api_access};
use super::{KeyInfo, SecretInfo, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::OpResult;
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::transaction::{begin_beside, commit, on_task, refuse_other_version};

/// What is done to a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationChange {
    /// Old secrets stop now. Where none of them is good any more, nothing changes and that is no error.
    End,
    /// An old secret stops later.
    Extend {
        /// When.
        until: Timestamp,
    },
    /// The new secret stops now, and an old one is current again.
    Cancel {
        /// Also where the new one was used, so that whatever uses it fails.
        even_if_used: bool,
    },
}

/// What is done to which of a key's old secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationStep {
    /// What is done.
    pub change: RotationChange,
    /// To which one. By default all of them end, and of what is done to one alone it is the one that was replaced last.
    pub secret_id: Option<SecretId>,
}

/// Changes a rotation that is under way. No secret leaves in the answer; but as a secret may live longer by it, the caller has to hold what the key
/// holds, unless the rotation only ends early. Behind the secrets that are good, the answer names those that this has ended.
///
/// # Errors
/// Refusals: `state_conflict` where no old secret is good any more, where the current one would be ended, where the key has expired, and where a
/// secret that was used would be taken back; `policy_denied` for an end that is too late; `invalid_field` for a secret that is not the key's.
pub async fn change_rotation(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    RotationStep { change, secret_id }: RotationStep,
    expected_version: Option<u64>,
    idempotency: Option<Idempotency<KeyInfo>>,
) -> OpResult<Answer<KeyInfo>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, "update");
        if matches!(change, RotationChange::Cancel { even_if_used: false }) {
            authorize()?;
            // Whether the new secret was used is asked below: what this node has counted is written down first. Other nodes write theirs
            // within a minute.
            app.uses().flush().await?;
        }
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(key_id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let before = find_to_change(&mut tx, &tenant, whose, key_id).await?;
        refuse_other_version(expected_version, before.version)?;
        if change != RotationChange::End {
            refuse_foreign_personal(&caller, &before)?;
            Granted::from(&before).refuse_beyond_own(&app, &caller, &mut tx, &tenant).await?;
            if let Whose::Own(user_id) = whose {
                refuse_without_api_access(&mut tx, &tenant, user_id).await?;
            }
        }
        let now = app.now();
        let mut key = before.clone();
        let old = find_concerned(&mut tx, &tenant, key_id, secret_id).await?;
        let mut secrets = old.clone();
        let kind = match change {
            RotationChange::End => {
                if !key.end_rotation(&mut secrets, secret_id, now)? {
                    return Ok(Answer::Fresh(leave(&app, tx, &tenant, key_id, now, idempotency.as_ref()).await?));
                }
                EventKind::KeyRotationEnded
            }
            RotationChange::Extend { until } => {
                let max = bounds_of(&before, &policy_of(&app, organization_id)?).max;
                key.extend_rotation(&mut secrets, secret_id, until, max, now)?;
                EventKind::KeyRotationExtended
            }
            RotationChange::Cancel { even_if_used } => {
                key.cancel_rotation(&mut secrets, secret_id, now)?;
                if !even_if_used {
                    refuse_used(&mut tx, &tenant, &before, &old).await?;
                }
                EventKind::KeyRotationCancelled
            }
        };
        let (was, is) = (changed(&old, &secrets), changed(&secrets, &old));
        // One secret is current at a time: first those that end.
        let mut touched: Vec<_> = is.iter().collect();
        touched.sort_by_key(|it| it.state == SecretState::Current);
        for secret in touched {
            tx.update_secret(&tenant, secret, now).await?;
        }
        tx.update_key(&tenant, &key, before.version).await?;
        let mut info = list::info(&app, &mut tx, &tenant, key_id, now).await?;
        let ended = is.iter().rev().filter(|it| it.state == SecretState::Dead);
        info.secrets.extend(list::with_uses(&mut tx, &tenant, key_id, ended.cloned()).await?);
        keep(idempotency.as_ref(), &mut tx, &tenant, &info, now).await?;
        let event = Event::new(&tenant, kind, key_id, now).before(&written(&was)).after(&written(&is));
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(info))
    })
    .await
}

/// The secrets of a key that are not dead, oldest first, and before them the one that is meant where that is dead already.
async fn find_concerned(tx: &mut Tx, tenant: &Tenant, key_id: KeyId, meant: Option<SecretId>) -> OpResult<Vec<Secret>> {
    let mut secrets = tx.find_live_secrets(tenant, key_id).await?;
    if let Some(id) = meant.filter(|id| secrets.iter().all(|it| it.id != *id)) {
        let dead = tx.find_secrets(tenant, key_id).await?.into_iter().find(|it| it.id == id);
        secrets.splice(..0, dead);
    }
    Ok(secrets)
}

/// Those of the first that are otherwise in the second.
fn changed(secrets: &[Secret], others: &[Secret]) -> Vec<Secret> {
    secrets.iter().zip(others).filter(|(it, other)| it.state != other.state).map(|(it, _)| it.clone()).collect()
}

/// The states of secrets, as the log has them.
fn written(secrets: &[Secret]) -> Value {
    let states = secrets.iter().map(|it| {
        let mut said = match it.state {
            SecretState::Current => json!({ "state": "current" }),
            SecretState::Retiring { until } => json!({ "state": "retiring", "until": until.to_string() }),
            SecretState::Dead => json!({ "state": "dead" }),
        };
        said["id"] = json!(it.id.to_string());
        said["hint"] = json!(it.access_id.as_ref().map(AccessId::hint));
        said
    });
    json!({ "secrets": states.collect::<Vec<_>>() })
}

/// Refuses to take back a secret that something uses already.
async fn refuse_used(connection: &mut Connection, tenant: &Tenant, key: &Key, secrets: &[Secret]) -> OpResult<()> {
    let uses = connection.find_uses(tenant, &[key.id]).await?;
    let current = secrets.iter().find(|it| it.state == SecretState::Current);
    let Some(used) = current.and_then(|it| uses.get(&it.id)) else { return Ok(()) };
    let from = used.ip.map(|it| format!(" from {it}")).unwrap_or_default();
    let detail = format!(
        "The new secret is in use: last at {}{from}. What uses it fails at once when the rotation is cancelled; say `even_if_used` to cancel \
         it all the same.",
        used.last_used_at
    );
    Err(Reject::new(RejectCode::StateConflict, detail).into())
}

/// A rotation that is under way.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The secret that it made.
    pub new: SecretInfo,
    /// The one that this replaced, which is still good.
    pub old: OldSecret,
    /// Those before it that are still good too, from rotations before, the one that was replaced last first.
    pub older: Vec<OldSecret>,
}

impl Rotation {
    /// All old secrets that are still good.
    pub fn all_old(&self) -> impl Iterator<Item = &OldSecret> {
        std::iter::once(&self.old).chain(&self.older)
    }

    /// The old secret with this identifier.
    pub fn find(&self, id: SecretId) -> Option<&OldSecret> {
        self.all_old().find(|it| it.info.secret.id == id)
    }
}

/// An old secret of a key that is still good.
#[derive(Debug, Clone)]
pub struct OldSecret {
    /// The secret.
    pub info: SecretInfo,
    /// Until when it is good, and whether it is the key that ends then.
    pub until: OldUntil,
    /// Until when it can be at most; none where policy lets nobody extend it, or the key ends before.
    pub extendable_until: Option<Timestamp>,
}

impl OldSecret {
    /// Whether something called with it after another one had taken its place.
    pub fn is_used_since(&self) -> bool {
        let replaced_at = self.info.secret.replaced_at.unwrap_or(self.info.secret.created_at);
        self.info.last_use.as_ref().is_some_and(|it| it.at >= replaced_at)
    }
}

/// The rotation of a key that is under way, if one is.
///
/// # Errors
/// An organization that is not known here.
pub fn rotation_of(app: &App, info: &KeyInfo) -> OpResult<Option<Rotation>> {
    let policy = policy_of(app, info.key.organization_id)?;
    Ok(find_rotation(info, &policy, app.now()))
}

fn find_rotation(info: &KeyInfo, policy: &Policy, now: Timestamp) -> Option<Rotation> {
    let max = bounds_of(&info.key, policy).max;
    let new = info.secrets.iter().find(|it| it.secret.state == SecretState::Current)?;
    let old = |it: &SecretInfo| {
        let until = info.key.old_until(&it.secret, now)?;
        let latest = it.secret.extendable_until(max);
        let latest = info.key.expires_at.map_or(latest, |expiry| latest.min(expiry));
        Some(OldSecret { info: it.clone(), until, extendable_until: (until.at < latest).then_some(latest) })
    };
    let mut all: Vec<_> = info.secrets.iter().filter_map(old).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.info.secret.replaced_at));
    let mut all = all.into_iter();
    Some(Rotation { new: new.clone(), old: all.next()?, older: all.collect() })
}
