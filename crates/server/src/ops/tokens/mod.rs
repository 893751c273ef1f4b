//! Access tokens: got by signing in with a key, good for a short time, gone with their key.

mod client;
mod issue;
mod revoke;
mod sign_in;
mod signing_keys;

use std::net::IpAddr;

use claviger_core::decision::Code;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use claviger_verifier::facts::Facts;
use claviger_verifier::verify::Verdict;

use crate::app::App;
use crate::ops::caller::denied;
use crate::rates::{Subject, Surface};

pub use client::{ClientRequest, token_for_client};
pub use issue::Issued;
pub(in crate::ops) use revoke::end_sign_in;
pub use revoke::{RevokeRequest, revoke_token};
pub use sign_in::{refresh, sign_in};
pub use signing_keys::{FirstSigningKey, keep_signing_keys, list_signing_keys, published_keys, rotate_signing_keys};

/// The key of a good credential, charged for a request; a refusal is remembered with the key.
fn admitted<'v>(app: &App, verdict: &'v Verdict<'_>, peer: &Peer, now: Timestamp) -> Result<Facts<'v>, Reject> {
    if let Some(code) = verdict.decision().code() {
        verdict.record_denial(RejectCode::Decision(code), now, peer.ip, peer.user_agent.as_deref());
        return Err(denied(verdict, code, now));
    }
    let facts = verdict.facts().ok_or_else(Reject::unauthenticated)?;
    // Nobody was authenticated before, so nobody was charged: and a signature costs more than most questions.
    if let Some(limited) = app.rates().of(Surface::Management)
        && let Err(exhausted) = limited.buckets.take(Subject::Key(facts.key_id()), &limited.rate, now)
    {
        let detail = "This key has asked for too many tokens, or for too much else.";
        return Err(Reject::until_later(RejectCode::Decision(Code::RateLimited), detail, exhausted.wait_secs()));
    }
    Ok(facts)
}

/// Who signs in, as far as the connection says.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// The address.
    pub ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<Vec<u8>>,
}
