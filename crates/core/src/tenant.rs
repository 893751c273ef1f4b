//! Tenancy: who acts, and where. A [`Tenant`] is made by authorizing a caller for an organization and in no other way,
//! and every store function on tenant data takes one; so an unscoped query cannot be written by accident.

use std::net::IpAddr;

use crate::decision::{Code, Decision, Grant, Reach, Request, decide, rights};
use crate::id::{KeyId, OrganizationId, UserId};
use crate::permission::PermissionSet;
use crate::reject::Reject;
use crate::time::Timestamp;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user in whose name it is done: of a session, or the one a key is mapped to.
    pub user_id: Option<UserId>,
    /// The key it was done with.
    pub key_id: Option<KeyId>,
    /// The job that did it, where nobody asked for it.
    pub job: Option<&'static str>,
    /// Where the request came from, where that is known.
    pub ip: Option<IpAddr>,
}

impl Actor {
    /// A user at the console.
    pub const fn session(user_id: UserId) -> Self {
        Self { user_id: Some(user_id), key_id: None, job: None, ip: None }
    }

    /// A key, in the name of the user it is mapped to.
    pub const fn key(key_id: KeyId, mapped_user_id: Option<UserId>) -> Self {
        Self { user_id: mapped_user_id, key_id: Some(key_id), job: None, ip: None }
    }
}

/// A caller that was authorized for an organization.
#[derive(Debug, Clone)]
pub struct Tenant {
    organization_id: OrganizationId,
    actor: Actor,
    rights: PermissionSet,
    reach: Reach,
}

impl Tenant {
    /// Authorizes: decides, and makes a tenant of `organization_id` if the answer is yes.
    ///
    /// `request.organization` has to be the place of `organization_id`, or the caller's own when they are the same.
    ///
    /// # Errors
    /// The refusal. An organization out of reach is answered like one that does not exist.
    pub fn authorize(
        organization_id: OrganizationId,
        actor: Actor,
        grant: &Grant<'_>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Self, Reject> {
        Self::check(grant, request, now)?;
        Ok(Self { organization_id, actor, rights: rights(grant), reach: grant.reach })
    }

    /// Decides alone, for who needs no tenant: working out what a caller holds costs more than the decision.
    ///
    /// # Errors
    /// As [`Self::authorize`].
    pub fn check(grant: &Grant<'_>, request: &Request<'_>, now: Timestamp) -> Result<(), Reject> {
        match decide(grant, request, now) {
            Decision::Allowed { .. } => Ok(()),
            Decision::Denied(Code::OutOfReach) => Err(Reject::not_found()),
            Decision::Denied(code) => Err(code.into()),
        }
    }

    /// The service itself, in one of its jobs; its name goes into the audit.
    pub fn system(organization_id: OrganizationId, job: &'static str) -> Self {
        let actor = Actor { user_id: None, key_id: None, job: Some(job), ip: None };
        Self { organization_id, actor, rights: PermissionSet::everything(), reach: Reach::Subtree }
    }

    /// The same, with the address that its caller's request came from.
    #[must_use]
    pub const fn calling_from(mut self, ip: Option<IpAddr>) -> Self {
        self.actor.ip = ip;
        self
    }

    /// The organization that was authorized.
    pub const fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    /// Who acts.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Everything the actor holds there. Nobody grants more than they hold.
    pub const fn rights(&self) -> &PermissionSet {
        &self.rights
    }

    /// How far down the tree the actor reaches. Nobody grants a longer reach than their own.
    pub const fn reach(&self) -> Reach {
        self.reach
    }
}
