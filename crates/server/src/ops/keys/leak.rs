//! A leak that somebody reports: the secret is found by its digest, and policy says what becomes of its key. Of a token the sign-in is ended.

use std::sync::Arc;

use claviger_core::access_token::TokenKind;
use claviger_core::event::{Audited, Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::{Key, RevocationReason};
use claviger_core::name::{Description, Name};
use claviger_core::policy::LeakAction;
use claviger_core::reject::Reject;
use claviger_core::secret::{Digest, SECRET_CHARS, Shape, shape};
use claviger_core::tenant::Tenant;
use claviger_store::imports::Known;
use claviger_store::{Hold, Tx};
use claviger_verifier::credential::Presented;
use claviger_verifier::tokens::Proven;
use claviger_verifier::verify::{About, Ask};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::create::policy_of;
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::OpResult;
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::receipts;
use crate::ops::tokens::end_sign_in;
use crate::ops::transaction::{begin_beside, commit, on_task, settle};
use crate::ops::verify::Subject;

/// A leaked secret. It is looked for and then forgotten: neither the event nor the log has it.
#[derive(Debug)]
pub struct Leak {
    /// The secret, as it was found.
    pub subject: Subject,
    /// Where it was found, in the reporter's words.
    pub found_at: Option<Description>,
}

impl Leak {
    /// A report whose place does not hold the secret.
    ///
    /// # Errors
    /// [`claviger_core::reject::RejectCode::InvalidField`] where `found_at` holds it: that text stands in the audit, which people read and export.
    pub fn new(subject: Subject, found_at: Option<Description>) -> Result<Self, Reject> {
        let told = found_at.as_ref().map_or("", Description::as_str);
        if secret_parts(&subject).iter().any(|it| !it.is_empty() && told.contains(it)) {
            return Err(Reject::field("/found_at", "must not hold the key itself: say only where it was found"));
        }
        Ok(Self { subject, found_at })
    }
}

/// What of a leaked credential is secret: all of it, and of a key of ours also its second part alone.
fn secret_parts(subject: &Subject) -> Vec<&str> {
    match subject {
        Subject::Key(token) => {
            let token = token.expose_secret().trim();
            // Also where its checksum is wrong: who mistyped one character has still told the rest.
            let own = !matches!(shape(token.as_bytes()), Shape::Foreign);
            let secret = own.then(|| &token[token.len() - SECRET_CHARS..]);
            // As Basic has a pair.
            let password = token.split_once(':').map(|(_, it)| it);
            [Some(token), secret, password].into_iter().flatten().collect()
        }
        Subject::Pair { secret, .. } => vec![secret.expose_secret().trim()],
    }
}

/// What a report came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeakOutcome {
    /// No key that the caller may revoke has this secret.
    Unknown,
    /// It was good for nothing any more.
    Dead,
    /// Its key is revoked now.
    Revoked,
    /// It is on record, and the key is still good.
    Reported,
    /// It was a token that stands for a key for a while: the sign-in it comes from is ended, and the key is as good as before.
    TokenEnded,
}

/// The answer to a report.
#[derive(Debug, Clone)]
pub struct LeakReport {
    /// What it came to.
    pub outcome: LeakOutcome,
    /// The key, where the caller may revoke it: its identifier, its organization, its name.
    pub key: Option<(KeyId, OrganizationId, Name)>,
}

impl LeakReport {
    const UNKNOWN: Self = Self { outcome: LeakOutcome::Unknown, key: None };

    fn of(outcome: LeakOutcome, key: &Key) -> Self {
        Self { outcome, key: Some((key.id, key.organization_id, key.name.clone())) }
    }
}

/// What a report does to keys of an organization, for who may report some.
///
/// # Errors
/// Refusals.
pub fn leak_action(app: &App, caller: &Caller, organization_id: OrganizationId) -> OpResult<LeakAction> {
    caller.authorize_keys(app, organization_id, "delete")?;
    Ok(policy_of(app, organization_id)?.leak_action)
}

/// Takes the report of a leaked secret of an organization or of one below it. Who may not revoke its key is told no more than of one that
/// never was.
///
/// # Errors
/// Refusals of the caller; what is wrong with the secret is an answer, not an error.
pub async fn report_leak(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    leak: Leak,
    idempotency: Option<Idempotency<LeakReport>>,
) -> OpResult<Answer<LeakReport>> {
    caller.authorize_keys(app, organization_id, "delete")?;
    // By whether there is a receipt nobody shall tell a key that is not theirs from none.
    receipts::note_present(app);
    let Some(found) = Found::of(app, &leak.subject) else { return Ok(Answer::Fresh(LeakReport::UNKNOWN)) };
    let place = found.place;
    let is_below = app.replica().path(place).contains(&organization_id);
    if !is_below || caller.authorize_keys(app, place, "delete").is_err() {
        return Ok(Answer::Fresh(LeakReport::UNKNOWN));
    }
    let (task, caller, found_at) = (app.clone(), caller.clone(), leak.found_at);
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize_keys(&app, place, "delete");
        let (mut tx, (tenant, whose)) = begin_beside(&app, &caller, [Hold::alone(found.key_id)], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let (report, event) = found.end(&app, &mut tx, &tenant, whose, told(found_at.as_ref())).await?;
        let Some(event) = event else { return Ok(Answer::Fresh(report)) };
        keep(idempotency.as_ref(), &mut tx, &tenant, &report, app.now()).await?;
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(report))
    })
    .await
}

