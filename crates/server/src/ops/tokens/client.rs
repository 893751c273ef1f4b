//! Access tokens by the standard road: a client that sends its credentials (RFC 6749 §4.4).

use claviger_core::access_token::parse_scope;
use claviger_core::id::SignInId;
use claviger_core::reject::Reject;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};

use super::issue::{Grantee, Issued, Wanted, issue};
use super::{Peer, admitted};
use crate::app::App;
use crate::ops::error::OpResult;

/// What a client asks for.
#[derive(Debug, Default)]
pub struct ClientRequest {
    /// What narrows the token, as OAuth writes scopes; absent narrows nothing.
    pub scope: Option<String>,
    /// The organization that the token is for: id, slug or external id; absent means the key's own.
    pub organization: Option<String>,
}

/// Makes an access token for a key whose credentials were sent. There is no refresh token: the client can come again.
///
/// # Errors
/// Refusals: of the key as with every use of it; `invalid_field` at `scope` for what is no permission or not within what the key may do.
pub async fn token_for_client(
    app: &App,
    presented: &Presented<'_>,
    request: &ClientRequest,
    peer: &Peer,
) -> OpResult<Issued> {
    let now = app.now();
    let grantee = {
        let organization = request.organization.as_deref().map_or(About::Own, About::Named);
        let ask = Ask { organization, api: None, permissions: &[], ip: peer.ip };
        let verdict = app.replica().verify(presented, &ask, now);
        let facts = admitted(app, &verdict, peer, now)?;
        // A token got by a token would go on for ever.
        if facts.token().is_some() {
            return Err(Reject::unauthenticated().into());
        }
        verdict.record_use(now, peer.ip, peer.user_agent.as_deref());
        Grantee::new(&facts)
    };
    let scopes = request.scope.as_deref().filter(|it| !it.trim().is_empty()).map(parse_scope).transpose();
    let scopes = scopes.map_err(|error| Reject::field("scope", error))?;
    if let Some(scopes) = &scopes
        && let Some(beyond) = scopes.iter().find(|it| !grantee.allows(it))
    {
        return Err(Reject::field("scope", format!("the key may not `{beyond}`")).into());
    }
    let sign_in_id = SignInId::new(now, &mut *app.rng());
    issue(app, &grantee, Wanted { sign_in_id, shared_secret_id: None, ends_at: None, scopes, refresh_until: None })
        .await
}
