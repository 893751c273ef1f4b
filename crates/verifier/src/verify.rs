//! Verification: from a credential to a verdict, and from a caller to a tenant.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use claviger_core::access_token::TokenKind;
use claviger_core::api::DEFAULT_API;
use claviger_core::decision::{self, Code, Decision, Node, Place, Target, Traced};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key_limits::Limits;
use claviger_core::permission::Asked;
use claviger_core::policy::{Policy, QueryStringKeys};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::{Digest, SecretState};
use claviger_core::tenant::{Actor, Tenant};
use claviger_core::time::Timestamp;

use crate::apis::Deprecation;
use crate::credential::Presented;
use crate::entry::NONE;
use crate::facts::Facts;
use crate::limiter::Admission;
use crate::replica::Replica;
use crate::resolve::{Aim, Resolved, Session, limits_of_key, session_request};
use crate::state::{Hit, State};
use crate::tokens::Proven;

/// The organization a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// The key's own.
    Own,
    /// The one of this identifier.
    Id(OrganizationId),
    /// The one of this id, slug or external id.
    Named(&'a str),
}

/// What is asked of a credential.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The organization it is about.
    pub organization: About<'a>,
    /// The slug of the api that asks; absent asks for none in particular.
    pub api: Option<&'a str>,
    /// The permissions needed, all of them.
    pub permissions: &'a [Asked<'a>],
    /// Where the request came from.
    pub ip: Option<IpAddr>,
}

/// What is left of a credential that was found, to decide about it again.
#[derive(Debug, Clone)]
pub struct Credential {
    pub(crate) digest: Digest,
    pub(crate) token: Option<Arc<Proven>>,
}

impl Credential {
    /// Of a secret.
    pub const fn of_secret(digest: Digest) -> Self {
        Self { digest, token: None }
    }

    /// The access token that was presented, where it was not the secret itself.
    pub fn token(&self) -> Option<&Proven> {
        self.token.as_deref()
    }
}

/// The answer about one credential. Short-lived: it holds on to what it was decided on.
pub struct Verdict<'r> {
    replica: &'r Replica,
    state: Guard<Arc<State>>,
    decision: Decision,
    found: Option<Resolved>,
    in_query: bool,
}

impl Verdict<'_> {
    /// The decision.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Why the request may not pass, if it may not: the decision's code, or that policy denies keys in query strings.
    pub fn refusal(&self) -> Option<RejectCode> {
        match self.decision.code() {
            // Said of good keys only: about others the policy of an organization is nobody's business.
            None => (self.query_policy() == Some(QueryStringKeys::Deny)).then_some(RejectCode::QueryStringKeyDenied),
            Some(code) => Some(RejectCode::Decision(code)),
        }
    }

    /// Whether the request may pass.
    pub fn is_allowed(&self) -> bool {
        self.refusal().is_none()
    }

    /// Whether the answer has to carry the warning about keys in query strings.
    pub fn warns_of_query(&self) -> bool {
        self.query_policy() == Some(QueryStringKeys::Warn)
    }

    /// What policy says, where the credential stood in the query string.
    fn query_policy(&self) -> Option<QueryStringKeys> {
        let found = self.found.as_ref().filter(|_| self.in_query)?;
        Some(found.organization.organization.query_string_keys)
    }

    /// What is known of the key; present whenever its digest was found, also when the answer is no.
    pub fn facts(&self) -> Option<Facts<'_>> {
        Some(Facts::new(&self.state, self.found.as_ref()?))
    }

    pub(crate) const fn replica(&self) -> &Replica {
        self.replica
    }

    /// Takes what the request costs out of what the key may use; nothing where it may not pass, and where the key has no limits. A request is
    /// decided first and charged afterwards, so what is refused for another reason costs nothing.
    pub fn charge(&self, cost: u32, now: Timestamp) -> Option<Admission> {
        let found = self.found.as_ref().filter(|_| self.is_allowed())?;
        self.replica.limiter.admit(found.hit.held.key_id, &found.limits(), cost, now)
    }

    /// What [`Self::charge`] would answer; takes nothing.
    pub fn look(&self, cost: u32, now: Timestamp) -> Option<Admission> {
        let found = self.found.as_ref()?;
        self.replica.limiter.look(found.hit.held.key_id, &found.limits(), cost, now)
    }

    /// Counts one use of the secret. No lock; allocates only when it meets a pair of address and user agent for the first time.
    pub fn record_use(&self, now: Timestamp, ip: Option<IpAddr>, user_agent: Option<&[u8]>) {
        if let Some(found) = &self.found {
            self.state.record_use(found.hit.at, &self.replica.origins.load(), now, ip, user_agent);
        }
    }

    /// The same of a request that names the version of the key's api that it calls, where it does, and says what its client is told of that version.
    /// A version that the api does not have is counted nowhere. The first request of a secret that names a version makes room for it; the
    /// others take no lock and allocate nothing.
    pub fn record_use_of_version(
        &self,
        version: Option<&str>,
        now: Timestamp,
        ip: Option<IpAddr>,
        user_agent: Option<&[u8]>,
    ) -> Option<Arc<Deprecation>> {
        let found = self.found.as_ref()?;
        let told = version.and_then(|it| self.state.record_version(found.hit.at, found.hit.held.api, it));
        self.record_use(now, ip, user_agent);
        told
    }

    /// Takes one use of the secret out of the count again: the request that it was counted for was let in, and refused after all. That the secret
    /// was used then stays. Of a request that a drain overtook, the use stays counted. For what was
    /// counted by [`Self::record_use`]: requests to our own API call no version, and those that do are charged before they are counted.
    pub fn take_back_use(&self) {
        if let Some(found) = &self.found {
            self.state.take_back_use(found.hit.at);
        }
    }
}

