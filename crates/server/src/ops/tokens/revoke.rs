//! Taking tokens back (RFC 7009).

use std::sync::Arc;
use std::time::Duration;

use claviger_core::access_token::TokenKind;
use claviger_core::decision::Code;
use claviger_core::event::{Event, EventKind};
use claviger_core::limits::{ENDED_SIGN_INS_PER_KEY_MAX, REFRESH_TOKEN_SECS};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::{Actor, Tenant};
use claviger_core::time::Timestamp;
use claviger_store::Tx;
use claviger_verifier::credential::Presented;
use claviger_verifier::tokens::Proven;
use claviger_verifier::verify::{About, Ask};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Peer, admitted};
use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::transaction::{commit, on_task, settle};

const JOB: &str = "token-revocation";
/// When somebody may try again whose key has ended too many sign-ins: one by one they are forgotten.
const LATER_SECS: u64 = 3600;

/// What is asked.
#[derive(Debug)]
pub struct RevokeRequest {
    /// The token, of either kind.
    pub token: SecretString,
}

/// Ends the sign-in that a token comes from, and so all its tokens, on every node. What is no token of ours, or is over, is no error: it is
/// as good as revoked. Only the key that a token was made for takes it back; a key itself is revoked by other means.
///
/// # Errors
/// Refusals: `state_conflict` for a whole key, `not_found` for the token of another key, `rate_limited`.
pub async fn revoke_token(app: &App, presented: &Presented<'_>, request: &RevokeRequest, peer: &Peer) -> OpResult<()> {
    let now = app.now();
    let actor = client(app, presented, peer)?;
    let text = request.token.expose_secret().as_bytes();
    let prove = |kind| app.replica().prove(text, kind, now);
    let Some(token) = prove(TokenKind::Access).or_else(|| prove(TokenKind::Refresh)) else {
        return refuse_key(app, &request.token).map_err(Into::into);
    };
    if actor.key_id != Some(token.key_id()) {
        let detail = "The token was made for another key, and only that takes it back. Whoever may delete that key ends the token by reporting it as leaked.";
        // What is somebody else's, as everywhere. No policy stands in the way, and none would help.
        return Err(Reject::new(RejectCode::NotFound, detail).into());
    }
    if token.expires_at() <= now {
        return Ok(());
    }
    end(app, actor, token).await
}

/// The key that asks. No permission is asked for, nor one api in particular: what was made for a key it may end.
fn client(app: &App, presented: &Presented<'_>, peer: &Peer) -> Result<Actor, Reject> {
    let now = app.now();
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: peer.ip };
    let verdict = app.replica().verify(presented, &ask, now);
    let facts = admitted(app, &verdict, peer, now)?;
    verdict.record_use(now, peer.ip, peer.user_agent.as_deref());
    Ok(Actor { ip: peer.ip, ..Actor::key(facts.key_id(), facts.mapped_user_id()) })
}

/// Whoever would revoke a key like this would think that it is gone.
fn refuse_key(app: &App, token: &SecretString) -> Result<(), Reject> {
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
    let Ok(presented) = Presented::token(token.expose_secret().as_bytes()) else { return Ok(()) };
    if app.replica().verify(&presented, &ask, app.now()).facts().is_none() {
        return Ok(());
    }
    let detail = "This is a key and no access token. Revoke it with `POST /api/v1/organizations/{organization_id}/keys/{key_id}/revoke`, or in the console.";
    Err(Reject::new(RejectCode::StateConflict, detail))
}

async fn end(app: &App, actor: Actor, token: Arc<Proven>) -> OpResult<()> {
    // Where the key stands, and not what the token is for: a key that reaches many organizations is still one.
    let place = app.replica().organization_of(token.key_id()).unwrap_or_else(|| token.organization_id());
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let tenant = Tenant::system(place, JOB);
        let mut tx = app.store().begin().await?;
        match end_sign_in(&mut tx, &tenant, &token, &Value::Null, app.now()).await? {
            Some(event) => commit(&app, tx, Event { actor, ..event }).await,
            None => settle(&app, &mut tx).await,
        }
    })
    .await
}

/// Ends the sign-in that a token comes from; nothing where it has ended before. What is told beside stands in the event.
///
/// # Errors
/// `rate_limited` for too many of one key.
pub(in crate::ops) async fn end_sign_in(
    tx: &mut Tx,
    tenant: &Tenant,
    token: &Proven,
    told: &Value,
    now: Timestamp,
) -> OpResult<Option<Event>> {
    // As long as any token of the sign-in could be good.
    let until = now.saturating_add(Duration::from_secs(REFRESH_TOKEN_SECS));
    let (id, key_id) = (token.claims().sid, token.key_id());
    if !tx.end_sign_in(tenant, id, key_id, until).await? {
        return Ok(None);
    }
    // Every node keeps them all in memory, and each is a change in the log: whoever may do nothing else may do this.
    if tx.count_ended_sign_ins(tenant, key_id, ENDED_SIGN_INS_PER_KEY_MAX + 1).await?
        > u64::from(ENDED_SIGN_INS_PER_KEY_MAX)
    {
        let detail =
            "Too many tokens of this key were taken back within a day. Let them end by themselves, or rotate the key.";
        return Err(Reject::until_later(RejectCode::Decision(Code::RateLimited), detail, LATER_SECS).into());
    }
    let mut what = json!({ "key_id": key_id.to_string() });
    if !told.is_null() {
        what["leak"] = told.clone();
    }
    Ok(Some(Event::new(tenant, EventKind::SignInEnded, id, now).after(&what)))
}