/// Takes the report of a leaked secret of any organization, by somebody who is no caller here: `job` stands in the audit for who it was.
///
/// # Errors
/// What any change can meet; what is wrong with the secret is an answer, not an error.
pub async fn report_found(app: &App, job: &'static str, leak: Leak) -> OpResult<LeakOutcome> {
    let Some(found) = Found::of(app, &leak.subject) else { return Ok(LeakOutcome::Unknown) };
    let (task, found_at) = (app.clone(), leak.found_at);
    on_task(app, async move {
        let app = task;
        let tenant = Tenant::system(found.place, job);
        let mut tx = app.store().begin().await?;
        tx.hold([Hold::alone(found.key_id)]).await?;
        // Policy is read from memory, which has to know what the transaction sees.
        settle(&app, &mut tx).await?;
        let (report, event) = found.end(&app, &mut tx, &tenant, Whose::All, told(found_at.as_ref())).await?;
        if let Some(event) = event {
            commit(&app, tx, event).await?;
        }
        Ok(report.outcome)
    })
    .await
}

fn told(found_at: Option<&Description>) -> Value {
    json!({ "found_at": found_at.map(Description::as_str) })
}

/// What a leaked secret leads to.
struct Found {
    token: Option<Arc<Proven>>,
    digest: Option<Digest>,
    key_id: KeyId,
    place: OrganizationId,
}

impl Found {
    fn of(app: &App, subject: &Subject) -> Option<Self> {
        if let Some(token) = token_of(app, subject) {
            let (key_id, place) = (token.key_id(), app.replica().organization_of(token.key_id())?);
            return Some(Self { token: Some(token), digest: None, key_id, place });
        }
        let (digest, key_id, place) = locate(app, subject)?;
        Some(Self { token: None, digest: Some(digest), key_id, place })
    }

    /// Does what policy says, and says what there is to be committed; no event where nothing changes.
    async fn end(
        self,
        app: &App,
        tx: &mut Tx,
        tenant: &Tenant,
        whose: Whose,
        told: Value,
    ) -> OpResult<(LeakReport, Option<Event>)> {
        let key_id = self.key_id;
        let key = tx.find_key(tenant, key_id).await?;
        let is_reporters = |it: &Key| match whose {
            Whose::All => true,
            Whose::Own(user_id) => it.owner_id == Some(user_id),
        };
        let Some(before) = key.filter(is_reporters) else { return Ok((LeakReport::UNKNOWN, None)) };
        let now = app.now();
        if let Some(token) = self.token {
            let ended =
                if now < token.expires_at() { end_sign_in(tx, tenant, &token, &told, now).await? } else { None };
            let outcome = if ended.is_some() { LeakOutcome::TokenEnded } else { LeakOutcome::Dead };
            return Ok((LeakReport::of(outcome, &before), ended));
        }
        let known = match self.digest {
            Some(digest) => tx.find_digests(tenant, &[digest]).await?,
            None => Vec::new(),
        };
        if !matches!(known[..], [Some(Known::Own(id))] if id == key_id) {
            return Ok((LeakReport::of(LeakOutcome::Dead, &before), None));
        }
        Ok(match policy_of(app, self.place)?.leak_action {
            LeakAction::Revoke => {
                let mut key = before.clone();
                key.revoke(RevocationReason::KeyCompromise, now)?;
                tx.update_key(tenant, &key, before.version).await?;
                let event = Event::new(tenant, EventKind::KeyRevoked, key_id, now).before(&before);
                (LeakReport::of(LeakOutcome::Revoked, &key), Some(event.after(&with_leak(&key, told))))
            }
            LeakAction::Notify => {
                let event = Event::new(tenant, EventKind::KeyLeakReported, key_id, now);
                (LeakReport::of(LeakOutcome::Reported, &before), Some(event.after(&told)))
            }
        })
    }
}

/// The token that was found, of either kind, where one of our keys has signed it.
fn token_of(app: &App, subject: &Subject) -> Option<Arc<Proven>> {
    let Subject::Key(text) = subject else { return None };
    let text = text.expose_secret().trim().as_bytes();
    let prove = |kind| app.replica().prove(text, kind, app.now());
    prove(TokenKind::Access).or_else(|| prove(TokenKind::Refresh))
}

/// Which key has a secret, in whatever form it was found: asked of memory, which holds every digest that was ever good in the last 90 days.
/// No use is counted, so that the last use of the key still tells something.
fn locate(app: &App, subject: &Subject) -> Option<(Digest, KeyId, OrganizationId)> {
    let presented = match subject {
        Subject::Key(token) => Presented::token(token.expose_secret().trim().as_bytes()),
        Subject::Pair { access, secret } => {
            Presented::pair(access.expose_secret().trim().as_bytes(), secret.expose_secret().trim().as_bytes())
        }
    };
    let presented = presented.ok()?;
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
    let verdict = app.replica().verify(&presented, &ask, app.now());
    let facts = verdict.facts()?;
    Some((presented.digest(), facts.key_id(), facts.key_organization_id()))
}

/// A key for the audit, and where its secret was found.
fn with_leak(key: &Key, told: Value) -> Value {
    let mut audit = key.audit();
    audit["leak"] = told;
    audit
}