impl fmt::Debug for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verdict").field("decision", &self.decision).field("refusal", &self.refusal()).finish()
    }
}

/// Decides about a grant: with a trace or without.
type Decide<T> = fn(&decision::Grant<'_>, &decision::Request<'_>, Timestamp) -> (Decision, T);

impl Replica {
    /// Decides about a credential. A checksum that is wrong under a registered prefix is refused without hashing.
    pub fn verify(&self, presented: &Presented<'_>, ask: &Ask<'_>, now: Timestamp) -> Verdict<'_> {
        self.judge(presented, ask, now, |grant, request, now| (decision::decide(grant, request, now), ())).0
    }

    /// Decides about a secret of which only the digest is left.
    pub fn verify_digest(&self, digest: &Digest, ask: &Ask<'_>, now: Timestamp) -> Verdict<'_> {
        self.verify_again(&Credential::of_secret(*digest), ask, now)
    }

    /// Decides about a credential that was found before.
    pub fn verify_again(&self, credential: &Credential, ask: &Ask<'_>, now: Timestamp) -> Verdict<'_> {
        let decide: Decide<()> = |grant, request, now| (decision::decide(grant, request, now), ());
        let state = self.state.load();
        let hit = state.find(&credential.digest);
        self.judge_hit(state, hit, credential.token.clone(), ask, now, decide).0
    }

    /// Reads a token that one of our keys has signed; whether it is good is for [`Self::verify_token`] to say.
    pub fn prove(&self, token: &[u8], kind: TokenKind, now: Timestamp) -> Option<Arc<Proven>> {
        let state = self.state.load();
        self.proven_tokens.prove((token, &Digest::of_token(token)), kind, &state.signing_keys, &self.seed, now)
    }

    /// Decides about a token, of whichever kind.
    pub fn verify_token(&self, token: Arc<Proven>, ask: &Ask<'_>, now: Timestamp) -> Verdict<'_> {
        let decide: Decide<()> = |grant, request, now| (decision::decide(grant, request, now), ());
        let state = self.state.load();
        let hit = state.find_of_token(&token);
        self.judge_hit(state, hit, Some(token), ask, now, decide).0
    }

    /// Like [`Self::verify`], and says how every check came out; the trace is empty when no key was found.
    pub fn explain(&self, presented: &Presented<'_>, ask: &Ask<'_>, now: Timestamp) -> (Verdict<'_>, Vec<Traced>) {
        self.judge(presented, ask, now, decision::explain)
    }

    fn judge<T: Default>(
        &self,
        presented: &Presented<'_>,
        ask: &Ask<'_>,
        now: Timestamp,
        decide: Decide<T>,
    ) -> (Verdict<'_>, T) {
        let state = self.state.load();
        if presented.is_mistyped(|prefix| state.apis.load().is_prefix(prefix)) {
            return (self.without_key(state, Code::Malformed), T::default());
        }
        let digest = presented.digest();
        let prove =
            |token| self.proven_tokens.prove((token, &digest), TokenKind::Access, &state.signing_keys, &self.seed, now);
        // What looks like a token and is none of ours may be a key that was imported.
        let token = presented.as_token().and_then(prove);
        let hit = token.as_ref().map_or_else(|| state.find(&digest), |token| state.find_of_token(token));
        let (mut verdict, trace) = self.judge_hit(state, hit, token, ask, now, decide);
        verdict.in_query = presented.in_query();
        (verdict, trace)
    }

    fn judge_hit<T: Default>(
        &self,
        state: Guard<Arc<State>>,
        hit: Option<Hit>,
        token: Option<Arc<Proven>>,
        ask: &Ask<'_>,
        now: Timestamp,
        decide: Decide<T>,
    ) -> (Verdict<'_>, T) {
        let age = self.age();
        let Some(hit) = hit else {
            // A key made since would not be known yet: who has been without news for so long cannot say that there is none.
            let can_say = self.is_ready() && age <= Policy::default().max_stale();
            return (self.without_key(state, if can_say { Code::NotFound } else { Code::Stale }), T::default());
        };
        let aim = match ask.organization {
            About::Own => Aim::Own,
            About::Id(id) => Aim::at(&state, state.organizations.find(id.as_u128())),
            About::Named(reference) => Aim::at(&state, state.find_organization(reference)),
        };
        let found = Resolved::load(&state, hit, token, aim);
        let api = ask.api.map(|slug| api_node(&state, slug));
        let (decision, trace) = decide(&found.grant(age), &found.request(api, ask.permissions, ask.ip), now);
        (Verdict { replica: self, state, decision, found: Some(found), in_query: false }, trace)
    }

    fn without_key(&self, state: Guard<Arc<State>>, code: Code) -> Verdict<'_> {
        Verdict { replica: self, state, decision: Decision::Denied(code), found: None, in_query: false }
    }

    /// Authorizes the bearer of a key, found before, for an organization of our own management API.
    /// The key has to belong to the api `default`.
    ///
    /// # Errors
    /// The refusal; an organization out of reach is answered like one that does not exist.
    pub fn authorize(
        &self,
        credential: &Credential,
        organization_id: OrganizationId,
        permissions: &[Asked<'_>],
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Tenant, Reject> {
        self.with_caller(credential, organization_id, permissions, ip, |actor, grant, request| {
            Tenant::authorize(organization_id, actor, grant, request, now)
        })
    }

    /// Like [`Self::authorize`], for who only has to know whether.
    ///
    /// # Errors
    /// As [`Self::authorize`].
    pub fn check(
        &self,
        credential: &Credential,
        organization_id: OrganizationId,
        permissions: &[Asked<'_>],
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Reject> {
        self.with_caller(credential, organization_id, permissions, ip, |_, grant, request| {
            Tenant::check(grant, request, now)
        })
    }

    fn with_caller<T>(
        &self,
        credential: &Credential,
        organization_id: OrganizationId,
        permissions: &[Asked<'_>],
        ip: Option<IpAddr>,
        answer: impl FnOnce(Actor, &decision::Grant<'_>, &decision::Request<'_>) -> Result<T, Reject>,
    ) -> Result<T, Reject> {
        let state = self.state.load();
        let Some(hit) = state.find(&credential.digest) else {
            return Err(if self.is_ready() { Reject::unauthenticated() } else { Code::Stale.into() });
        };
        let aim = Aim::at(&state, state.organizations.find(organization_id.as_u128()));
        let found = Resolved::load(&state, hit, credential.token.clone(), aim);
        let held = found.hit.held;
        let mapped_user_id = state.users.id(held.mapped_user).map(UserId::from_u128);
        let actor = Actor::key(KeyId::from_u128(held.key_id), mapped_user_id);
        let request = found.request(Some(api_node(&state, DEFAULT_API)), permissions, ip);
        answer(actor, &found.grant(self.age()), &request)
    }

    /// Takes one request out of what a key may use, where it was decided already that it may pass. Absent where the key has no limits.
    pub fn charge_key(&self, key_id: KeyId, now: Timestamp) -> Option<Admission> {
        let limits = self.limits_of(key_id)?;
        self.limiter.admit(key_id.as_u128(), &limits, 1, now)
    }

    /// What a key may use at this moment; takes nothing. Absent where the key has no limits.
    pub fn look_at_key(&self, key_id: KeyId, now: Timestamp) -> Option<Admission> {
        let limits = self.limits_of(key_id)?;
        self.limiter.look(key_id.as_u128(), &limits, 1, now)
    }

    /// How often a key may be used; absent for one that is not held.
    pub fn limits_of(&self, key_id: KeyId) -> Option<Limits> {
        let state = self.state.load();
        Some(limits_of_key(&state, state.find_key(key_id.as_u128())?))
    }

    /// Whether a key may hear of something in an organization: what it could find out itself, from wherever it may be used. The secret that was
    /// presented when it subscribed may have been replaced since; the key is who hears.
    pub fn may_hear(
        &self,
        key_id: KeyId,
        organization_id: OrganizationId,
        permission: &Asked<'_>,
        now: Timestamp,
    ) -> bool {
        let state = self.state.load();
        let Some(hit) = state.find_key(key_id.as_u128()) else { return false };
        let aim = Aim::at(&state, state.organizations.find(organization_id.as_u128()));
        let found = Resolved::load(&state, hit, None, aim);
        let grant = found.grant(self.age());
        let organization = Place { allowed_ips: None, ..grant.organization };
        let grant = decision::Grant { secret: SecretState::Current, allowed_ips: None, organization, ..grant };
        let request = found.request(Some(api_node(&state, DEFAULT_API)), std::slice::from_ref(permission), None);
        let organization = match request.organization {
            Target::At(place) => Target::At(Place { allowed_ips: None, ..place }),
            other => other,
        };
        let decision = decision::decide(&grant, &decision::Request { organization, ..request }, now);
        // By element it hears of single things, and this is about all of them.
        matches!(decision, Decision::Allowed { elements: None })
    }

    /// Authorizes a user at the console. Allow-lists are about keys and do not bind sessions: an admin who mistypes one has to be able to mend it.
    ///
    /// # Errors
    /// The refusal; an organization in which the user is no member, itself or from above, is answered like one that does not exist.
    pub fn authorize_user(
        &self,
        user_id: UserId,
        organization_id: OrganizationId,
        permissions: &[Asked<'_>],
        now: Timestamp,
    ) -> Result<Tenant, Reject> {
        let state = self.state.load();
        let age = if self.is_ready() { self.age() } else { Duration::MAX };
        let user = state.users.find(user_id.as_u128());
        let organization = state.organizations.find(organization_id.as_u128());
        let session = user.zip(organization).and_then(|(user, at)| Session::load(&state, user, at));
        let Some(session) = session else {
            return Err(if self.is_ready() { Reject::not_found() } else { Code::Stale.into() });
        };
        let request = session_request(permissions);
        Tenant::authorize(organization_id, Actor::session(user_id), &session.grant(age), &request, now)
    }
}

/// The number of an api; of one that nobody knows a number that no key has.
fn api_node(state: &State, slug: &str) -> Node {
    Node(state.apis.load().number(slug).map_or(NONE, u32::from))
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
