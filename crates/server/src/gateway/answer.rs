//! From a question to its answer.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use claviger_core::api::DEFAULT_API;
use claviger_core::decision::Code;
use claviger_core::permission::Asked;
use claviger_core::reject::RejectCode;
use claviger_core::time::{Clock, Timestamp};
use claviger_verifier::credential::{Presented, Refused, Sources};
use claviger_verifier::limiter::Admission;
use claviger_verifier::replica::Replica;
use claviger_verifier::verify::{About, Ask};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::question::{Needed, Question, Stated};
use super::response;
use crate::metrics::Tally;

/// Whom a listener believes to be the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Everybody who can reach it: it stands on a loopback address.
    Everybody,
    /// Who sends `Claviger-Authorization` with a key that may verify.
    Credential,
}

impl Trust {
    /// The trust that fits a listener's address.
    pub const fn of(address: IpAddr) -> Self {
        if address.is_loopback() { Self::Everybody } else { Self::Credential }
    }
}

/// Why a request may not pass, and the status that its client should see.
#[derive(Debug)]
struct Refusal {
    code: RejectCode,
    status: u16,
    /// What the key's limits said, where they refuse it.
    admission: Option<Admission>,
}

impl From<RejectCode> for Refusal {
    fn from(code: RejectCode) -> Self {
        Self { code, status: code.http_status(), admission: None }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        RejectCode::Decision(code).into()
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TwoCredentials => RejectCode::TwoCredentials.into(),
            Refused::IncompletePair | Refused::Malformed => Code::Malformed.into(),
        }
    }
}

/// What one worker answers from.
pub(super) struct Gateway {
    replica: Arc<Replica>,
    clock: Arc<dyn Clock>,
    trust: Trust,
    tally: Arc<Tally>,
}

impl Gateway {
    pub(super) const fn new(replica: Arc<Replica>, clock: Arc<dyn Clock>, trust: Trust, tally: Arc<Tally>) -> Self {
        Self { replica, clock, trust, tally }
    }

    /// Answers one request; it came from `peer`, which is the gateway.
    pub(super) fn answer(&self, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        if request.uri().path() != "/authz" {
            return response::nothing_here();
        }
        let mut question = Question::read(request.headers());
        let places = match question.api {
            Stated::No => self.replica.key_locations(DEFAULT_API),
            Stated::Once(slug) => self.replica.key_locations(slug),
            Stated::Unclear => None,
        };
        if let Some(places) = places {
            question.look_at(request.headers(), &places);
        }
        match self.decide(question, peer) {
            Ok(response) => {
                self.tally.count(None);
                response
            }
            Err(refusal) => {
                if let RejectCode::Decision(code) = refusal.code {
                    self.tally.count(Some(code));
                }
                response::refused(refusal.code, refusal.status, refusal.admission.as_ref())
            }
        }
    }

