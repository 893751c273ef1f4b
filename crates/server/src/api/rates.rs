//! How often a caller may ask: each key and each user at the console by its own allowance, whoever proves nothing by its network's.
//!
//! Answers say it in the fields of draft-ietf-httpapi-ratelimit-headers, `RateLimit-Policy` and `RateLimit`.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use claviger_core::decision::Code;
use claviger_core::rate::{Admitted, Exhausted, Rate, whole_secs};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use claviger_verifier::limiter::{Admission, Refusal};

use super::problem::Problem;
use super::{oauth, verify, verify_batch};
use crate::app::App;
use crate::limit_fields::LimitFields;
use crate::ops::caller::Caller;
use crate::rates::{Subject, Surface, network};

/// What a path is counted as.
pub(super) fn surface(path: &str) -> Surface {
    match path {
        verify::PATH | verify_batch::PATH | oauth::PATH => Surface::Verification,
        _ => Surface::Management,
    }
}

/// What is left of an allowance, for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    rate: Rate,
    remaining: u32,
    /// Seconds until nothing of it is used any more, or until it is worth asking again.
    secs: u64,
}

impl Allowance {
    fn left(rate: Rate, admitted: Admitted, now: Timestamp) -> Self {
        Self { rate, remaining: admitted.remaining, secs: whole_secs(admitted.full_at.since(now)) }
    }

    /// Writes it into an answer that has none yet. One name for all: a caller meets one such policy with each request.
    pub(super) fn write(self, response: &mut Response) {
        if LimitFields::stand_in(response.headers()) {
            return;
        }
        let policy = (self.rate.requests(), self.rate.period().as_secs());
        LimitFields::default().with("default", policy, (self.remaining, self.secs)).write(response.headers_mut());
    }

    fn refused(self) -> Response {
        let detail =
            format!("More than {} requests in {} seconds.", self.rate.requests(), self.rate.period().as_secs());
        let code = RejectCode::Decision(Code::RateLimited);
        let mut response = Problem::from(Reject::until_later(code, detail, self.secs)).into_response();
        self.write(&mut response);
        response
    }
}

fn used_up(rate: Rate, exhausted: Exhausted) -> Allowance {
    Allowance { rate, remaining: 0, secs: exhausted.wait_secs() }
}

/// Takes one request out of a caller's allowance; absent where there is no limit.
///
/// # Errors
/// The refusal, when nothing is left of it. In a box, since it is rare and large.
pub(super) fn take(app: &App, caller: &Caller, surface: Surface) -> Result<Option<Allowance>, Box<Response>> {
    let Some(limited) = app.rates().of(surface) else { return Ok(None) };
    let (rate, now) = (limited.rate, app.now());
    match limited.buckets.take(subject(caller), &rate, now) {
        Ok(admitted) => Ok(Some(Allowance::left(rate, admitted, now))),
        Err(exhausted) => Err(Box::new(used_up(rate, exhausted).refused())),
    }
}

/// Takes one request of the management API out of what the caller's key may use, as policy and the key itself say; absent where the key has no
/// limits. Who asks about the keys of others is not charged for it: what a host's gateway asks is not what its own key is used for, and a default
/// limit must not close the gate.
pub(super) fn charge_key(app: &App, caller: &Caller, surface: Surface) -> Option<Admission> {
    match (caller, surface) {
        (Caller::Key { key_id, .. }, Surface::Management) => app.replica().charge_key(*key_id, app.now()),
        _ => None,
    }
}

/// What is answered where a key's limits are used up.
pub(super) fn refuse_key(refusal: Refusal) -> Response {
    let detail = Reject::from(refusal.code).detail;
    let reject = Reject::until_later(RejectCode::Decision(refusal.code), detail, refusal.wait_secs());
    Problem::from(reject).into_response()
}

/// Takes what a batch of questions costs beyond the request that it came in: each of them is one, or who puts a thousand into each request would
/// ask a thousand times as often.
///
/// # Errors
/// A refusal of the batch where it is larger than the allowance ever is; else, inside, the one of who has to wait.
pub(super) fn take_batch(
    app: &App,
    caller: &Caller,
    questions: usize,
) -> Result<Result<Option<Allowance>, Box<Response>>, Reject> {
    let more = u32::try_from(questions.saturating_sub(1)).unwrap_or(u32::MAX);
    let Some(limited) = app.rates().of(Surface::Verification).filter(|_| more > 0) else { return Ok(Ok(None)) };
    let (rate, now) = (limited.rate, app.now());
    if more >= rate.requests() {
        let most = rate.requests();
        let detail =
            format!("each of them counts, and this server lets {most} through at once; send them in smaller batches");
        return Err(Reject::field("/requests", detail));
    }
    Ok(match limited.buckets.take_many(subject(caller), &rate, more, now) {
        Ok(admitted) => Ok(Some(Allowance::left(rate, admitted, now))),
        Err(exhausted) => Err(Box::new(used_up(rate, exhausted).refused())),
    })
}

fn subject(caller: &Caller) -> Subject {
    match caller {
        Caller::Key { key_id, .. } => Subject::Key(*key_id),
        Caller::Session { user_id, .. } => Subject::User(*user_id),
    }
}

/// What a request is answered that proved nothing: its refusal, or, where its network has had too many of them, that.
pub(super) fn refuse_stranger(app: &App, ip: Option<IpAddr>, problem: Problem) -> Response {
    // Too many tries are no proof that the next one is wrong, so only refusals for want of proof count: a good key is never held back by
    // what its neighbours send.
    let is_unproven = problem.status == StatusCode::UNAUTHORIZED;
    if let (Some(limited), Some(ip), true) = (app.rates().strangers(), ip, is_unproven)
        && let Err(exhausted) = limited.buckets.take(network(ip), &limited.rate, app.now())
    {
        return used_up(limited.rate, exhausted).refused();
    }
    problem.into_response()
}

/// Refuses whoever brings no key where its network has proved nothing too often. Asked before a session is looked up, which costs the database
/// a question.
///
/// # Errors
/// The refusal.
pub(super) fn refuse_exhausted_stranger(app: &App, ip: Option<IpAddr>, now: Timestamp) -> Result<(), Reject> {
    let (Some(limited), Some(ip)) = (app.rates().strangers(), ip) else { return Ok(()) };
    limited.buckets.look(&network(ip), &limited.rate, now).map_err(|exhausted| {
        let detail = "Too many requests without a valid credential came from this network.";
        Reject::until_later(RejectCode::Decision(Code::RateLimited), detail, exhausted.wait_secs())
    })
}
