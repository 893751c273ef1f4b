//! Bulk work: many keys activated, deactivated, revoked or extended, each judged as if it were the only one.
//!
//! One request changes at most [`KEYS_PER_BULK_MAX`] keys in one transaction with one event, and says where to go on. What one key is refused
//! for leaves it out, and holds no other back.

use std::collections::BTreeSet;

use claviger_core::decision::{Code, KeyStanding};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::{Key, KeyPatch, RevocationReason, refuse_past_expiry};
use claviger_core::limits::KEYS_PER_BULK_MAX;
use claviger_core::policy::Policy;
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::{Connection, Hold};
use serde_json::json;

use super::change::bury_old_secrets;
use super::create::policy_of;
use super::keep::count_from_now;
use super::rules::{Granted, check_expiry};
use super::switching::refuse_to_undo_others;
use super::{KeyQuery, list};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::transaction::{begin_beside, commit, on_task};

/// What becomes of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkChange {
    /// They are switched on.
    Activate,
    /// They are switched off.
    Deactivate,
    /// They are revoked for ever.
    Revoke(RevocationReason),
    /// They end at this instant, or never; none ends earlier than before.
    Extend(Option<Timestamp>),
}

impl BulkChange {
    const fn action(self) -> &'static str {
        match self {
            Self::Revoke(_) => "delete",
            Self::Activate | Self::Deactivate | Self::Extend(_) => "update",
        }
    }

    const fn kind(self) -> EventKind {
        match self {
            Self::Activate => EventKind::KeysActivated,
            Self::Deactivate => EventKind::KeysDeactivated,
            Self::Revoke(_) => EventKind::KeysRevoked,
            Self::Extend(_) => EventKind::KeysExtended,
        }
    }
}

/// Which keys are meant.
#[derive(Debug, Clone)]
pub enum Selection {
    /// These, at most [`KEYS_PER_BULK_MAX`].
    Keys(Vec<KeyId>),
    /// All that a query finds, behind a key in the order of identifiers.
    Found {
        /// The query; its order does not count.
        query: Box<KeyQuery>,
        /// Where to go on.
        after: Option<KeyId>,
    },
}

/// A key that was left as it is, and why.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// The key.
    pub key_id: KeyId,
    /// Why.
    pub reject: Reject,
}

/// What bulk work came to.
#[derive(Debug, Clone, Default)]
pub struct BulkOutcome {
    /// Whether nothing was changed and it was only asked what would be.
    pub dry_run: bool,
    /// How many keys were changed.
    pub done: usize,
    /// How many were so already.
    pub unchanged: usize,
    /// Those that were refused.
    pub left_out: Vec<LeftOut>,
    /// Behind which key there are more that the query finds; absent at the end.
    pub next: Option<KeyId>,
}

/// Changes many keys.
///
/// # Errors
/// Refusals of the caller; what single keys are refused for is in the outcome.
pub async fn change_keys(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    selection: Selection,
    change: BulkChange,
    dry_run: bool,
    idempotency: Option<Idempotency<BulkOutcome>>,
) -> OpResult<Answer<BulkOutcome>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, organization_id, change.action());
        let (tenant, whose) = authorize()?;
        let now = app.now();
        // They are known before the transaction begins, since all that it relies on is held at once.
        let held = {
            let mut reader = app.store().read().await?;
            find(&mut reader, &tenant, whose, &selection, now).await?
        };
        let holds: Vec<_> = held.ids.iter().map(|it| Hold::alone(*it)).collect();
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, holds, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        if let BulkChange::Extend(expires_at) = change {
            // Else each key alone would be refused for what the request got wrong.
            refuse_past_expiry(expires_at, now)?;
        }
        let Part { ids, next } = match &selection {
            Selection::Keys(_) => held,
            Selection::Found { .. } => held.still_in(&find(&mut tx, &tenant, whose, &selection, now).await?),
        };
        let policy = policy_of(&app, organization_id)?;
        let judge = Judge { app: &app, caller: &caller, tenant: &tenant, whose, policy: &policy, change, now };
        let mut outcome = BulkOutcome { dry_run, next, ..BulkOutcome::default() };
        let mut changed = Vec::new();
        let wanted: Vec<_> = ids.iter().copied().collect();
        let mut missing = ids;
        for before in tx.find_keys(&tenant, &wanted).await? {
            missing.remove(&before.id);
            match judge.changed(&mut tx, &before).await {
                Ok(Some(key)) => {
                    changed.push(key.id.to_string());
                    if !dry_run {
                        bury_old_secrets(&mut tx, &tenant, (&before, &key), now).await?;
                        tx.update_key(&tenant, &key, before.version).await?;
                    }
                    if change == BulkChange::Activate && !dry_run {
                        count_from_now(&mut tx, &tenant, &policy, key.id, now).await?;
                    }
                }
                Ok(None) => outcome.unchanged += 1,
                Err(Error::Reject(reject)) => outcome.left_out.push(LeftOut { key_id: before.id, reject }),
                Err(fault) => return Err(fault),
            }
        }
        let not_there = missing.into_iter().map(|key_id| LeftOut { key_id, reject: Reject::not_found() });
        outcome.left_out.extend(not_there);
        outcome.left_out.sort_by_key(|it| it.key_id);
        outcome.done = changed.len();
        if dry_run || changed.is_empty() {
            return Ok(Answer::Fresh(outcome));
        }
        keep(idempotency.as_ref(), &mut tx, &tenant, &outcome, now).await?;
        let what = match change {
            BulkChange::Activate | BulkChange::Deactivate => json!({ "key_ids": changed }),
            BulkChange::Revoke(reason) => json!({ "key_ids": changed, "reason": reason.as_str() }),
            BulkChange::Extend(at) => json!({ "key_ids": changed, "expires_at": at.map(|it| it.to_string()) }),
        };
        commit(&app, tx, Event::new(&tenant, change.kind(), organization_id, now).after(&what)).await?;
        Ok(Answer::Fresh(outcome))
    })
    .await
}

