//! Verification for hosts that ask over HTTP: whether a key is good, for whom it acts and what it may do.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::api::DEFAULT_API;
use claviger_core::decision::{Code, Decision, Traced};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::limits;
use claviger_core::permission::Asked;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use claviger_verifier::credential::Presented;
use claviger_verifier::facts::Facts;
use claviger_verifier::limiter::Admission;
use claviger_verifier::usage::Deprecation;
use claviger_verifier::verify::{About, Ask, Verdict};
use secrecy::{ExposeSecret, SecretString};

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

/// What a caller needs to ask about keys.
const VERIFY: &str = "claviger/keys:verify";

/// The key that is asked about: the subject, not a credential of the caller.
#[derive(Debug)]
pub enum Subject {
    /// A whole token.
    Key(SecretString),
    /// A pair.
    Pair {
        /// `access_key`.
        access: SecretString,
        /// `secret_key`.
        secret: SecretString,
    },
}

/// What is asked about it.
#[derive(Debug)]
pub struct VerifyRequest {
    /// The key.
    pub subject: Subject,
    /// The slug of the api that asks; by default [`claviger_core::api::DEFAULT_API`].
    pub api: Option<String>,
    /// The version of it that is called; it decides nothing.
    pub api_version: Option<String>,
    /// The organization the request is about: id, slug or external id; absent means the key's own.
    pub organization: Option<String>,
    /// The permissions needed, at most [`claviger_core::limits::PERMISSIONS_PER_REQUEST_MAX`].
    pub permissions: Vec<String>,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// How many requests it counts as, of what the key may use; at most [`claviger_core::limits::REQUEST_COST_MAX`].
    pub cost: u32,
    /// Whether to say how every check came out; counts no use and charges nothing.
    pub explain: bool,
}

/// A key, as its verifiers are told.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    /// Its identifier.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// The host's own data, as JSON text.
    pub metadata: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// An organization, as verifiers are told.
#[derive(Debug, Clone)]
pub struct VerifiedOrganization {
    /// Its identifier.
    pub id: OrganizationId,
    /// The wire's `shortname`.
    pub slug: String,
    /// The host's own identifier.
    pub external_id: Option<String>,
}

/// A mapped user, as verifiers are told.
#[derive(Debug, Clone)]
pub struct VerifiedUser {
    /// Its identifier.
    pub id: UserId,
    /// The host's own identifier.
    pub external_id: Option<String>,
    /// What people call the user.
    pub name: String,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct VerifyAnswer {
    /// Whether the key may pass.
    pub allowed: bool,
    /// Why not, if not.
    pub code: Option<Code>,
    /// The key, where the caller may know of it.
    pub key: Option<VerifiedKey>,
    /// The organization the request is about.
    pub organization: Option<VerifiedOrganization>,
    /// The user whose rights it carries.
    pub mapped_user: Option<VerifiedUser>,
    /// The name of its role.
    pub role: Option<String>,
    /// Everything the key may do there; empty when it may not pass.
    pub permissions: Vec<String>,
    /// Where the right is by element and a whole resource was asked for: the elements. Absent means all.
    pub elements: Option<BTreeSet<Box<str>>>,
    /// What the key's limits say, where it has any and they were asked: of an explanation, what they would say.
    pub limits: Option<Admission>,
    /// What to tell the client of the version that it calls, where that is to be left and the key may pass.
    pub deprecation: Option<Arc<Deprecation>>,
    /// How every check came out, where that was asked for.
    pub trace: Option<Vec<Traced>>,
    /// The instant at which what it rests on was known to be true.
    pub as_of: Timestamp,
    /// Milliseconds since then.
    pub stale_ms: u64,
}

/// Verifies a key. Needs `claviger/keys:verify`; a key out of the caller's reach is answered like an unknown one.
///
/// # Errors
/// Refusals of the caller or of the request's form; what is wrong with the subject is an answer, not an error.
pub fn verify_key(app: &App, caller: &Caller, request: &VerifyRequest) -> OpResult<VerifyAnswer> {
    Ok(Verifier::new(app, caller)?.verify(request)?)
}

/// Verifies several keys, in their order. Who asks is authorized once for all of them. A request whose form is refused does not keep the
/// others from being answered: they are about the requests of different people, and one must not speak for the others by what it sends.
///
/// # Errors
/// Refusals of the caller.
pub fn verify_keys(
    app: &App,
    caller: &Caller,
    requests: Vec<Result<VerifyRequest, Reject>>,
) -> OpResult<Vec<Result<VerifyAnswer, Reject>>> {
    let mut verifier = Verifier::new(app, caller)?;
    let answers = requests.into_iter().map(|it| it.and_then(|request| verifier.verify(&request)));
    Ok(answers.collect())
}

/// Somebody who may verify: what is the same for all keys that one request asks about.
pub(super) struct Verifier<'a> {
    pub(super) app: &'a App,
    caller: &'a Caller,
    verify: Asked<'static>,
    pub(super) now: Timestamp,
    age: Duration,
    /// The organization that was asked about last, and whether the caller may verify its keys: most hosts have many keys of few organizations.
    seen: Option<(OrganizationId, bool)>,
}

