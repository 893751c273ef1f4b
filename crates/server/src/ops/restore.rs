//! What a restore ends of what a backup brings back: sessions and links, whatever ended after the backup was made, as far as logs of endings
//! tell, and, where nobody can tell, every key that could act, until somebody has looked.
//!
//! Everything is done in the transaction that brings the backup back, each with its event, in a new life of the log. What the backup knows as
//! ended stays so, and what is said of things that it does not know is passed over.

use std::time::Duration;

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Audited as _, Event, EventKind};
use claviger_core::id::{KeyId, MemberId, OrganizationId, SecretId, SharedSecretId, UserId};
use claviger_core::key::{Key, RevocationReason};
use claviger_core::organization::OrganizationStatus;
use claviger_core::policy::Policy;
use claviger_core::secret::SecretState;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::user::{User, UserStatus};
use claviger_store::Store;
use claviger_store::restore::Restoration;
use serde::Serialize;
use serde_json::{Value, json};

use super::admins::{refuse_last, refuse_last_member, root_id};
use super::endings::{Last, What};
use super::error::{Error, OpResult};
use super::keys::count_from_now;
use super::restored_keys::{Fate, RestoredKey, RestoredKeys};

/// Who does it, in the log.
pub(super) const JOB: &str = "restore";
/// Organizations that are read at a time.
const ORGANIZATIONS_PER_PAGE: u32 = 500;
/// The keys that a restore switches off bear an instant of their own, by which they are found again: those that had ended before bear another.
const APART: Duration = Duration::from_millis(1);

/// What a restore ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Console sessions.
    pub sessions: u64,
    /// One-time links that nobody had used.
    pub links: u64,
    /// Keys that were revoked.
    pub keys_revoked: u64,
    /// Keys that were switched off or expire earlier.
    pub keys_narrowed: u64,
    /// Secrets of keys that ended, or end at their time.
    pub secrets: u64,
    /// Shared secrets that ended, or end at their time.
    pub shared_secrets: u64,
    /// Users that were disabled.
    pub users: u64,
    /// Memberships that ended.
    pub members: u64,
    /// Organizations that were suspended.
    pub organizations: u64,
    /// Keys that were switched off because nobody could tell what had become of them.
    pub quarantined: u64,
    /// The keys that were changed otherwise.
    pub keys: RestoredKeys,
    /// The last admin, where that one had ended and was left as it was.
    pub spared: Option<Spared>,
}

/// The last admin, whom a restore leaves as it was: nobody could sign in otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spared {
    /// The user.
    pub user_id: UserId,
    /// What people call them.
    pub name: String,
    /// The sign-in name.
    pub email: Option<String>,
    /// When the user was disabled, or the membership ended.
    pub ended_at: Timestamp,
}

/// What a restore goes by.
#[derive(Debug)]
pub struct Plan {
    /// When the backup was made.
    pub made_at: Timestamp,
    /// What is said last of each thing.
    pub last: Vec<Last>,
    /// Whether every key that could act is switched off.
    pub quarantine: bool,
}

