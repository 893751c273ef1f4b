//! The keys that sign access tokens: one signs, the next is published long before it does, and the ones before stay published until nothing
//! they signed is good any more.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use claviger_core::access_token::{SigningKey, SigningKeyInfo, SigningKeyState};
use claviger_core::event::{Entity, Event, EventKind};
use claviger_core::feed::SigningKeyRecord;
use claviger_core::id::SigningKeyId;
use claviger_core::limits::{REFRESH_TOKEN_SECS, SIGNING_KEY_DAYS};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::sealing::Purpose;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Tx;
use claviger_store::signing_keys::SigningKeyRow;
use serde_json::json;

use crate::app::App;
use crate::ops::admins::root_id;
use crate::ops::caller::Caller;
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency, keep, replay};
use crate::ops::sealing::{data_key, opened};
use crate::ops::transaction::{begin, commit, on_task};

const JOB: &str = "signing-keys";
const USED_FOR: Duration = Duration::from_secs(SIGNING_KEY_DAYS * 24 * 60 * 60);
/// How long nobody tries again who only asks.
const TRIED_EVERY: Duration = Duration::from_secs(10);
const KEPT_FOR: Duration = Duration::from_secs(REFRESH_TOKEN_SECS);

/// When the first key was tried to be made for somebody who only asks which there are.
#[derive(Debug, Default)]
pub struct FirstSigningKey(Mutex<Option<Timestamp>>);

impl FirstSigningKey {
    /// Whether it may be tried now, and then nobody else may for a while: anybody may ask, and a try takes the database for itself.
    fn may_try(&self, now: Timestamp) -> bool {
        let mut tried_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may_try = tried_at.is_none_or(|it| TRIED_EVERY <= now.since(it));
        if may_try {
            *tried_at = Some(now);
        }
        may_try
    }
}

/// The keys whose signatures are taken. Where there is none yet the first one is made: whoever checks tokens by themselves keeps an empty set, and
/// would refuse the first token. Not at the start, where a node may be without its master key, and most installations never need one. Where none can
/// be made there is none, and the fault stands in the log.
pub async fn published_keys(app: &App) -> Vec<SigningKeyRecord> {
    let now = app.now();
    let published = || {
        let keys = app.replica().signing_keys().into_iter();
        keys.filter(|it| it.retired_until.is_none_or(|until| now < until)).collect::<Vec<_>>()
    };
    let keys = published();
    if !keys.is_empty() || !app.first_signing_key().may_try(now) {
        return keys;
    }
    if let Err(error) = current(app).await {
        tracing::warn!(%error, "no key that signs access tokens can be made, so none is published");
    }
    published()
}

/// The key that signs now; the first one is made when it is first needed.
pub(super) async fn current(app: &App) -> OpResult<SigningKey> {
    let tenant = root(app).await?;
    let rows = app.store().read().await?.find_signing_keys(&tenant).await?;
    if let Some(row) = find(&rows, SigningKeyState::Current) {
        return open(app, &tenant, row);
    }
    let task = app.clone();
    on_task(app, async move { make_first(&task).await }).await?;
    let rows = app.store().read().await?.find_signing_keys(&tenant).await?;
    let row = find(&rows, SigningKeyState::Current);
    open(app, &tenant, row.ok_or_else(|| Error::Internal("no key signs access tokens".to_owned()))?)
}

fn find(rows: &[SigningKeyRow], state: SigningKeyState) -> Option<&SigningKeyRow> {
    rows.iter().find(|it| it.info.state == state)
}

/// The installation's signing keys, in the order in which they were made. Needs `claviger/signing-keys:read` at the root.
///
/// # Errors
/// Refusals.
pub async fn list_signing_keys(app: &App, caller: &Caller) -> OpResult<Vec<SigningKeyInfo>> {
    let tenant =
        caller.authorize(app, root_id(&mut *app.store().read().await?).await?, "claviger/signing-keys:read")?;
    let rows = app.store().read().await?.find_signing_keys(&tenant).await?;
    Ok(rows.into_iter().map(|it| it.info).collect())
}