    fn decide(&self, question: Question<'_>, peer: IpAddr) -> Result<Response<Full<Bytes>>, Refusal> {
        let now = self.clock.now();
        let Question { client, gateway, needed, organization, api, api_version, ip, user_agent } = question;
        // Nothing offered is as little as something malformed.
        let presented = client.extract()?.ok_or(Code::Malformed)?;
        let ask = Ask {
            organization: match organization {
                Stated::No => About::Own,
                Stated::Once(reference) => About::Named(reference),
                Stated::Unclear => return Err(Code::OutOfReach.into()),
            },
            api: match api {
                Stated::No => Some(DEFAULT_API),
                Stated::Once(slug) => Some(slug),
                Stated::Unclear => return Err(Code::WrongApi.into()),
            },
            permissions: needed.permissions(),
            ip,
        };
        let verdict = self.replica.verify(&presented, &ask, now);
        let facts = verdict.facts();
        if self.trust == Trust::Credential {
            let subject = facts.map_or(About::Own, |it| About::Id(it.key_organization_id()));
            self.admit_gateway(gateway, subject, peer, now)?;
        }
        if let Some(code) = verdict.refusal() {
            verdict.record_denial(code, now, ip, user_agent);
            return Err(self.refusal(code, &presented, &ask, now));
        }
        // After the verdict, so that what cannot be held is told apart from a bad key.
        if matches!(needed, Needed::Unholdable) {
            verdict.record_denial(RejectCode::Decision(Code::InsufficientPermission), now, ip, user_agent);
            return Err(Code::InsufficientPermission.into());
        }
        let facts = facts.ok_or(Code::NotFound)?;
        // Last, so that nothing is charged for what is refused anyway.
        let admission = verdict.charge(1, now);
        if let Some(refusal) = admission.and_then(|it| it.refusal) {
            verdict.record_denial(RejectCode::Decision(refusal.code), now, ip, user_agent);
            return Err(Refusal { admission, ..refusal.code.into() });
        }
        // What is no version's name counts as none and is none that is to be left: nobody is refused by it.
        let version = match api_version {
            Stated::Once(version) => Some(version),
            Stated::No | Stated::Unclear => None,
        };
        let deprecation = verdict.record_use_of_version(version, now, ip, user_agent);
        let asks_for_list = ask.permissions.iter().any(Asked::is_list);
        Ok(response::allowed(&verdict, &facts, asks_for_list, admission.as_ref(), deprecation.as_deref()))
    }

    fn refusal(&self, code: RejectCode, presented: &Presented<'_>, ask: &Ask<'_>, now: Timestamp) -> Refusal {
        match code {
            // Before the first load ended no key is known, and none may be called unknown.
            RejectCode::Decision(Code::NotFound) if !self.replica.is_ready() => Code::Stale.into(),
            RejectCode::Decision(Code::InsufficientPermission) if self.is_hidden(presented, ask, now) => {
                Refusal { status: RejectCode::NotFound.http_status(), ..code.into() }
            }
            code => code.into(),
        }
    }

    /// Whether what was refused has to look as if it were not there: the key may read some elements of the resource,
    /// and this one not. Where it may read none at all, or may read this one and only not do what it asked for, the
    /// truth is told, for it says nothing about what exists.
    fn is_hidden(&self, presented: &Presented<'_>, ask: &Ask<'_>, now: Timestamp) -> bool {
        let may = |asked: Asked<'_>| {
            let permissions = [asked];
            self.replica.verify(presented, &Ask { permissions: &permissions, ..*ask }, now).is_allowed()
        };
        let elements = ask.permissions.iter().filter(|it| !it.is_list()).map(|it| it.reading());
        elements.into_iter().any(|read| !may(read) && may(read.on_whole_resource()))
    }

    /// Checks the gateway's own credential: a good key with `claviger/keys:verify` where the client's key stands.
    fn admit_gateway(
        &self,
        credential: Stated<'_>,
        subject: About<'_>,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        // The client cannot help it that its gateway is not let in, and learns no more than that.
        const UNAVAILABLE: RejectCode = RejectCode::Unavailable;
        let Stated::Once(credential) = credential else { return Err(UNAVAILABLE.into()) };
        let mut sources = Sources::new();
        sources.header("authorization", credential.as_bytes());
        let presented = sources.extract().ok().flatten().ok_or(UNAVAILABLE)?;
        let verifying = Asked::parse("claviger/keys:verify").map_err(|_| UNAVAILABLE)?;
        let permissions = [verifying];
        let ask =
            |organization| Ask { organization, api: Some(DEFAULT_API), permissions: &permissions, ip: Some(peer) };
        let verdict = self.replica.verify(&presented, &ask(About::Own), now);
        if !verdict.is_allowed() {
            return Err(UNAVAILABLE.into());
        }
        verdict.record_use(now, Some(peer), None);
        if subject != About::Own && !self.replica.verify(&presented, &ask(subject), now).is_allowed() {
            // A key that stands outside the gateway's reach is unknown there.
            return Err(Code::NotFound.into());
        }
        Ok(())
    }
}