impl<'a> Verifier<'a> {
    /// # Errors
    /// Refuses who may verify nowhere.
    pub(super) fn new(app: &'a App, caller: &'a Caller) -> Result<Self, Reject> {
        let verify = Asked::parse(VERIFY).map_err(|error| Reject::new(RejectCode::Internal, error.to_string()))?;
        let place = authorize_somewhere(app, caller, &verify)?;
        Ok(Self { app, caller, verify, now: app.now(), age: app.replica().age(), seen: Some((place, true)) })
    }

    /// Whether the caller may know of an organization's keys.
    pub(super) fn sees(&mut self, organization_id: OrganizationId) -> bool {
        match self.seen {
            Some((id, sees)) if id == organization_id => sees,
            _ => {
                let sees = match self.caller.check(self.app, organization_id, &self.verify) {
                    Err(reject) if reject.is_suspended() => self.sees_suspended(organization_id),
                    answer => answer.is_ok(),
                };
                self.seen = Some((organization_id, sees));
                sees
            }
        }
    }

    /// Who may verify from above is to be told that an organization is suspended, and not that there is no such key.
    fn sees_suspended(&self, organization_id: OrganizationId) -> bool {
        let own = self.caller.user_id().map(|it| self.app.replica().memberships(it)).unwrap_or_default();
        let own: Vec<_> = own.iter().map(|it| it.organization_id).collect();
        let asked = std::slice::from_ref(&self.verify);
        self.caller.authorize_through_suspension(self.app, organization_id, asked, &own).is_some()
    }

    fn verify(&mut self, request: &VerifyRequest) -> Result<VerifyAnswer, Reject> {
        let asked = parse_permissions(&request.permissions)?;
        let (app, now, age) = (self.app, self.now, self.age);
        let unknown = |code| {
            let trace = request.explain.then(|| Traced::without_key(code));
            VerifyAnswer { trace, ..VerifyAnswer::denied(code, now, age) }
        };
        let presented = match &request.subject {
            Subject::Key(token) => Presented::token(token.expose_secret().as_bytes()),
            Subject::Pair { access, secret } => {
                Presented::pair(access.expose_secret().as_bytes(), secret.expose_secret().as_bytes())
            }
        };
        let Ok(presented) = presented else {
            app.tally().count(Some(Code::Malformed));
            return Ok(unknown(Code::Malformed));
        };
        let ask = Ask {
            organization: request.organization.as_deref().map_or(About::Own, About::Named),
            api: Some(request.api.as_deref().unwrap_or(DEFAULT_API)),
            permissions: &asked,
            ip: request.ip,
        };
        let (verdict, trace) = if request.explain {
            let (verdict, trace) = app.replica().explain(&presented, &ask, now);
            (verdict, Some(trace))
        } else {
            (app.replica().verify(&presented, &ask, now), None)
        };
        let code = verdict.decision().code();
        let visible = verdict.facts().filter(|it| self.sees(it.key_organization_id()));
        let Some(facts) = visible else {
            app.tally().count(code);
            return Ok(unknown(code.filter(|it| *it == Code::Malformed).unwrap_or(Code::NotFound)));
        };
        if is_unknown_api(app, code, &ask, facts.key_organization_id(), |it| self.sees(it)) {
            app.tally().count(code);
            // The key was presented and did not pass, and whoever looks after it is to see that: an explanation alone is no request of a client's.
            if !request.explain {
                verdict.record_denial(RejectCode::Decision(Code::WrongApi), now, request.ip, None);
            }
            return Err(unknown_api("/api"));
        }
        if request.explain {
            app.tally().count(code);
            let limits = verdict.look(request.cost, now);
            return Ok(VerifyAnswer { limits, ..VerifyAnswer::about(&verdict, &facts, code, trace, now, age) });
        }
        let limits = verdict.charge(request.cost, now);
        let code = code.or(limits.and_then(|it| it.refusal).map(|it| it.code));
        app.tally().count(code);
        let deprecation = match code {
            None => verdict.record_use_of_version(request.api_version.as_deref(), now, request.ip, None),
            Some(code) => {
                verdict.record_denial(RejectCode::Decision(code), now, request.ip, None);
                None
            }
        };
        Ok(VerifyAnswer { limits, deprecation, ..VerifyAnswer::about(&verdict, &facts, code, trace, now, age) })
    }
}

