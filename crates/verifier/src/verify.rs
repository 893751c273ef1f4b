//! Verification: from a credential to a verdict, and from a caller to a tenant.

use std::marker::PhantomData;
use std::net::IpAddr;

use claviger_core::decision::{Decision, Traced};
use claviger_core::id::{KeyId, OrganizationId, SecretId, UserId};
use claviger_core::permission::{Asked, PermissionSet};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::Digest;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::credential::Presented;
use crate::replica::Replica;

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

/// The answer about one credential. Short-lived: it holds on to what it was decided on.
#[derive(Debug)]
pub struct Verdict<'r> {
    _todo: PhantomData<&'r Replica>,
}

impl Verdict<'_> {
    /// The decision.
    pub fn decision(&self) -> &Decision {
        todo!("first landing")
    }

    /// Why the request may not pass, if it may not: the decision's code, or that policy denies keys in query strings.
    pub fn refusal(&self) -> Option<RejectCode> {
        todo!("first landing")
    }

    /// Whether the request may pass.
    pub fn is_allowed(&self) -> bool {
        todo!("first landing")
    }

    /// Whether the answer has to carry the warning about keys in query strings.
    pub fn warns_of_query(&self) -> bool {
        todo!("first landing")
    }

    /// What is known of the key; present whenever its digest was found, also when the answer is no.
    pub fn facts(&self) -> Option<Facts<'_>> {
        todo!("first landing")
    }

    /// Counts one use of the secret. No lock; allocates only when it meets a pair of address and user agent for the first time.
    pub fn record_use(&self, now: Timestamp, ip: Option<IpAddr>, user_agent: Option<&[u8]>) {
        let _ = (now, ip, user_agent);
        todo!("first landing")
    }
}

/// What is known of a key that was found.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'v> {
    _todo: PhantomData<&'v ()>,
}

impl<'v> Facts<'v> {
    /// The key.
    pub fn key_id(&self) -> KeyId {
        todo!("first landing")
    }

    /// Which of its secrets was presented.
    pub fn secret_id(&self) -> SecretId {
        todo!("first landing")
    }

    /// The key's name.
    pub fn key_name(&self) -> String {
        todo!("first landing")
    }

    /// The host's own data on it, as JSON text.
    pub fn metadata_json(&self) -> Option<String> {
        todo!("first landing")
    }

    /// When it ends.
    pub fn expires_at(&self) -> Option<Timestamp> {
        todo!("first landing")
    }

    /// The slug of the api it belongs to.
    pub fn api_slug(&self) -> Option<&'v str> {
        todo!("first landing")
    }

    /// The organization it stands in.
    pub fn key_organization_id(&self) -> OrganizationId {
        todo!("first landing")
    }

    /// The organization the request is about; the key's own where that is out of reach.
    pub fn organization_id(&self) -> OrganizationId {
        todo!("first landing")
    }

    /// Its slug; absent when the organization is not held.
    pub fn organization_slug(&self) -> Option<&'v str> {
        todo!("first landing")
    }

    /// Its external id.
    pub fn organization_external_id(&self) -> Option<&'v str> {
        todo!("first landing")
    }

    /// The user whose rights the key carries.
    pub fn mapped_user_id(&self) -> Option<UserId> {
        todo!("first landing")
    }

    /// The user's external id.
    pub fn mapped_user_external_id(&self) -> Option<&'v str> {
        todo!("first landing")
    }

    /// The user's name.
    pub fn mapped_user_name(&self) -> Option<&'v str> {
        todo!("first landing")
    }

    /// The name of the key's role, or of the mapped user's at the organization where the key has none.
    pub fn role_name(&self) -> Option<&'v str> {
        todo!("first landing")
    }

    /// Everything the key may do there: role, scopes and the mapped user's rights together. Computed on demand.
    pub fn permissions(&self) -> PermissionSet {
        todo!("first landing")
    }
}

impl Replica {
    /// Decides about a credential. A checksum that is wrong under a registered prefix is refused without hashing.
    pub fn verify(&self, presented: &Presented<'_>, ask: &Ask<'_>, now: Timestamp) -> Verdict<'_> {
        let _ = (presented, ask, now);
        todo!("first landing")
    }

    /// Decides about a credential of which only the digest is left.
    pub fn verify_digest(&self, digest: &Digest, ask: &Ask<'_>, now: Timestamp) -> Verdict<'_> {
        let _ = (digest, ask, now);
        todo!("first landing")
    }

    /// Like [`Self::verify`], and says how every check came out; the trace is empty when no key was found.
    pub fn explain(&self, presented: &Presented<'_>, ask: &Ask<'_>, now: Timestamp) -> (Verdict<'_>, Vec<Traced>) {
        let _ = (presented, ask, now);
        todo!("first landing")
    }

    /// Authorizes the bearer of a key, found before by its digest, for an organization of our own management API.
    /// The key has to belong to the api `default`.
    ///
    /// # Errors
    /// The refusal; an organization out of reach is answered like one that does not exist.
    pub fn authorize(
        &self,
        digest: &Digest,
        organization_id: OrganizationId,
        permissions: &[Asked<'_>],
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Tenant, Reject> {
        let _ = (digest, organization_id, permissions, ip, now);
        todo!("first landing")
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
        let _ = (user_id, organization_id, permissions, now);
        todo!("first landing")
    }
}