/// Ends what is to be ended of what was brought back. Nothing is committed.
///
/// # Errors
/// What any transaction can meet.
pub async fn end_of_before(tx: &mut Restoration, plan: Plan, now: Timestamp) -> OpResult<Ended> {
    let mut ended = Ended::default();
    (ended.sessions, ended.links) = tx.end_sessions_unchecked().await?;
    let root = Tenant::system(root_id(tx).await?, JOB);
    // Which access tokens were taken back since nobody knows. They live for an hour or a day: all of them are got anew.
    let signing: Vec<_> = tx.find_signing_keys(&root).await?.into_iter().map(|it| it.info.id).collect();
    for id in &signing {
        tx.delete_signing_key(&root, *id).await?;
    }
    let told = json!({
        "backup_made_at": plan.made_at.to_string(),
        "quarantine": plan.quarantine,
        "sessions": ended.sessions,
        "links": ended.links,
    });
    // By this instant the keys are found again that are switched off below.
    let quarantined_at = now.saturating_add(APART);
    let event = Event::new(&root, EventKind::InstallationRestored, root.organization_id(), quarantined_at);
    tx.note(event.after(&told)).await?;
    for Last { at, what, .. } in plan.last {
        let mut ending = Ending { tx: &mut *tx, ended: &mut ended, at, now };
        match what {
            What::Begins | What::Complete => {}
            What::Key { id, organization_id, standing, reason, expires_at, secrets } => {
                let reason = reason.as_deref().and_then(RevocationReason::parse).unwrap_or_default();
                let standing = KeyStanding::parse(&standing);
                ending.key((organization_id, id), (standing, reason, expires_at), &secrets).await?;
            }
            What::SharedSecrets { organization_id, secrets } => {
                ending.shared_secrets(organization_id, &secrets).await?;
            }
            What::User { id, organization_id, status } if UserStatus::parse(&status) == Some(UserStatus::Disabled) => {
                ending.user(organization_id, id).await?;
            }
            What::User { .. } => {}
            What::Member { id, organization_id } => ending.member(organization_id, id).await?,
            What::Organization { id, status } => {
                if OrganizationStatus::parse(&status) == Some(OrganizationStatus::Suspended) {
                    ending.organization(id).await?;
                }
            }
        }
    }
    if plan.quarantine {
        ended.quarantined = quarantine(tx, quarantined_at).await?;
    }
    Ok(ended)
}

/// Ends one thing that ended after the backup.
struct Ending<'a> {
    tx: &'a mut Restoration,
    ended: &'a mut Ended,
    /// When it ended.
    at: Timestamp,
    now: Timestamp,
}

