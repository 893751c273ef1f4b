//! Signing in with a key and what the organization's shared secret has signed, and going on without them for a while.

use std::borrow::Cow;

use claviger_core::access_token::TokenKind;
use claviger_core::assertion::Assertion;
use claviger_core::decision::Code;
use claviger_core::id::OrganizationId;
use claviger_core::reject::{Ended, Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_verifier::verify::{About, Ask};
use secrecy::{ExposeSecret, SecretString};

use super::issue::{Grantee, Issued, Wanted, issue};
use super::{Peer, admitted};
use crate::app::App;
use crate::ops::error::OpResult;
use crate::ops::shared_secrets::{find_good, good_tokens};
use crate::ops::transaction::on_task;

const JOB: &str = "sign-in";

/// Signs in with an assertion: a JWT that names a key and is signed with the shared secret of that key's organization. It is good once.
///
/// What is wrong with its form is told to everybody, since that takes no secret to say; what is wrong with the key only to whose signature is proven.
///
/// # Errors
/// Refusals: `unauthenticated`, `assertion_refused`, those of the decision. `unavailable` while the database is away, since nobody could say
/// whether the assertion was used before.
pub async fn sign_in(app: &App, assertion: SecretString, peer: &Peer) -> OpResult<Issued> {
    let assertion = Assertion::parse(assertion).map_err(|error| refused(error.to_string(), error.fix()))?;
    let now = app.now();
    let organization_id = organization_of_key(app, &assertion, now)?;
    let tenant = Tenant::system(organization_id, JOB);
    let secrets = good_tokens(app, &tenant).await?;
    // Every one is tried, so that how long it takes says nothing of which it was.
    let signed: Vec<_> = secrets.iter().filter(|(_, it)| assertion.is_signed_with(it)).map(|(it, _)| it).collect();
    let shared_secret = *signed.first().ok_or_else(Reject::unauthenticated)?;
    let (shared_secret_id, ends_at) = (shared_secret.id, shared_secret.retiring_until(now));
    assertion.check_time(now).map_err(|error| refused(error.to_string(), error.fix()))?;
    let grantee = judge(app, &assertion, peer, now)?;
    remember(app, tenant, &assertion, now).await?;
    // Only now: who sends again what was overheard must not make a key look used.
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: peer.ip };
    let verdict = app.replica().verify_digest(&assertion.key_digest(), &ask, now);
    verdict.record_use(now, peer.ip, peer.user_agent.as_deref());
    drop(verdict);
    issue(app, &grantee, Wanted::refreshable(app, shared_secret_id, ends_at)).await
}

/// Notes that an assertion was used, or refuses it where it was before.
async fn remember(app: &App, tenant: Tenant, assertion: &Assertion, now: Timestamp) -> OpResult<()> {
    let (task, id_digest, until) = (app.clone(), assertion.id_digest(), assertion.remembered_until(now));
    on_task(app, async move {
        let mut tx = task.store().begin().await?;
        if !tx.use_assertion(&tenant, id_digest, until).await? {
            let fix = "Make an assertion for each sign-in, with a `jti` of its own, such as a random UUID.";
            return Err(refused("`jti` was used before in this organization.", fix).into());
        }
        tx.commit_unaudited("that an assertion was used is remembered for as long as it could be used again").await?;
        Ok(())
    })
    .await
}

fn organization_of_key(app: &App, assertion: &Assertion, now: Timestamp) -> Result<OrganizationId, Reject> {
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
    let verdict = app.replica().verify_digest(&assertion.key_digest(), &ask, now);
    let facts = verdict.facts();
    match (facts, verdict.decision().code()) {
        (Some(facts), _) => Ok(facts.key_organization_id()),
        (None, Some(Code::Stale)) => Err(Code::Stale.into()),
        (None, _) => Err(Reject::unauthenticated()),
    }
}

/// Decides about the key, whose bearer has proven to be its organization's client.
fn judge(app: &App, assertion: &Assertion, peer: &Peer, now: Timestamp) -> Result<Grantee, Reject> {
    let ask = Ask { organization: About::Named(assertion.shortname()), api: None, permissions: &[], ip: peer.ip };
    let verdict = app.replica().verify_digest(&assertion.key_digest(), &ask, now);
    let facts = admitted(app, &verdict, peer, now).map_err(|reject| match reject.code {
        RejectCode::Decision(Code::OutOfReach) => refused(
            "`shortname` is no organization that this key reaches.",
            "Put the slug of the key's own organization into `shortname`, or that of one below which the key reaches.",
        ),
        _ => reject,
    })?;
    if facts.key_name() != assertion.key_name() {
        return Err(refused(
            "`appname` is not the name of the key in `appkey`.",
            "Put the key's name into `appname`, letter for letter as its page has it.",
        ));
    }
    Ok(Grantee::new(&facts))
}

fn refused(detail: impl Into<Cow<'static, str>>, fix: &'static str) -> Reject {
    Reject { fix: Some(fix), ..Reject::new(RejectCode::AssertionRefused, detail) }
}

/// Gets another access token of the same sign-in, with the same scopes and for the same organization.
///
/// The refresh token that comes with it ends when the first one does: for longer than a day nobody goes on without the credentials themselves.
///
/// # Errors
/// Refusals: whatever is no refresh token of ours is `unauthenticated`, like every key that is not good any more.
pub async fn refresh(app: &App, token: &SecretString, peer: &Peer) -> OpResult<Issued> {
    let now = app.now();
    let proven = app.replica().prove(token.expose_secret().as_bytes(), TokenKind::Refresh, now);
    let proven = proven.ok_or_else(Reject::unauthenticated)?;
    let shared_secret_id = proven.claims().shared_secret;
    let mut wanted = Wanted {
        sign_in_id: proven.claims().sid,
        shared_secret_id,
        ends_at: None,
        scopes: proven.scopes().cloned(),
        refresh_until: Some(proven.expires_at()),
    };
    // Whoever deletes a shared secret, or rotates it at once, wants an end of what was got by it.
    if let (Some(id), Some(home)) = (shared_secret_id, app.replica().organization_of(proven.key_id())) {
        let good = find_good(app, &Tenant::system(home, JOB), id).await?;
        let good = good.ok_or_else(|| Reject::ended(Code::Expired, Ended::SharedSecret))?;
        wanted.ends_at = good.retiring_until(now);
    }
    let grantee = {
        let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: peer.ip };
        let verdict = app.replica().verify_token(proven, &ask, now);
        let facts = admitted(app, &verdict, peer, now)?;
        verdict.record_use(now, peer.ip, peer.user_agent.as_deref());
        Grantee::new(&facts)
    };
    issue(app, &grantee, wanted).await
}
