//! The reader of the log that tells people: whom an event concerns, and what it takes back of what was told before.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_core::ending::Ending;
use claviger_core::event::{EntityKind, EventKind, Stream};
use claviger_core::id::{KeyId, NotificationId, UserId};
use claviger_core::notification::{Facts, Notification, NotificationKind, NotificationState};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Tx;
use claviger_store::clocks::KeyClock;
use claviger_store::log::EventRow;
use claviger_store::readers::LogReader;
use serde_json::Value;

use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::installation;
use crate::ops::readers::take_turn;

/// What is told of a leak.
const LEAKED: [NotificationKind; 2] = [NotificationKind::KeyLeaked; 2];
/// For so long mail waits for more to be said to the same person.
pub(super) const MAIL_AFTER: Duration = Duration::from_secs(120);

/// Goes through what stands in the log and was not told yet.
///
/// # Errors
/// What any transaction can meet; the same events come again.
pub async fn read_log(app: &App) -> OpResult<()> {
    while !app.stop().is_cancelled() && take_turn(app, LogReader::Notifications, Stream::Change, tell_all).await? {}
    Ok(())
}

async fn tell_all(app: &App, tx: &mut Tx, events: &[EventRow]) -> OpResult<()> {
    let mut last = None;
    for event in events {
        let tenant = Tenant::system(event.organization_id, "notifications");
        Teller { app, tx: &mut *tx, event, tenant, last: &mut last }.tell().await?;
    }
    Ok(())
}

/// One event, and what is made of it.
struct Teller<'a> {
    app: &'a App,
    tx: &'a mut Tx,
    event: &'a EventRow,
    tenant: Tenant,
    /// The identifier that was given last.
    last: &'a mut Option<NotificationId>,
}

/// An identifier behind the one before. Lists are in the order of these, and two that were made in one millisecond are in none by chance.
fn behind(last: Option<NotificationId>, made: NotificationId) -> NotificationId {
    match last {
        Some(last) if made <= last => NotificationId::from_u128(last.as_u128().saturating_add(1)),
        _ => made,
    }
}

/// A field of what an entity looked like then.
fn field<'a>(body: Option<&'a Value>, name: &str) -> Option<&'a str> {
    body?.get(name)?.as_str()
}

fn user_in(body: Option<&Value>, name: &str) -> Option<UserId> {
    field(body, name)?.parse().ok()
}