/// Lets the next key sign from now on, and publishes another next one. With `revoke` whatever this key and those before it have signed is good
/// no more at once: for when one has leaked. Else it stays published until nothing that it signed is good any more. Needs `claviger/signing-keys:update` at
/// the root.
///
/// # Errors
/// Refusals.
pub async fn rotate_signing_keys(
    app: &App,
    caller: &Caller,
    revoke: bool,
    idempotency: Option<Idempotency<Vec<SigningKeyInfo>>>,
) -> OpResult<Answer<Vec<SigningKeyInfo>>> {
    let root = root_id(&mut *app.store().read().await?).await?;
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, root, "claviger/signing-keys:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let now = app.now();
        let event = rotate(&app, &mut tx, &tenant, revoke, now).await?;
        let keys: Vec<_> = tx.find_signing_keys(&tenant).await?.into_iter().map(|it| it.info).collect();
        keep(idempotency.as_ref(), &mut tx, &tenant, &keys, now).await?;
        commit(&app, tx, event).await?;
        Ok(Answer::Fresh(keys))
    })
    .await
}

/// Lets the next key sign once the present one has for long enough, and removes those of which nothing is good any more. Makes none: where
/// nobody signs in, or asks for the key set, there is none.
///
/// # Errors
/// What any transaction can meet; it is tried again.
pub async fn keep_signing_keys(app: &App) -> OpResult<()> {
    let tenant = root(app).await?;
    let rows = app.store().read().await?.find_signing_keys(&tenant).await?;
    if !is_due(&rows, app.now()) {
        return Ok(());
    }
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let mut tx = app.store().begin_structural().await?;
        let now = app.now();
        let rows = tx.find_signing_keys(&tenant).await?;
        // Another node may have been quicker.
        if !is_due(&rows, now) {
            return Ok(());
        }
        let over: Vec<_> = rows.iter().filter(|it| is_over(it, now)).map(|it| it.info.id).collect();
        for id in &over {
            tx.delete_signing_key(&tenant, *id).await?;
        }
        let event = match over.first() {
            Some(first) if !rows.iter().any(|it| has_signed_enough(it, now)) => {
                Event::new(&tenant, EventKind::SigningKeyDeleted, *first, now)
            }
            _ => rotate(&app, &mut tx, &tenant, false, now).await?,
        };
        commit(&app, tx, event.touching(over.into_iter().map(Entity::from))).await
    })
    .await
}

fn is_due(rows: &[SigningKeyRow], now: Timestamp) -> bool {
    rows.iter().any(|it| is_over(it, now) || has_signed_enough(it, now))
}

fn is_over(row: &SigningKeyRow, now: Timestamp) -> bool {
    matches!(row.info.state, SigningKeyState::Retired { until } if until <= now)
}

fn has_signed_enough(row: &SigningKeyRow, now: Timestamp) -> bool {
    row.info.state == SigningKeyState::Current && row.info.current_at.is_some_and(|it| now.since(it) >= USED_FOR)
}

