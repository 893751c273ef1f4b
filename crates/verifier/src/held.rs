//! What the cells hold.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use claviger_core::decision::{Node, Place};
use claviger_core::feed::{OrganizationRecord, UserRecord};
use claviger_core::member;
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::policy::Policy;

use crate::cells::Known;

/// An organization with what follows from its ancestors.
#[derive(Debug)]
pub(crate) struct OrganizationCell {
    pub(crate) record: Arc<OrganizationRecord>,
    pub(crate) effective: Effective,
}

/// What follows from an organization's ancestors; computed again for the whole subtree whenever one of them changes.
#[derive(Debug)]
pub(crate) enum Effective {
    /// All of them are held.
    Whole {
        /// The organization and its ancestors, nearest first.
        path: Box<[Node]>,
        /// Whether it or one of them is suspended.
        suspended: bool,
        policy: Box<Policy>,
    },
    /// One of them is missing, or there are more levels than a tree may have: nothing below is in anybody's reach.
    Broken,
    /// One of them cannot be read.
    Unreadable,
}

impl OrganizationCell {
    /// As the decision sees it; a broken one has no path, so nothing reaches it and it reaches nothing.
    pub(crate) fn place(&self) -> Place<'_> {
        let allowed_ips = self.record.allowed_ips.as_ref();
        match &self.effective {
            Effective::Whole { path, suspended, .. } => Place { path, suspended: *suspended, allowed_ips },
            Effective::Broken | Effective::Unreadable => Place { path: &[], suspended: true, allowed_ips },
        }
    }

    pub(crate) fn policy(&self) -> Option<&Policy> {
        if let Effective::Whole { policy, .. } = &self.effective { Some(policy) } else { None }
    }
}

/// A user with all memberships, sorted by organization.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserCell {
    /// Absent where memberships were told of before the user.
    pub(crate) record: Option<Arc<Known<UserRecord>>>,
    pub(crate) memberships: Vec<Membership>,
}

/// One membership of a user.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) id: u128,
    pub(crate) organization: u32,
    pub(crate) role: u32,
    pub(crate) extra_permissions: PermissionSet,
    /// A newer record of it cannot be read: it still hides those farther up, but grants nothing.
    pub(crate) unreadable: bool,
}

impl UserCell {
    pub(crate) fn record(&self) -> Option<&UserRecord> {
        self.record.as_deref()?.here()
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.record.as_deref(), Some(Known::Unreadable(_)))
    }

    /// The membership that counts at the end of this path.
    pub(crate) fn nearest(&self, path: &[Node]) -> Option<&Membership> {
        // The path has 8 nodes at most and an operator may have thousands of memberships: only those on the path are looked at.
        let on_path = path.iter().filter_map(|node| Some((*node, self.at(node.0)?)));
        member::nearest(path, on_path)
    }

    fn at(&self, organization: u32) -> Option<&Membership> {
        let at = self.memberships.binary_search_by_key(&organization, |it| it.organization).ok()?;
        Some(&self.memberships[at])
    }
}

/// What few keys have and many of those alike: scopes and allow-list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Narrowing {
    pub(crate) scopes: Option<PermissionSet>,
    pub(crate) allowed_ips: Option<IpAllowList>,
}

impl Hash for Narrowing {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scopes.iter().flat_map(PermissionSet::iter).for_each(|it| it.hash(state));
        self.allowed_ips.iter().flat_map(IpAllowList::iter).for_each(|it| it.hash(state));
    }
}