impl VerifiedUser {
    /// The user that a key is mapped to.
    pub(super) fn of(facts: &Facts<'_>) -> Option<Self> {
        Some(Self {
            id: facts.mapped_user_id()?,
            external_id: facts.mapped_user_external_id().map(str::to_owned),
            name: facts.mapped_user_name().unwrap_or_default().to_owned(),
        })
    }
}

impl VerifyAnswer {
    /// The answer about a key that the caller may know of.
    fn about(
        verdict: &Verdict<'_>,
        facts: &Facts<'_>,
        code: Option<Code>,
        trace: Option<Vec<Traced>>,
        now: Timestamp,
        age: Duration,
    ) -> Self {
        let elements = match verdict.decision() {
            Decision::Allowed { elements } if code.is_none() => elements.clone(),
            _ => None,
        };
        Self {
            allowed: code.is_none(),
            code,
            key: Some(VerifiedKey {
                id: facts.key_id(),
                name: facts.key_name(),
                metadata: facts.metadata_json(),
                expires_at: facts.expires_at(),
            }),
            organization: facts.organization_slug().map(|slug| VerifiedOrganization {
                id: facts.organization_id(),
                slug: slug.to_owned(),
                external_id: facts.organization_external_id().map(str::to_owned),
            }),
            mapped_user: VerifiedUser::of(facts),
            role: facts.role_name().map(str::to_owned),
            permissions: if code.is_none() { facts.permissions().to_texts() } else { Vec::new() },
            elements,
            limits: None,
            deprecation: None,
            trace,
            as_of: now.saturating_sub(age),
            stale_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The answer to a question that was not understood.
    pub fn undecided(app: &App) -> Self {
        Self { code: None, ..Self::denied(Code::Malformed, app.now(), app.replica().age()) }
    }

    /// The answer about a key of which nothing may be said.
    fn denied(code: Code, now: Timestamp, age: Duration) -> Self {
        Self {
            allowed: false,
            code: Some(code),
            key: None,
            organization: None,
            mapped_user: None,
            role: None,
            permissions: Vec::new(),
            elements: None,
            limits: None,
            deprecation: None,
            trace: None,
            as_of: now.saturating_sub(age),
            stale_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Refuses who may verify nowhere, before anything is said about the subject; and says one organization whose keys the caller may verify.
fn authorize_somewhere(app: &App, caller: &Caller, verify: &Asked<'_>) -> Result<OrganizationId, Reject> {
    match caller {
        Caller::Key { .. } => {
            let own = caller.home(app).ok_or_else(Reject::unauthenticated)?;
            caller.check(app, own, verify).map(|()| own)
        }
        Caller::Session { user_id, .. } => {
            let places = app.replica().memberships(*user_id);
            let mut refusal = Reject::not_found();
            for place in places {
                match caller.check(app, place.organization_id, verify) {
                    Ok(()) => return Ok(place.organization_id),
                    Err(reject) => refusal = reject,
                }
            }
            Err(refusal)
        }
    }
}

/// Whether an api is asked about that there is not, as far as the caller can see: another key would not help then, and `wrong_api` says that it would.
/// Of one that an organization elsewhere has defined nothing is told, not even that it is there. Looked at only once the key turned out not to
/// belong to it, so that a question that is answered costs nothing more; and of keys that the caller may know of, or one that is unknown would be
/// told from another's.
pub(super) fn is_unknown_api(
    app: &App,
    code: Option<Code>,
    ask: &Ask<'_>,
    key_organization_id: OrganizationId,
    mut sees: impl FnMut(OrganizationId) -> bool,
) -> bool {
    let (Some(Code::WrongApi), Some(slug)) = (code, ask.api) else { return false };
    // Whoever may know of a key may know of the apis that it could have been made for.
    let serves = |it| app.replica().path(key_organization_id).contains(&it);
    !app.replica().organization_of_api(slug).is_some_and(|it| serves(it) || sees(it))
}

/// The refusal of such a question.
pub(super) fn unknown_api(place: &'static str) -> Reject {
    let fix = "Ask for an api that there is: `GET /api/v1/organizations/{organization_id}/apis` lists them, each with its `slug`.";
    Reject { fix: Some(fix), ..Reject::field(place, "there is no api of this slug") }
}

fn parse_permissions(texts: &[String]) -> Result<Vec<Asked<'_>>, Reject> {
    let max = limits::PERMISSIONS_PER_REQUEST_MAX;
    if texts.len() > max {
        return Err(Reject::field("/permissions", format!("at most {max} permissions in one request")));
    }
    let parse =
        |(place, text)| Asked::parse(text).map_err(|error| Reject::field(format!("/permissions/{place}"), error));
    texts.iter().map(String::as_str).enumerate().map(parse).collect()
}