impl Ending<'_> {
    /// What the event says now, with when it had happened.
    fn told(&self, mut after: Value) -> Value {
        after["ended_at"] = json!(self.at.to_string());
        after
    }

    async fn key(
        &mut self,
        (organization_id, id): (OrganizationId, KeyId),
        (standing, reason, expires_at): (Option<KeyStanding>, RevocationReason, Option<Timestamp>),
        alive: &[(SecretId, Option<Timestamp>)],
    ) -> OpResult<()> {
        let tenant = Tenant::system(organization_id, JOB);
        let Some(before) = self.tx.find_key(&tenant, id).await? else { return Ok(()) };
        if before.standing == KeyStanding::Revoked {
            return Ok(());
        }
        let mut key = before.clone();
        if standing == Some(KeyStanding::Revoked) {
            key.revoke(reason, self.now)?;
            self.tx.update_key(&tenant, &key, before.version).await?;
            self.ended.keys_revoked += 1;
            self.remember(&tenant, &key, Fate::Revoked).await?;
            let after = self.told(key.audit());
            let event = Event::new(&tenant, EventKind::KeyRevoked, id, self.now);
            return self.note(event.before(&before).after(&after)).await;
        }
        let mut kind = EventKind::KeyRotationEnded;
        if standing == Some(KeyStanding::Inactive) && key.standing == KeyStanding::Active {
            (key.standing, kind) = (KeyStanding::Inactive, EventKind::KeyDeactivated);
        }
        if let Some(end) = expires_at
            && key.expires_at.is_none_or(|it| end < it)
        {
            key.expires_at = Some(end);
            kind = if kind == EventKind::KeyDeactivated { kind } else { EventKind::KeyUpdated };
        }
        let is_narrowed = kind != EventKind::KeyRotationEnded;
        let (secrets, left) = self.secrets(&tenant, id, alive).await?;
        if !is_narrowed && secrets.is_empty() {
            return Ok(());
        }
        (key.version, key.updated_at) = (before.version + 1, self.now);
        self.tx.update_key(&tenant, &key, before.version).await?;
        self.ended.keys_narrowed += u64::from(is_narrowed);
        if let Some(fate) = is_narrowed.then_some(Fate::Narrowed).into_iter().chain(left).min() {
            self.remember(&tenant, &key, fate).await?;
        }
        let event = Event::new(&tenant, kind, id, self.now);
        if is_narrowed {
            let mut after = self.told(key.audit());
            if !secrets.is_empty() {
                after["ended_secrets"] = json!(secrets);
            }
            return self.note(event.before(&before).after(&after)).await;
        }
        let after = self.told(json!({ "ended_secrets": secrets }));
        self.note(event.after(&after)).await
    }

    /// Ends the secrets of a key that are not alive any more, or not for ever, and says which, and what the key is left with. One that took the place of another after the backup
    /// is not known here: then the key has none that is current, and gets one by the next rotation.
    async fn secrets(
        &mut self,
        tenant: &Tenant,
        key_id: KeyId,
        alive: &[(SecretId, Option<Timestamp>)],
    ) -> OpResult<(Vec<String>, Option<Fate>)> {
        let (mut changed, mut has_current, mut latest) = (Vec::new(), false, None);
        for mut secret in self.tx.find_live_secrets(tenant, key_id).await? {
            let said = alive.iter().find(|(id, _)| *id == secret.id).map(|(_, until)| *until);
            let state = narrowed(secret.state, said, self.now);
            match state.unwrap_or(secret.state) {
                SecretState::Current => has_current = true,
                SecretState::Retiring { until } if self.now < until => latest = latest.max(Some(until)),
                SecretState::Retiring { .. } | SecretState::Dead => {}
            }
            let Some(state) = state else { continue };
            secret.state = state;
            if matches!(state, SecretState::Retiring { .. }) {
                secret.replaced_at = secret.replaced_at.or(Some(self.at.min(self.now)));
            }
            self.tx.update_secret(tenant, &secret, self.now).await?;
            self.ended.secrets += 1;
            changed.push(secret.id.to_string());
        }
        let left = match latest {
            _ if has_current => Fate::OldSecretEnded,
            Some(until) => Fate::OldSecretUntil(until),
            None => Fate::WithoutSecret,
        };
        let is_changed = !changed.is_empty();
        Ok((changed, is_changed.then_some(left)))
    }

    /// Remembers a key for the closing words: whoever restores has to know which ones want something done.
    async fn remember(&mut self, tenant: &Tenant, key: &Key, fate: Fate) -> OpResult<()> {
        if self.ended.keys.count(fate) {
            let organization = self.tx.find_organization(tenant).await?.map(|it| it.name.as_str().to_owned());
            let (organization, name) = (organization.unwrap_or_default(), key.name.as_str().to_owned());
            self.ended.keys.name(RestoredKey { id: key.id, name, organization, fate });
        }
        Ok(())
    }

    async fn shared_secrets(
        &mut self,
        organization_id: OrganizationId,
        alive: &[(SharedSecretId, Option<Timestamp>)],
    ) -> OpResult<()> {
        let tenant = Tenant::system(organization_id, JOB);
        let (mut changed, mut first) = (Vec::new(), None);
        for row in self.tx.find_shared_secrets(&tenant).await? {
            let mut secret = row.secret;
            let said = alive.iter().find(|(id, _)| *id == secret.id).map(|(_, until)| *until);
            let Some(state) = narrowed(secret.state, said, self.now) else { continue };
            secret.state = state;
            self.tx.update_shared_secret(&tenant, &secret, self.now).await?;
            self.ended.shared_secrets += 1;
            changed.push(secret.id.to_string());
            first = first.or(Some(secret.id));
        }
        let Some(first) = first else { return Ok(()) };
        if self.tx.find_shared_secrets(&tenant).await?.is_empty() {
            self.tx.destroy_shared_secret_key(&tenant, self.now).await?;
        }
        let after = self.told(json!({ "ended_secrets": changed }));
        self.note(Event::new(&tenant, EventKind::SharedSecretRotationEnded, first, self.now).after(&after)).await
    }

    async fn user(&mut self, organization_id: OrganizationId, id: UserId) -> OpResult<()> {
        let tenant = Tenant::system(organization_id, JOB);
        let Some(before) = self.tx.find_user(&tenant, id).await? else { return Ok(()) };
        if before.status == UserStatus::Disabled {
            return Ok(());
        }
        if is_last(refuse_last(self.tx, id).await)? {
            self.spare(&before);
            return Ok(());
        }
        let mut user = before.clone();
        (user.status, user.version, user.updated_at) = (UserStatus::Disabled, before.version + 1, self.now);
        self.tx.update_user(&tenant, &user, before.version).await?;
        self.ended.users += 1;
        let after = self.told(user.audit());
        self.note(Event::new(&tenant, EventKind::UserUpdated, id, self.now).before(&before).after(&after)).await
    }

    async fn member(&mut self, organization_id: OrganizationId, id: MemberId) -> OpResult<()> {
        let tenant = Tenant::system(organization_id, JOB);
        let Some(member) = self.tx.find_member(&tenant, id).await? else { return Ok(()) };
        if is_last(refuse_last_member(self.tx, &member).await)? {
            if let Some(user) = self.tx.find_user_unchecked(member.user_id).await? {
                self.spare(&user);
            }
            return Ok(());
        }
        self.tx.delete_member(&tenant, id, member.version).await?;
        // What is more than one event stands for, the job of leavers goes on with.
        self.tx.release_keys(&tenant, member.user_id, None, self.now).await?;
        self.ended.members += 1;
        self.note(Event::new(&tenant, EventKind::MemberDeleted, id, self.now).before(&member)).await
    }

    async fn organization(&mut self, id: OrganizationId) -> OpResult<()> {
        let tenant = Tenant::system(id, JOB);
        let Some(before) = self.tx.find_organization(&tenant).await? else { return Ok(()) };
        if before.status == OrganizationStatus::Suspended {
            return Ok(());
        }
        let mut organization = before.clone();
        organization.status = OrganizationStatus::Suspended;
        (organization.version, organization.updated_at) = (before.version + 1, self.now);
        self.tx.update_organization(&tenant, &organization, before.version).await?;
        self.ended.organizations += 1;
        let after = self.told(organization.audit());
        self.note(Event::new(&tenant, EventKind::OrganizationUpdated, id, self.now).before(&before).after(&after)).await
    }

    /// Remembers the last admin for the closing words: whoever restores has to know that somebody is let in who had been shut out.
    fn spare(&mut self, user: &User) {
        let email = user.email.as_ref().map(ToString::to_string);
        let name = user.name.as_str().to_owned();
        self.ended.spared = Some(Spared { user_id: user.id, name, email, ended_at: self.at });
    }

    async fn note(&mut self, event: Event) -> OpResult<()> {
        self.tx.note(event).await?;
        Ok(())
    }
}

