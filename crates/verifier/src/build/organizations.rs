//! Organizations, and what follows for those below when one of them changes.

use std::sync::Arc;

use claviger_core::decision::Node;
use claviger_core::feed::{Change, OrganizationRecord, Record};
use claviger_core::limits::TREE_LEVELS_MAX;
use claviger_core::policy::Policy;

use super::{Build, is_newer};
use crate::cells::Known;
use crate::entry::NONE;
use crate::held::{OrganizationCell, OrganizationState};

/// What follows for one organization from its ancestors.
type Derived = (OrganizationState, Option<Arc<Policy>>);

impl Build {
    pub(super) fn put_organization(&mut self, record: &OrganizationRecord) -> bool {
        let state = Arc::clone(&self.state);
        let Some(at) = state.organizations.intern(record.id.as_u128()) else {
            return false;
        };
        let parent = match record.parent_id.map(|id| state.organizations.intern(id.as_u128())) {
            Some(None) => return false,
            Some(parent) => parent,
            None => None,
        };
        if !is_newer(state.organizations.load(at).as_deref(), |it| it.record.version, record.version) {
            return false;
        }
        let Some(narrowing) = self.narrowings.take(&state, None, record.allowed_ips.as_ref(), None) else {
            return false;
        };
        let before = self.forget_organization(at);
        if let Some(parent) = parent {
            self.children.entry(parent).or_default().push(at);
        }
        for hash in self.names(record) {
            state.organization_names.insert(hash, at);
        }
        let record = Arc::new(record.clone());
        self.publish_organization(at, OrganizationCell { record, policy: None, narrowing });
        self.derive_children(at, 0);
        self.narrowings.give_back(&state, before);
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
        let before = self.forget_organization(at);
        let nowhere = OrganizationState::nowhere(matches!(known, Known::Unreadable(_)));
        self.state.organizations.publish(at, known);
        self.write_hot(at, &nowhere);
        self.derive_children(at, 0);
        self.narrowings.give_back(&self.state, before);
    }

    /// Whether a change gives an organization that is held another policy, by its own or by another parent. One that is not held has nobody
    /// who answers by its policy.
    pub(crate) fn would_change_policies(&self, change: &Change) -> bool {
        let Change::Put(record) = change else { return false };
        let Record::Organization(after) = &**record else { return false };
        let held = self.organization(after.id.as_u128());
        let before = held.as_deref().and_then(Known::here).map(|it| (&it.record.policy, it.record.parent_id));
        before.is_some_and(|it| it != (&after.policy, after.parent_id))
    }

    pub(super) fn organization(&self, id: u128) -> Option<Arc<Known<OrganizationCell>>> {
        let at = self.state.organizations.find(id)?;
        Option::clone(&self.state.organizations.load(at))
    }

    /// Takes it out of its parent's list and its names out of the index; answers with the place of its allow-list.
    fn forget_organization(&mut self, at: u32) -> u32 {
        let cell = self.state.organizations.load(at);
        let Some(before) = cell.as_deref().and_then(Known::here) else {
            return NONE;
        };
        for hash in self.names(&before.record) {
            self.state.organization_names.remove(hash, at);
        }
        let parent = before.record.parent_id.and_then(|id| self.state.organizations.find(id.as_u128()));
        if let Some(children) = parent.and_then(|it| self.children.get_mut(&it)) {
            children.retain(|it| *it != at);
        }
        before.narrowing
    }

    /// The hashes under which it is found; one where slug and external id are the same text.
    fn names(&self, record: &OrganizationRecord) -> Vec<u64> {
        let external_id = record.external_id.as_deref().filter(|it| *it != record.slug);
        let names = [Some(record.slug.as_str()), external_id].into_iter().flatten();
        names.map(|it| self.state.seed.of_bytes(it.as_bytes())).collect()
    }

    /// Publishes it with what follows from its ancestors. During a load that is put off, since they may not be there yet.
    fn publish_organization(&self, at: u32, cell: OrganizationCell) {
        let derived = (!self.loading).then(|| self.derive(at, &cell));
        let (hot, policy) = derived.unwrap_or_else(|| (OrganizationState::nowhere(false), None));
        self.state.organizations.publish(at, Known::Here(OrganizationCell { policy, ..cell }));
        self.write_hot(at, &hot);
    }

    fn write_hot(&self, at: u32, hot: &OrganizationState) {
        if let Some(place) = self.state.organizations.hot(at) {
            place.0.write(&hot.pack());
        }
    }

    /// Works out what was put off, from the roots down.
    pub(super) fn derive_all(&self) {
        for at in 0..self.state.organizations.len() {
            let cell = self.state.organizations.load(at);
            if cell.as_deref().and_then(Known::here).is_none_or(|it| it.record.parent_id.is_none()) {
                self.derive_again(at, 0);
            }
        }
    }

    fn derive_again(&self, at: u32, levels: usize) {
        let cell = self.state.organizations.load(at);
        if let Some(Known::Here(it)) = cell.as_deref() {
            let (record, narrowing) = (Arc::clone(&it.record), it.narrowing);
            self.publish_organization(at, OrganizationCell { record, policy: None, narrowing });
        }
        self.derive_children(at, levels);
    }

    fn derive_children(&self, at: u32, levels: usize) {
        // Rows that form a ring are below nothing; the bound ends the walk round it.
        if !self.loading && levels < TREE_LEVELS_MAX {
            for child in self.children.get(&at).into_iter().flatten() {
                self.derive_again(*child, levels + 1);
            }
        }
    }

    fn derive(&self, at: u32, cell: &OrganizationCell) -> Derived {
        let OrganizationRecord { suspended, policy, parent_id, .. } = &*cell.record;
        let nowhere = |unreadable| (OrganizationState::nowhere(unreadable), None);
        let whole = |above: &[Node], suspended, policy: Policy| {
            let path = std::iter::once(Node(at)).chain(above.iter().copied());
            let state = OrganizationState::at(path, suspended, &policy, cell.narrowing);
            state.map_or_else(|| nowhere(false), |it| (it, Some(Arc::new(policy))))
        };
        let Some(parent_id) = parent_id else {
            return whole(&[], *suspended, Policy::default().inherit(policy));
        };
        let parent = self.state.organizations.find(parent_id.as_u128());
        let Some((parent, hot)) = parent.and_then(|it| Some((it, self.state.organizations.hot(it)?))) else {
            return nowhere(false);
        };
        let above = OrganizationState::unpack(hot.0.read().0);
        if above.path().contains(&Node(at)) {
            return nowhere(false);
        }
        let inherited = self.state.organizations.load(parent);
        match inherited.as_deref().and_then(Known::here).and_then(|it| it.policy.as_deref()) {
            Some(inherited) => whole(above.path(), *suspended || above.suspended, inherited.inherit(policy)),
            None => nowhere(above.unreadable),
        }
    }
}
