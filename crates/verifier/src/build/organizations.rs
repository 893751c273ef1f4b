//! Organizations, and what follows for those below when one of them changes.

use std::sync::Arc;

use claviger_core::decision::Node;
use claviger_core::feed::OrganizationRecord;
use claviger_core::limits::TREE_LEVELS_MAX;
use claviger_core::policy::Policy;

use super::{Build, is_newer};
use crate::cells::Known;
use crate::held::{Effective, OrganizationCell};

impl Build {
    pub(super) fn put_organization(&mut self, record: &OrganizationRecord) -> bool {
        let Some(at) = self.state.organizations.intern(record.id.as_u128()) else {
            return false;
        };
        let parent = match record.parent_id {
            Some(id) => self.state.organizations.intern(id.as_u128()),
            None => None,
        };
        if record.parent_id.is_some() && parent.is_none()
            || !is_newer(self.state.organizations.load(at).as_deref(), |it| it.record.version, record.version)
        {
            return false;
        }
        self.forget_organization(at);
        if let Some(parent) = parent {
            self.children.entry(parent).or_default().push(at);
        }
        let record = Arc::new(record.clone());
        for hash in self.names(&record) {
            self.state.organization_names.insert(hash, at);
        }
        let effective = Effective::Broken;
        self.state.organizations.publish(at, Known::Here(OrganizationCell { record, effective }));
        self.derive(at);
        true
    }

    /// It is no more, or cannot be read; so is it for all below.
    pub(super) fn end_organization(&mut self, id: u128, known: Known<OrganizationCell>) {
        let Some(at) = self.state.organizations.intern(id) else {
            return;
        };
        if matches!(self.state.organizations.load(at).as_deref(), Some(Known::Gone)) {
            return;
        }
        self.forget_organization(at);
        self.state.organizations.publish(at, known);
        self.derive(at);
    }

    pub(super) fn organization(&self, id: u128) -> Option<Arc<Known<OrganizationCell>>> {
        let at = self.state.organizations.find(id)?;
        Option::clone(&self.state.organizations.load(at))
    }

    /// Takes it out of its parent's list and its names out of the index.
    fn forget_organization(&mut self, at: u32) {
        let cell = self.state.organizations.load(at);
        let Some(before) = cell.as_deref().and_then(Known::here) else {
            return;
        };
        for hash in self.names(&before.record) {
            self.state.organization_names.remove(hash, at);
        }
        let parent = before.record.parent_id.and_then(|id| self.state.organizations.find(id.as_u128()));
        if let Some(children) = parent.and_then(|it| self.children.get_mut(&it)) {
            children.retain(|it| *it != at);
        }
    }

    /// The hashes under which it is found; one where slug and external id are the same text.
    fn names(&self, record: &OrganizationRecord) -> Vec<u64> {
        let external_id = record.external_id.as_deref().filter(|it| *it != record.slug);
        let names = [Some(record.slug.as_str()), external_id].into_iter().flatten();
        names.map(|it| self.state.seed.of_bytes(it.as_bytes())).collect()
    }

    /// Works out what follows from the ancestors, for this organization and all below.
    fn derive(&self, at: u32) {
        if !self.loading {
            self.derive_below(at, 0);
        }
    }

    /// Works it out for all, from the roots down.
    pub(super) fn derive_all(&self) {
        for at in 0..self.state.organizations.len() {
            let cell = self.state.organizations.load(at);
            let is_root = cell.as_deref().and_then(Known::here).is_none_or(|it| it.record.parent_id.is_none());
            if is_root {
                self.derive_below(at, 0);
            }
        }
    }

    fn derive_below(&self, at: u32, levels: usize) {
        // Rows that form a ring are below nothing; what they hold stays broken.
        if levels > TREE_LEVELS_MAX {
            return;
        }
        let cell = self.state.organizations.load(at);
        if let Some(Known::Here(it)) = cell.as_deref() {
            let derived =
                OrganizationCell { record: Arc::clone(&it.record), effective: self.effective(at, &it.record) };
            self.state.organizations.publish(at, Known::Here(derived));
        }
        for child in self.children.get(&at).into_iter().flatten() {
            self.derive_below(*child, levels + 1);
        }
    }

    fn effective(&self, at: u32, record: &OrganizationRecord) -> Effective {
        let Some(parent_id) = record.parent_id else {
            let policy = Box::new(Policy::default().inherit(&record.policy));
            return Effective::Whole { path: [Node(at)].into(), suspended: record.suspended, policy };
        };
        let Some(parent) = self.organization(parent_id.as_u128()) else {
            return Effective::Broken;
        };
        match &*parent {
            Known::Unreadable(_) => Effective::Unreadable,
            Known::Gone => Effective::Broken,
            Known::Here(parent) => match &parent.effective {
                Effective::Broken => Effective::Broken,
                Effective::Unreadable => Effective::Unreadable,
                Effective::Whole { path, .. } if path.len() >= TREE_LEVELS_MAX => Effective::Broken,
                Effective::Whole { path, suspended, policy } => Effective::Whole {
                    path: std::iter::once(Node(at)).chain(path.iter().copied()).collect(),
                    suspended: record.suspended || *suspended,
                    policy: Box::new(policy.inherit(&record.policy)),
                },
            },
        }
    }
}