impl Teller<'_> {
    async fn tell(mut self) -> OpResult<()> {
        let (event, job) = (self.event, self.event.job.as_deref());
        let (before, after) = (event.before.as_ref(), event.after.as_ref());
        match event.kind {
            EventKind::KeyIdleNoticed => self.notice(Ending::Idle).await,
            EventKind::KeyExpiryNoticed => self.notice(Ending::Expiry).await,
            EventKind::KeyOldSecretUsed => self.notice(Ending::Overlap).await,
            EventKind::KeyRotated
            | EventKind::KeyRotationEnded
            | EventKind::KeyRotationExtended
            | EventKind::KeyRotationCancelled => self.withdraw(&self.keys(), Ending::Overlap).await,
            EventKind::WebhookDisabled => self.webhook_ended(false).await,
            EventKind::WebhookGone => self.webhook_ended(true).await,
            EventKind::WebhookDeleted => self.webhook_deleted().await,
            EventKind::KeyExpired => {
                self.withdraw(&self.keys(), Ending::Expiry).await?;
                // It has ended: there is nothing left to be kept.
                self.withdraw(&self.keys(), Ending::Idle).await?;
                self.take_back(&self.keys(), LEAKED).await
            }
            // Both count from then.
            EventKind::KeyKept | EventKind::KeyActivated | EventKind::KeysActivated => {
                self.withdraw(&self.keys(), Ending::Idle).await
            }
            // Whoever sets a server up is shown its first key there, and finds no notice of it at the bell.
            EventKind::KeyCreated if job == Some(installation::JOB) => Ok(()),
            EventKind::KeyCreated => self.made(None).await,
            EventKind::KeyUpdated => {
                if field(before, "expires_at") != field(after, "expires_at") {
                    self.withdraw(&self.keys(), Ending::Expiry).await?;
                }
                self.made(user_in(before, "mapped_user_id")).await
            }
            EventKind::OrganizationMoved => self.look_again().await,
            EventKind::OrganizationUpdated | EventKind::OrganizationPolicyUpdated => {
                let policy = |body: Option<&Value>| body.and_then(|it| it.get("policy")).cloned();
                if policy(before) == policy(after) { Ok(()) } else { self.look_again().await }
            }
            EventKind::KeysExtended => self.withdraw(&self.keys(), Ending::Expiry).await,
            EventKind::KeyDeactivated if job == Some("idle") => self.ended(true).await,
            EventKind::KeyRevoked if job == Some("idle") => self.ended(false).await,
            EventKind::KeyLeakReported => self.leaked(false).await,
            EventKind::KeyRevoked if after.is_some_and(|it| it.get("leak").is_some()) => self.leaked(true).await,
            EventKind::SignInEnded if after.is_some_and(|it| it.get("leak").is_some()) => self.token_leaked().await,
            EventKind::KeyRevoked | EventKind::KeysRevoked => self.cleared().await,
            EventKind::UserUpdated
                if field(before, "status") == Some("active") && field(after, "status") != Some("active") =>
            {
                match user_id_of(event) {
                    Some(user_id) => self.gone(user_id).await,
                    None => Ok(()),
                }
            }
            EventKind::MemberDeleted => match user_in(before, "user_id") {
                Some(user_id) => self.gone(user_id).await,
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The keys that the event is about.
    fn keys(&self) -> Vec<KeyId> {
        let many = self.event.after.as_ref().and_then(|it| it.get("key_ids")?.as_array());
        let many = many.into_iter().flatten().filter_map(|it| it.as_str()?.parse().ok());
        let one = (self.event.entity.kind == EntityKind::Key).then(|| KeyId::from_u128(self.event.entity.id));
        one.into_iter().chain(many).collect()
    }

    async fn withdraw(&mut self, keys: &[KeyId], ending: Ending) -> OpResult<()> {
        self.take_back(keys, NotificationKind::of_ending(ending)).await
    }

    async fn take_back(&mut self, keys: &[KeyId], kinds: [NotificationKind; 2]) -> OpResult<()> {
        for key_id in keys {
            self.tx.withdraw_notifications(&self.tenant, *key_id, kinds).await?;
        }
        Ok(())
    }

    /// Another policy may hold for keys that wait for a notice: they are not to wait for one of the days that held before.
    async fn look_again(&mut self) -> OpResult<()> {
        Ok(self.tx.look_again_at_clocks(&self.tenant, self.event.at).await?)
    }

    /// A key ends soon: told to its owner and to the admins concerned, unless it does not any more.
    async fn notice(&mut self, ending: Ending) -> OpResult<()> {
        let Some(key_id) = self.keys().first().copied() else { return Ok(()) };
        let body = self.event.after.as_ref();
        let ends_at: Option<Timestamp> = field(body, "ends_at").and_then(|it| it.parse().ok());
        // An old secret ends without an event that would take this back.
        if ending == Ending::Overlap && ends_at.is_some_and(|it| it <= self.app.now()) {
            return Ok(());
        }
        let clock = self.tx.find_key_clock(&self.tenant, key_id, ending).await?;
        // Of a key with several old secrets the clock has noted the latest end that was told, and those before it stand.
        let stands = |it: &KeyClock| {
            let is_it = match ending {
                Ending::Overlap => ends_at.is_some_and(|at| at <= it.countdown.deadline),
                Ending::Idle | Ending::Expiry => Some(it.countdown.deadline) == ends_at,
            };
            is_it && it.countdown.told.is_some()
        };
        let Some(key) = self.tx.find_key(&self.tenant, key_id).await?.filter(|_| clock.as_ref().is_some_and(stands))
        else {
            return Ok(());
        };
        let [first, again] = NotificationKind::of_ending(ending);
        let is_first = body.and_then(|it| it.get("first")?.as_bool()) == Some(true);
        // The newest notice says it all, but for another old secret.
        if ending != Ending::Overlap {
            self.withdraw(&[key_id], ending).await?;
        }
        let facts = Facts {
            name: key.name.to_string(),
            deactivates: field(body, "action") == Some("deactivate"),
            ..Facts::default()
        };
        let told = self.concerned(key.owner_id).await?;
        self.send(if is_first { first } else { again }, facts, ends_at, told).await
    }

    /// A key has ended for want of use.
    async fn ended(&mut self, deactivates: bool) -> OpResult<()> {
        self.withdraw(&self.keys(), Ending::Idle).await?;
        self.withdraw(&self.keys(), Ending::Expiry).await?;
        if !deactivates {
            self.take_back(&self.keys(), LEAKED).await?;
        }
        let after = self.event.after.as_ref();
        // One that had expired is cleared away: that it ended was told before.
        let expired_at: Option<Timestamp> = field(after, "expires_at").and_then(|it| it.parse().ok());
        if expired_at.is_some_and(|it| it <= self.event.at) {
            return Ok(());
        }
        let name = field(after, "name").unwrap_or_default().to_owned();
        let told = self.concerned(user_in(after, "owner_id")).await?;
        self.send(NotificationKind::KeyIdleEnded, Facts { name, deactivates, ..Facts::default() }, None, told).await
    }

    /// Somebody deleted keys: told to whom they belonged.
    async fn cleared(&mut self) -> OpResult<()> {
        let keys = self.keys();
        self.all_over(&keys).await?;
        if self.event.job.is_some() {
            return Ok(());
        }
        for key in self.tx.find_keys(&self.tenant, &keys).await? {
            let is_personal = key.personal;
            let facts = Facts { name: key.name.to_string(), by: self.who(), is_personal, ..Facts::default() };
            let told = key.owner_id.into_iter().collect();
            self.send_about(NotificationKind::KeyCleared, key.id.to_string(), facts, None, told).await?;
        }
        Ok(())
    }

    /// Keys are deleted: nothing that was told of them is still to come.
    async fn all_over(&mut self, keys: &[KeyId]) -> OpResult<()> {
        for ending in Ending::ALL {
            self.withdraw(keys, ending).await?;
        }
        self.take_back(keys, LEAKED).await
    }

    /// A key leaked: told to its owner, to whom it acts for, and to the admins concerned. Where it was found stands in the audit and not here: anybody
    /// may have written that, and people follow what a mail of ours says.
    async fn leaked(&mut self, is_ended: bool) -> OpResult<()> {
        let keys = self.keys();
        if is_ended {
            self.all_over(&keys).await?;
        } else {
            // However often it is reported, the newest notice says it all.
            self.take_back(&keys, LEAKED).await?;
        }
        let Some(key_id) = keys.first().copied() else { return Ok(()) };
        let Some(key) = self.tx.find_key(&self.tenant, key_id).await? else { return Ok(()) };
        let mut told = self.concerned(key.owner_id).await?;
        told.extend(key.mapped_user_id);
        let facts = Facts { name: key.name.to_string(), is_ended, ..Facts::default() };
        self.send(NotificationKind::KeyLeaked, facts, None, told).await
    }

    /// A token leaked, and its sign-in was ended: told to whom its key concerns, since whoever let it out may let out the next one. Each by itself: it
    /// takes back nothing that was told of the key, which may still want somebody to do something.
    async fn token_leaked(&mut self) -> OpResult<()> {
        let key_id = field(self.event.after.as_ref(), "key_id").and_then(|it| it.parse().ok());
        let key = match key_id {
            Some(key_id) => self.tx.find_key(&self.tenant, key_id).await?,
            None => None,
        };
        let Some(key) = key else { return Ok(()) };
        let mut told = self.concerned(key.owner_id).await?;
        told.extend(key.mapped_user_id);
        let facts = Facts { name: key.name.to_string(), is_token: true, ..Facts::default() };
        self.send_about(NotificationKind::KeyLeaked, key.id.to_string(), facts, None, told).await
    }

    /// A key acts for somebody from now on who did not do it before.
    async fn made(&mut self, before: Option<UserId>) -> OpResult<()> {
        let after = self.event.after.as_ref();
        let mapped = user_in(after, "mapped_user_id").filter(|it| Some(*it) != before);
        let facts =
            Facts { name: field(after, "name").unwrap_or_default().to_owned(), by: self.who(), ..Facts::default() };
        self.send(NotificationKind::KeyMade, facts, None, mapped.into_iter().collect()).await
    }

    /// A webhook was disabled, since its receiver failed for too long, or has ended, since that said so: told to the owner of its key and to the
    /// admins concerned.
    async fn webhook_ended(&mut self, is_gone: bool) -> OpResult<()> {
        let after = self.event.after.as_ref();
        let word = |name: &str| field(after, name).filter(|it| !it.is_empty());
        let described = word("description");
        let name = described.or(word("target")).unwrap_or_default().to_owned();
        let heard = word("entity").zip(word("operation")).filter(|_| described.is_none());
        let hears = heard.map(|(entity, operation)| format!("{entity}.{operation}"));
        let key_id = word("key_id").and_then(|it| it.parse().ok());
        let key = match key_id {
            Some(key_id) => self.tx.find_key(&self.tenant, key_id).await?,
            None => None,
        };
        let told = self.concerned(key.and_then(|it| it.owner_id)).await?;
        let facts = Facts { name, hears, is_gone, ..Facts::default() };
        self.send(NotificationKind::WebhookDisabled, facts, None, told).await
    }

    /// A webhook is deleted: there is nothing left to be played, and nothing that a notice could lead to.
    async fn webhook_deleted(&mut self) -> OpResult<()> {
        let kinds = [NotificationKind::WebhookDisabled; 2];
        Ok(self.tx.withdraw_notifications(&self.tenant, self.event.entity, kinds).await?)
    }

    /// Somebody is disabled, or was removed, whom keys hang on here or below: told to the admins. What hangs on them elsewhere is nobody's business here.
    async fn gone(&mut self, user_id: UserId) -> OpResult<()> {
        if !self.tx.has_live_keys(&self.tenant, user_id).await? {
            return Ok(());
        }
        let name = self.event.entity_name.as_ref().map(ToString::to_string);
        let name = match name {
            Some(name) => name,
            None => self.tx.find_user_unchecked(user_id).await?.map(|it| it.name.to_string()).unwrap_or_default(),
        };
        let mut told = self.concerned(None).await?;
        told.remove(&user_id);
        let facts = Facts { name, by: self.who(), ..Facts::default() };
        self.send_about(NotificationKind::OwnerGone, user_id.to_string(), facts, None, told).await
    }

    fn who(&self) -> Option<String> {
        self.event.user_name.as_ref().map(ToString::to_string)
    }

    async fn concerned(&mut self, owner_id: Option<UserId>) -> OpResult<BTreeSet<UserId>> {
        let admins = self.tx.find_admins_concerned(&self.tenant).await?;
        Ok(admins.into_iter().chain(owner_id).collect())
    }

    async fn send(
        &mut self,
        kind: NotificationKind,
        facts: Facts,
        deadline: Option<Timestamp>,
        told: BTreeSet<UserId>,
    ) -> OpResult<()> {
        self.send_about(kind, self.event.entity.to_string(), facts, deadline, told).await
    }

    /// Tells everybody but who did it, each in the way they chose.
    async fn send_about(
        &mut self,
        kind: NotificationKind,
        subject_id: String,
        facts: Facts,
        deadline: Option<Timestamp>,
        told: BTreeSet<UserId>,
    ) -> OpResult<()> {
        let now = self.app.now();
        // A scanner that reports has a key, and whose name that bears knows nothing of it.
        let is_scanners = kind == NotificationKind::KeyLeaked && self.event.key_id.is_some();
        let who = self.event.user_id.filter(|_| !is_scanners);
        for user_id in told {
            if who == Some(user_id) || !self.tx.is_recipient_unchecked(user_id).await? {
                continue;
            }
            let channels = self.tx.find_channels_unchecked(user_id, kind).await?;
            let mail_from =
                Some(now.saturating_add(MAIL_AFTER)).filter(|_| channels.mail && self.app.config().sends_mail());
            if !channels.in_app && mail_from.is_none() {
                continue;
            }
            let id = behind(*self.last, NotificationId::new(now, &mut *self.app.rng()));
            *self.last = Some(id);
            let notification = Notification {
                id,
                user_id,
                organization_id: self.event.organization_id,
                kind,
                subject_id: subject_id.clone(),
                facts: facts.clone(),
                deadline,
                // Who wants it by mail alone does not find it at the bell too.
                state: if channels.in_app { NotificationState::Unread } else { NotificationState::Dismissed },
                created_at: now,
            };
            self.tx.insert_notification(&self.tenant, &notification, self.event.id, mail_from).await?;
        }
        Ok(())
    }
}

fn user_id_of(event: &EventRow) -> Option<UserId> {
    (event.entity.kind == EntityKind::User).then(|| UserId::from_u128(event.entity.id))
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn what_is_told_in_one_millisecond_stands_in_the_order_in_which_it_was_told() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let mut last = None;
        for _ in 0..100 {
            let next = behind(last, NotificationId::new(Timestamp::MIN, &mut rng));
            assert!(last < Some(next), "{last:?} {next}");
            last = Some(next);
        }
    }
}