/// Whether this is the last admin, who stays: another one, made after the backup, is not known here, and nobody could sign in.
fn is_last(refused: OpResult<()>) -> OpResult<bool> {
    match refused {
        Ok(()) => Ok(false),
        Err(Error::Reject(_)) => Ok(true),
        Err(other) => Err(other),
    }
}

/// What becomes of a secret of which was said that it is alive, for ever or until an instant, or not any more; absent where that changes nothing.
/// Nothing lives longer by it.
fn narrowed(state: SecretState, said: Option<Option<Timestamp>>, now: Timestamp) -> Option<SecretState> {
    let until = match said {
        Some(None) => return None,
        Some(Some(until)) => until,
        None => return Some(SecretState::Dead),
    };
    match state {
        SecretState::Dead => None,
        SecretState::Retiring { until: own } if own <= until => None,
        SecretState::Current | SecretState::Retiring { .. } if until <= now => Some(SecretState::Dead),
        SecretState::Current | SecretState::Retiring { .. } => Some(SecretState::Retiring { until }),
    }
}

/// Switches off every key that could act. Shared secrets are left: nobody signs in by one without a key that is on.
async fn quarantine(tx: &mut Restoration, at: Timestamp) -> OpResult<u64> {
    let (mut quarantined, mut place) = (0, None);
    loop {
        let organizations = tx.page_organization_ids_unchecked(place, ORGANIZATIONS_PER_PAGE).await?;
        let Some(last) = organizations.last() else { return Ok(quarantined) };
        place = Some(*last);
        for organization_id in organizations {
            let mut after = None;
            loop {
                let keys = tx.quarantine_keys_unchecked(organization_id, after, at).await?;
                let Some(last) = keys.last() else { break };
                after = Some(*last);
                quarantined += keys.len() as u64;
                let tenant = Tenant::system(organization_id, JOB);
                let told = json!({ "key_ids": texts(&keys), "reason": "quarantine" });
                tx.note(Event::new(&tenant, EventKind::KeysDeactivated, organization_id, at).after(&told)).await?;
            }
        }
    }
}