/// The event is about the key that signs now; where there is none, about the one that signs no more.
///
/// # Errors
/// [`RejectCode::MasterKeyMissing`], since another key has to be sealed. Not with `revoke`: whoever takes back what has leaked cannot wait until the
/// master key is found.
async fn rotate(app: &App, tx: &mut Tx, tenant: &Tenant, revoke: bool, now: Timestamp) -> OpResult<Event> {
    let rows = tx.find_signing_keys(tenant).await?;
    let before = find(&rows, SigningKeyState::Current).map(|it| &it.info);
    let mut touched: Vec<_> = before.iter().map(|it| it.id).collect();
    if revoke {
        // Those before it too: they lay sealed under one data key, and a leak may be learnt of after a rotation.
        let signed = rows.iter().filter(|it| it.info.state != SigningKeyState::Next).map(|it| it.info.id);
        touched = signed.collect();
        for id in &touched {
            tx.delete_signing_key(tenant, *id).await?;
        }
    } else if let Some(info) = before {
        let state = SigningKeyState::Retired { until: now.saturating_add(KEPT_FOR) };
        tx.update_signing_key(tenant, &SigningKeyInfo { state, ..info.clone() }).await?;
    }
    let current = match find(&rows, SigningKeyState::Next) {
        Some(row) => {
            let info = SigningKeyInfo { state: SigningKeyState::Current, current_at: Some(now), ..row.info.clone() };
            tx.update_signing_key(tenant, &info).await?;
            Some(info.id)
        }
        None => made(make(app, tx, tenant, SigningKeyState::Current, now).await, revoke)?,
    };
    touched.extend(current);
    touched.extend(made(make(app, tx, tenant, SigningKeyState::Next, now).await, revoke)?);
    let kind = if revoke { EventKind::SigningKeyRevoked } else { EventKind::SigningKeyRotated };
    let about = current.or_else(|| before.map(|it| it.id)).ok_or_else(nothing_signed)?;
    let what = json!({ "current": current.map(|it| it.to_string()) });
    Ok(Event::new(tenant, kind, about, now).after(&what).touching(touched.into_iter().map(Entity::from)))
}

fn nothing_signed() -> Reject {
    Reject::new(RejectCode::StateConflict, "No key has signed an access token yet, so there is nothing to revoke.")
}

fn made(result: OpResult<SigningKeyId>, revoke: bool) -> OpResult<Option<SigningKeyId>> {
    match result {
        Err(Error::Reject(reject)) if revoke && reject.code == RejectCode::MasterKeyMissing => Ok(None),
        other => other.map(Some),
    }
}

async fn make_first(app: &App) -> OpResult<()> {
    let tenant = root(app).await?;
    let mut tx = app.store().begin_structural().await?;
    if find(&tx.find_signing_keys(&tenant).await?, SigningKeyState::Current).is_some() {
        // Somebody else was quicker; what they made may not have come here yet.
        return crate::ops::transaction::settle(app, &mut tx).await;
    }
    let now = app.now();
    let current = make(app, &mut tx, &tenant, SigningKeyState::Current, now).await?;
    let next = make(app, &mut tx, &tenant, SigningKeyState::Next, now).await?;
    let event = Event::new(&tenant, EventKind::SigningKeyCreated, current, now).touching([next.into()]);
    commit(app, tx, event).await
}

async fn make(
    app: &App,
    tx: &mut Tx,
    tenant: &Tenant,
    state: SigningKeyState,
    now: Timestamp,
) -> OpResult<SigningKeyId> {
    let data_key = data_key(app, tx, tenant, Purpose::SigningKey, now).await?;
    let (info, sealed) = {
        let mut rng = app.rng();
        let key = SigningKey::generate(SigningKeyId::new(now, &mut *rng), &mut *rng);
        let current_at = (state == SigningKeyState::Current).then_some(now);
        let info = SigningKeyInfo { id: key.id(), state, public_key: key.public_key(), created_at: now, current_at };
        (info, data_key.seal_bytes(key.id(), key.expose(), &mut *rng))
    };
    tx.insert_signing_key(tenant, &info, data_key.id(), &sealed).await?;
    Ok(info.id)
}

fn open(app: &App, tenant: &Tenant, row: &SigningKeyRow) -> OpResult<SigningKey> {
    let id = row.info.id;
    let opened = opened(app, tenant, Purpose::SigningKey, &row.data_key)?.open_bytes(id, &row.sealed);
    let key = opened.ok().and_then(|bytes| SigningKey::from_kept(id, &bytes));
    let key = key.filter(|it| it.public_key() == row.info.public_key);
    key.ok_or_else(|| Error::Internal(format!("the signing key {id} does not open")))
}

async fn root(app: &App) -> OpResult<Tenant> {
    Ok(Tenant::system(root_id(&mut *app.store().read().await?).await?, JOB))
}
