//! Introspection (RFC 7662): what a resource server that speaks OAuth is told about a token. It is an access token, or a whole key.

use claviger_core::api::DEFAULT_API;
use claviger_core::decision::Code;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use claviger_verifier::credential::Presented;
use claviger_verifier::facts::Facts;
use claviger_verifier::verify::{About, Ask};
use secrecy::{ExposeSecret, SecretString};

use super::caller::Caller;
use super::error::OpResult;
use super::verify::{VerifiedUser, Verifier, is_unknown_api, unknown_api};
use crate::app::App;

/// Why somebody may not introspect who lacks nothing but the permission.
const LACKING: RejectCode = RejectCode::Decision(Code::InsufficientPermission);

/// What is asked.
#[derive(Debug)]
pub struct IntrospectRequest {
    /// The token.
    pub token: SecretString,
    /// The slug of the api that asks; by default [`DEFAULT_API`].
    pub api: Option<String>,
    /// The organization that the token is to be used for: id, slug or external id; absent means the key's own.
    pub organization: Option<String>,
}

/// What is said about a good token.
#[derive(Debug, Clone)]
pub struct Introspection {
    /// The key.
    pub key_id: KeyId,
    /// What tells the token from others: its own name, or which of the key's secrets it is.
    pub token_id: String,
    /// When it was made.
    pub issued_at: Option<Timestamp>,
    /// The api it belongs to.
    pub api: String,
    /// Everything it may do.
    pub permissions: Vec<String>,
    /// The organization that was asked about.
    pub organization_id: OrganizationId,
    /// The host's own identifier of that.
    pub organization_external_id: Option<String>,
    /// The user whose rights it carries.
    pub mapped_user: Option<VerifiedUser>,
    /// When it stops being accepted.
    pub ends_at: Option<Timestamp>,
}

impl Introspection {
    fn new(facts: &Facts<'_>) -> Self {
        Self {
            key_id: facts.key_id(),
            token_id: facts.token().map_or_else(|| facts.secret_id().to_string(), |it| it.claims().jti.clone()),
            issued_at: facts.token().map_or_else(|| facts.secret_id().made_at(), |it| Some(it.issued_at())),
            api: facts.api_slug().unwrap_or_default(),
            permissions: facts.permissions().to_texts(),
            organization_id: facts.organization_id(),
            organization_external_id: facts.organization_external_id().map(str::to_owned),
            mapped_user: VerifiedUser::of(facts),
            ends_at: facts.secret_ends_at(),
        }
    }
}

/// Says what a token is good for; nothing at all where it is not good, or none that the caller may know of. Counts a use, as verifying does, but
/// charges nothing: RFC 7662 has no words for a token that is good and comes too often, and `active: false` would have clients throw it away. Of a
/// token of its own every key may know; of others it takes `claviger/keys:verify`.
///
/// # Errors
/// Refusals of the caller, and of an api that there is not.
pub fn introspect_token(app: &App, caller: &Caller, request: &IntrospectRequest) -> OpResult<Option<Introspection>> {
    match Verifier::new(app, caller) {
        Ok(mut verifier) => Ok(about_key(app, caller, request, verifier.now, |it| verifier.sees(it))?),
        Err(reject) if reject.code == LACKING && is_about_own(app, caller, request) => {
            Ok(about_key(app, caller, request, app.now(), |_| false)?)
        }
        Err(reject) => Err(reject.into()),
    }
}

fn is_own(caller: &Caller, facts: &Facts<'_>) -> bool {
    caller.key_id() == Some(facts.key_id())
}

/// Whether the token was made for the caller's key, or is this: good or not.
fn is_about_own(app: &App, caller: &Caller, request: &IntrospectRequest) -> bool {
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
    Presented::token(request.token.expose_secret().as_bytes())
        .is_ok_and(|it| app.replica().verify(&it, &ask, app.now()).facts().is_some_and(|it| is_own(caller, &it)))
}

/// What is said about a token of the caller's own, and about those of organizations that the caller sees.
fn about_key(
    app: &App,
    caller: &Caller,
    request: &IntrospectRequest,
    now: Timestamp,
    mut sees: impl FnMut(OrganizationId) -> bool,
) -> Result<Option<Introspection>, Reject> {
    let ask = Ask {
        organization: request.organization.as_deref().map_or(About::Own, About::Named),
        api: Some(request.api.as_deref().unwrap_or(DEFAULT_API)),
        permissions: &[],
        ip: None,
    };
    let Ok(presented) = Presented::token(request.token.expose_secret().as_bytes()) else { return Ok(None) };
    let verdict = app.replica().verify(&presented, &ask, now);
    let code = verdict.decision().code();
    app.tally().count(code);
    let mut is_visible = |it: &Facts<'_>| is_own(caller, it) || sees(it.key_organization_id());
    let Some(facts) = verdict.facts().filter(|it| is_visible(it)) else { return Ok(None) };
    if let Some(code) = code {
        verdict.record_denial(RejectCode::Decision(code), now, None, None);
        return match is_unknown_api(app, Some(code), &ask, facts.key_organization_id(), sees) {
            true => Err(unknown_api("api")),
            false => Ok(None),
        };
    }
    verdict.record_use(now, None, None);
    Ok(Some(Introspection::new(&facts)))
}