fn texts(keys: &[KeyId]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

/// Switches those keys on again that the last restore has switched off and nobody has changed since, and says how many. Absent where nothing was
/// restored.
///
/// # Errors
/// What any transaction can meet; it can be done again, and goes on.
pub async fn lift_quarantine(store: &Store, now: Timestamp) -> OpResult<Option<u64>> {
    let mut reader = store.read().await?;
    let root = root_id(&mut reader).await?;
    let Some(at) = reader.find_latest_unchecked(root, EventKind::InstallationRestored).await? else { return Ok(None) };
    drop(reader);
    let (mut lifted, mut place) = (0, None);
    loop {
        let organizations = store.read().await?.page_organization_ids_unchecked(place, ORGANIZATIONS_PER_PAGE).await?;
        let Some(last) = organizations.last() else { return Ok(Some(lifted)) };
        place = Some(*last);
        for organization_id in organizations {
            while store.read().await?.has_quarantined_unchecked(organization_id, at).await? {
                lifted += lift(store, organization_id, at, now).await?;
            }
        }
    }
}

async fn lift(store: &Store, organization_id: OrganizationId, at: Timestamp, now: Timestamp) -> OpResult<u64> {
    let tenant = Tenant::system(organization_id, JOB);
    let mut tx = store.begin_structural().await?;
    let path = tx.find_path(&tenant).await?;
    let policy = Policy::of_path(path.iter().map(|it| &it.policy));
    let keys = tx.lift_quarantine_unchecked(organization_id, at, now).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    for key_id in &keys {
        count_from_now(&mut tx, &tenant, &policy, *key_id, now).await?;
    }
    let told = json!({ "key_ids": texts(&keys), "reason": "quarantine" });
    tx.commit(Event::new(&tenant, EventKind::KeysActivated, organization_id, now).after(&told)).await?;
    Ok(keys.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lives_longer_by_what_is_said_of_it() {
        let at = |minute: i64| Timestamp::from_micros(minute * 60_000_000).expect("an instant");
        let (current, retiring) = (SecretState::Current, |minute| SecretState::Retiring { until: at(minute) });
        let now = at(10);
        for (state, said, expected) in [
            (current, Some(None), None),
            (current, None, Some(SecretState::Dead)),
            (current, Some(Some(at(20))), Some(retiring(20))),
            (current, Some(Some(at(9))), Some(SecretState::Dead)),
            (retiring(30), Some(Some(at(20))), Some(retiring(20))),
            (retiring(15), Some(Some(at(20))), None),
            (retiring(15), Some(None), None),
            (retiring(15), None, Some(SecretState::Dead)),
        ] {
            assert_eq!(narrowed(state, said, now), expected, "{state:?} {said:?}");
        }
    }
}
