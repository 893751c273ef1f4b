//! The replica: what a node holds in memory of every live grant, for readers that take no lock.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::event::Position;
use claviger_core::id::{KeyId, OrganizationId, RoleId, UserId};
use claviger_core::policy::Policy;

use crate::writer::Writer;

/// Time since some fixed instant, by a clock that never goes back and is not set: the replica's age is measured with it, never with the calendar.
pub type Uptime = Box<dyn Fn() -> Duration + Send + Sync>;

/// What a node holds of every live grant.
#[derive(Debug)]
pub struct Replica {}

/// How much a replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Keys, revoked ones that are still told apart from unknown ones included.
    pub keys: usize,
    /// Their secrets.
    pub secrets: usize,
    /// Organizations.
    pub organizations: usize,
    /// Users.
    pub users: usize,
    /// Records that this build could not read: worth an alarm when it is not zero.
    pub unreadable: usize,
}

/// A membership with the facts of its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipFacts {
    /// Where the membership stands: the organization asked about or one above it.
    pub organization_id: OrganizationId,
    /// The role.
    pub role_id: RoleId,
    /// Its name; absent when the role is not held, and then it allows nothing.
    pub role_name: Option<Box<str>>,
    /// Whether it is the built-in admin role.
    pub is_admin: bool,
    /// Whether its holders may have keys; admins always may.
    pub api_access: bool,
}

impl Replica {
    /// An empty replica and its only writer. `seed` has to be unpredictable: it keeps ground digests from sharing one place.
    #[expect(clippy::new_ret_no_self, reason = "a replica without its writer would stay empty")]
    pub fn new(seed: [u8; 16], uptime: Uptime) -> (Arc<Self>, Writer) {
        let _ = (seed, uptime);
        todo!("first landing")
    }

    /// Whether everything has been loaded once.
    pub fn is_ready(&self) -> bool {
        todo!("first landing")
    }

    /// Up to where the log has been applied; absent before the first load ended.
    pub fn position(&self) -> Option<Position> {
        todo!("first landing")
    }

    /// Notes that its source was heard just now, saying that its own knowledge is `source_age` old (zero from the database itself).
    pub fn heard(&self, source_age: Duration) {
        let _ = source_age;
        todo!("first landing")
    }

    /// How long ago what it holds was known to be true.
    pub fn age(&self) -> Duration {
        todo!("first landing")
    }

    /// How much it holds.
    pub fn counts(&self) -> Counts {
        todo!("first landing")
    }

    /// The organization of this id, slug or external id, in this order.
    pub fn find_organization(&self, reference: &str) -> Option<OrganizationId> {
        let _ = reference;
        todo!("first landing")
    }

    /// The organization a key stands in.
    pub fn organization_of(&self, key_id: KeyId) -> Option<OrganizationId> {
        let _ = key_id;
        todo!("first landing")
    }

    /// The organization and its ancestors, nearest first; empty when it is not held.
    pub fn path(&self, organization_id: OrganizationId) -> Vec<OrganizationId> {
        let _ = organization_id;
        todo!("first landing")
    }

    /// What holds for an organization once its ancestors' settings are taken into account.
    pub fn policy(&self, organization_id: OrganizationId) -> Option<Policy> {
        let _ = organization_id;
        todo!("first landing")
    }

    /// All memberships of a user, for the view switch.
    pub fn memberships(&self, user_id: UserId) -> Vec<MembershipFacts> {
        let _ = user_id;
        todo!("first landing")
    }

    /// The membership of a user that counts in this organization: the nearest one on the way to the root.
    pub fn membership_at(&self, user_id: UserId, organization_id: OrganizationId) -> Option<MembershipFacts> {
        let _ = (user_id, organization_id);
        todo!("first landing")
    }
}