/// Some of the keys that are meant.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    ids: BTreeSet<KeyId>,
    /// Behind which key there are more; absent at the end.
    next: Option<KeyId>,
}

impl Part {
    /// What is left once it was looked again. What has ceased to be found meanwhile is not meant any more, and what is found only now was not
    /// held.
    fn still_in(&self, found: &Self) -> Self {
        // Behind where either look has ended nothing is known to be in both.
        let next = self.next.into_iter().chain(found.next).min();
        Self { ids: self.ids.intersection(&found.ids).copied().collect(), next }
    }
}

/// The keys that are meant, as far as one request goes.
async fn find(
    connection: &mut Connection,
    tenant: &Tenant,
    whose: Whose,
    selection: &Selection,
    now: Timestamp,
) -> OpResult<Part> {
    let (query, after) = match selection {
        Selection::Keys(ids) => return Ok(Part { ids: ids.iter().copied().collect(), next: None }),
        Selection::Found { query, after } => (query, *after),
    };
    let Some(filter) = list::filter(connection, tenant, whose, query).await? else {
        return Ok(Part::default());
    };
    if query.blocked.is_some() {
        // What a row does not say would be passed over here, and everything else be changed that the filter lets through.
        return Err(Reject::field("/blocked", "is no filter of bulk work; name the keys").into());
    }
    let (ids, next) = connection.find_key_ids(tenant, &filter, after, KEYS_PER_BULK_MAX, now).await?;
    Ok(Part { ids: ids.into_iter().collect(), next })
}

/// What every key is judged by.
struct Judge<'a> {
    app: &'a App,
    caller: &'a Caller,
    tenant: &'a Tenant,
    whose: Whose,
    policy: &'a Policy,
    change: BulkChange,
    now: Timestamp,
}

impl Judge<'_> {
    /// The key as it is to be; nothing where it is so already.
    async fn changed(&self, connection: &mut Connection, before: &Key) -> OpResult<Option<Key>> {
        if !list::is_visible(self.whose, before) {
            return Err(Reject::not_found().into());
        }
        if let Whose::Own(user_id) = self.whose
            && before.owner_id != Some(user_id)
        {
            return Err(Reject::from(Code::InsufficientPermission).into());
        }
        let mut key = before.clone();
        match self.change {
            BulkChange::Activate => {
                key.set_active(true, self.now)?;
                if key.standing == before.standing {
                    return Ok(None);
                }
                refuse_to_undo_others(connection, self.tenant, self.whose, key.id).await?;
                Granted::from(&key).refuse_beyond_own(self.app, self.caller, connection, self.tenant).await?;
                Ok(Some(key))
            }
            BulkChange::Deactivate => {
                key.set_active(false, self.now)?;
                Ok((key.standing != before.standing).then_some(key))
            }
            BulkChange::Revoke(_) if before.standing == KeyStanding::Revoked => Ok(None),
            BulkChange::Revoke(reason) => {
                key.revoke(reason, self.now)?;
                Ok(Some(key))
            }
            BulkChange::Extend(expires_at) => {
                let patch = KeyPatch { expires_at: Some(expires_at), ..KeyPatch::default() };
                key.update(patch, self.now)?;
                let is_later = before.expires_at.is_some_and(|end| expires_at.is_none_or(|it| it > end));
                if !is_later {
                    return Ok(None);
                }
                Granted::from(&key).refuse_beyond_own(self.app, self.caller, connection, self.tenant).await?;
                check_expiry(self.policy, expires_at, self.now)?;
                Ok(Some(key))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(ids: &[u128], next: Option<u128>) -> Part {
        Part { ids: ids.iter().map(|it| KeyId::from_u128(*it)).collect(), next: next.map(KeyId::from_u128) }
    }

    #[test]
    fn no_key_is_skipped_when_others_come_or_go_between_two_looks() {
        let held = part(&[2, 3, 5], Some(5));
        // One has come to be found, so that the second look ends before the last one that is held.
        assert_eq!(held.still_in(&part(&[1, 2, 3], Some(3))), part(&[2, 3], Some(3)));
        // One has gone, so that the second look goes on to one that was not held.
        assert_eq!(held.still_in(&part(&[2, 5, 6], Some(6))), part(&[2, 5], Some(5)));
        // Either look may have come to the end.
        assert_eq!(held.still_in(&part(&[2, 3], None)), part(&[2, 3], Some(5)));
        assert_eq!(part(&[2, 3, 5], None).still_in(&part(&[1, 2, 3], Some(3))), part(&[2, 3], Some(3)));
        assert_eq!(part(&[2], None).still_in(&part(&[2], None)), part(&[2], None));
    }
}
