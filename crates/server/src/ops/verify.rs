//! Verification for hosts that ask over HTTP: whether a key is good, for whom it acts and what it may do.

use std::collections::BTreeSet;
use std::net::IpAddr;

use claviger_core::decision::{Code, Traced};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::time::Timestamp;
use secrecy::SecretString;

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

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
    /// The organization the request is about: id, slug or external id; absent means the key's own.
    pub organization: Option<String>,
    /// The permissions needed, at most [`claviger_core::limits::PERMISSIONS_PER_REQUEST_MAX`].
    pub permissions: Vec<String>,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// Whether to say how every check came out; counts no use.
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
    /// The organization it stands in.
    pub organization: Option<VerifiedOrganization>,
    /// The user whose rights it carries.
    pub mapped_user: Option<VerifiedUser>,
    /// The name of its role.
    pub role: Option<String>,
    /// The permissions that were asked for.
    pub permissions: Vec<String>,
    /// Where the right is by element and a whole resource was asked for: the elements. Absent means all.
    pub elements: Option<BTreeSet<Box<str>>>,
    /// How every check came out, where that was asked for.
    pub trace: Option<Vec<Traced>>,
    /// The instant of the answer.
    pub as_of: Timestamp,
    /// Milliseconds since what it rests on was known to be true.
    pub stale_ms: u64,
}

/// Verifies a key. Needs `claviger/keys:verify`; a key out of the caller's reach is answered like an unknown one.
///
/// # Errors
/// Refusals of the caller or of the request's form; what is wrong with the subject is an answer, not an error.
pub fn verify_key(app: &App, caller: &Caller, request: &VerifyRequest) -> OpResult<VerifyAnswer> {
    let _ = (app, caller, request);
    unimplemented!("signature first")
}
